#!/usr/bin/env -S node --max-semi-space-size=4 --initial-old-space-size=64
// Plain JavaScript that any Node can parse, so that an old one gets a sentence instead of a syntax error.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// In the first line too, for whoever calls it as a program. A young generation of 8 MiB took 50 MiB off a process and no
// more CPU, one of 4 MiB another 25; and the pages that a source sends go with it. With an old generation that may reach
// 64 MiB at once, they do not set off a full collection every few MiB either: half the CPU of extract.
const flags = ['--max-semi-space-size=4', '--initial-old-space-size=64']

const [major, minor] = process.versions.node.split('.').map(Number)
if (major > 24 || (major === 24 && minor >= 12)) await run()
else await runWithLockedNode()

async function run() {
  const { enableCompileCache, registerHooks } = await import('node:module')
  // Beside the packages and not in /tmp, where others might leave code: a start costs 300 ms instead of 500, and 24 MiB less in a checkout.
  enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/millrace', import.meta.url)))
  const source = new URL('../src/cli/main.ts', import.meta.url)
  const inCheckout = existsSync(source)
  if (inCheckout) {
    // In a checkout 'millrace' means the sources, not a stale build.
    registerHooks({ resolve: (specifier, context, next) => next(specifier, { ...context, conditions: [...context.conditions, 'millrace:source'] }) })
  }
  const { main } = await import(inCheckout ? source.href : new URL('../dist/cli/main.js', import.meta.url).href)
  await main(process.argv)
}

/** The lock file brings a Node for a checkout: take that one when the one on the PATH is too old. */
async function runWithLockedNode() {
  const locked = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url))
  if (!existsSync(locked)) {
    console.error(`Millrace needs Node.js 24.12 or newer; this is ${process.version}. Install it from https://nodejs.org or with your version manager.`)
    process.exit(1)
  }
  const child = spawn(locked, [...flags, ...process.argv.slice(1)], { stdio: 'inherit' })
  // Signals are handed on; except that Ctrl-C on a terminal has reached the child already.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal))
  child.once('error', (error) => {
    console.error(`Millrace needs Node.js 24.12 or newer; this is ${process.version}, and ${locked} does not start: ${error.message}`)
    process.exit(1)
  })
  child.once('exit', (code, signal) => (signal === null ? process.exit(code ?? 1) : endBy(signal)))
}

function endBy(signal) {
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

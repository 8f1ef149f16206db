// `npm test`: prepares what the tests need, runs them, and prints their count as its last line. Arguments are passed on to Vitest.
// `npm run chaos` runs the whole chaos matrix, with `--soak` (or MILLRACE_SOAK_SECONDS) the soak alone.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { prepareChromium } from './support/chromium.ts'
import { prepareRedis } from './support/redis.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const chaos = process.argv.includes('--chaos')
const soak = chaos && (process.argv.includes('--soak') || (process.env['MILLRACE_SOAK_SECONDS'] ?? '') !== '')
const passed = process.argv.slice(2).filter((argument) => argument !== '--chaos' && argument !== '--soak')
const Counts = z.object({ passed: z.int(), failed: z.int(), skipped: z.int() })

prepareChromium()
prepareRedis() // the global set-up says what is missing, if it is
const folder = await mkdtemp(join(tmpdir(), 'millrace-counts-'))
const file = join(folder, 'counts.json')
const config = chaos ? ['--config', 'vitest.chaos.config.ts', ...(soak ? ['tests/chaos/full/soak.test.ts'] : ['--exclude', '**/soak.test.ts'])] : []
const child = spawn(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...config, ...passed], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, MILLRACE_TEST_COUNTS: file, ...(soak ? { MILLRACE_SOAK_SECONDS: process.env['MILLRACE_SOAK_SECONDS'] || '600' } : {}) },
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
const code = await new Promise<number>((resolve, reject) => {
  child.once('error', reject)
  child.once('exit', (status) => resolve(status ?? 1))
})
if (existsSync(file)) {
  const counts = Counts.parse(JSON.parse(readFileSync(file, 'utf8')))
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
} else console.error('The test runner ended without counting its tests.')
await rm(folder, { recursive: true })
process.exitCode = code

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { atFileEnd, describe, expect, temporaryFolder, test } from './support/test.ts'

/** Tells the program that it runs on Node 20; its own child processes see the truth. */
const onOldNode = `--import=data:text/javascript,${encodeURIComponent("Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.11.1' } })")}`

/** An installed package, as small as can be: the bin, and a `dist` that says how it was called. */
async function installedPackage(options: { lockedNode: boolean }): Promise<string> {
  const folder = await temporaryFolder()
  await cp(fileURLToPath(new URL('../bin', import.meta.url)), join(folder, 'bin'), { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await mkdir(join(folder, 'dist/cli'), { recursive: true })
  await writeFile(
    join(folder, 'dist/cli/main.js'),
    `export async function main(argv) {
       console.log(process.versions.node.split('.')[0], ...argv.slice(2))
       if (argv.includes('stay')) setInterval(() => undefined, 60_000)
       else process.exitCode = 3
     }`,
  )
  if (options.lockedNode) {
    await mkdir(join(folder, 'node_modules/.bin'), { recursive: true })
    await symlink(process.execPath, join(folder, 'node_modules/.bin/node'))
  }
  return folder
}

function start(folder: string, flags: readonly string[], args: readonly string[]) {
  const child = spawn(process.execPath, [...flags, join(folder, 'bin/millrace.js'), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  atFileEnd(() => void child.kill('SIGKILL'))
  const text = { out: '', error: '' }
  child.stdout.on('data', (chunk) => (text.out += String(chunk)))
  child.stderr.on('data', (chunk) => (text.error += String(chunk)))
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => ({ code, signal, ...text }))
  return { child, ended }
}

const major = process.versions.node.split('.')[0]

describe('bin/millrace.js', () => {
  test('runs what is built where there are no sources, and ends with its exit code', async () => {
    const folder = await installedPackage({ lockedNode: false })
    expect(await start(folder, [], ['runs', '--json']).ended).toEqual({ code: 3, signal: null, out: `${major} runs --json\n`, error: '' })
  })

  test('says which Node it needs when it is started by an old one', async () => {
    const folder = await installedPackage({ lockedNode: false })
    expect(await start(folder, [onOldNode], ['runs']).ended).toMatchObject({ code: 1, out: '', error: expect.stringContaining('needs Node.js 24.12 or newer') })
  })

  test('goes over to the Node that the lock file brought when it is started by an old one', async () => {
    const folder = await installedPackage({ lockedNode: true })
    expect(await start(folder, [onOldNode], ['runs', '--json']).ended).toEqual({ code: 3, signal: null, out: `${major} runs --json\n`, error: '' })
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('hands %s on to the Node it went over to', async (signal) => {
    const folder = await installedPackage({ lockedNode: true })
    const { child, ended } = start(folder, [onOldNode], ['stay'])
    await once(child.stdout, 'data')
    child.kill(signal)
    expect(await ended).toMatchObject({ signal, out: `${major} stay\n` })
  })
})

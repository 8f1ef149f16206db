import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { externalProcess } from '../../src/pipes/index.ts'
import { describe, expect, onTestFinished, temporaryFolder, test, waitFor } from '../support/test.ts'
import { createContext, isAlive, shell } from './scripts.ts'

const numbersIn = (messages: readonly string[]): number[] => messages.join(' ').split(/\s+/).map(Number).filter(Boolean)

describe('an abort', () => {
  test('ends the script and all it started, and says why', async () => {
    const stop = new AbortController()
    const { context, messages } = createContext({ signal: stop.signal })
    const running = externalProcess(context, { ...shell(`trap 'echo bye; exit 0' TERM; sleep 300 & echo $$ $!; wait`) })
    await waitFor(() => messages().length > 0, { what: 'the script to say who it is' })
    stop.abort(new Error('canceled by somebody'))
    await expect(running).rejects.toThrow('canceled by somebody')
    expect(messages().at(-1)).toBe('bye')
    for (const pid of numbersIn(messages().slice(0, 1))) await waitFor(() => !isAlive(pid), { what: `process ${String(pid)} to end` })
  })

  test('kills what does not end in time', async () => {
    const stop = new AbortController()
    const { context, messages } = createContext({ signal: stop.signal })
    const running = externalProcess(context, { ...shell(`trap '' TERM; sleep 300 & echo $$ $!; wait; sleep 300`), graceMs: 200 })
    await waitFor(() => messages().length > 0, { what: 'the script to say who it is' })
    stop.abort(new Error('canceled'))
    await expect(running).rejects.toThrow('canceled')
    for (const pid of numbersIn(messages())) await waitFor(() => !isAlive(pid), { what: `process ${String(pid)} to be killed` })
  })

  test('before the start starts nothing', async () => {
    const { context, lines } = createContext({ signal: AbortSignal.abort(new Error('too late')) })
    await expect(externalProcess(context, shell('echo started'))).rejects.toThrow('too late')
    expect(lines).toEqual([])
  })
})

describe('the end of a script', () => {
  test('is the end of what it left running, and its last words are heard first', async () => {
    const { context, messages } = createContext()
    await externalProcess(context, shell(`sleep 300 & echo $!; (sleep 0.3; echo from behind) & exit 0`))
    const [pid = '', words] = messages()
    expect(words).toBe('from behind')
    await waitFor(() => !isAlive(Number(pid)), { what: 'what it left running to end' })
  })

  test('leaves no guard behind', async () => {
    const { context } = createContext()
    await externalProcess(context, shell('true'))
    await expect(childrenOf(process.pid)).resolves.not.toContain('millrace-guard')
  })

  test.runIf(process.platform === 'linux')('comes when its worker dies between starting it and telling its guard; its folder goes too', async () => {
    const folder = await temporaryFolder()
    const pids = join(folder, 'pids')
    const own = join(folder, 'own (1) folder')
    await mkdir(own)
    const program = join(folder, 'worker.ts')
    await writeFile(
      program,
      `import { spawn } from 'node:child_process'
      import { startGuard } from ${JSON.stringify(fileURLToPath(new URL('../../src/pipes/guard.ts', import.meta.url)))}
      const guard = startGuard({ graceMs: 1000, folder: ${JSON.stringify(own)}, onMissing: () => {} })
      spawn('sh', ['-c', 'trap "" TERM; sleep 300 & echo $$ $! > "$0.new"; mv "$0.new" "$0"; wait; sleep 300', ${JSON.stringify(pids)}],
        { env: { ...process.env, ...guard.env }, detached: true, stdio: 'ignore' })`,
    )
    const worker = spawn(process.execPath, [program], { env: { PATH: process.env['PATH'] }, stdio: 'ignore' })
    onTestFinished(() => void worker.kill('SIGKILL'))
    await waitFor(() => existsSync(pids), { what: 'the script to say who it is' })
    const started = numbersIn([await readFile(pids, 'utf8')])
    onTestFinished(() => started.filter(isAlive).forEach((pid) => process.kill(pid, 'SIGKILL')))
    expect(started.map(isAlive)).toEqual([true, true])
    worker.kill('SIGKILL')
    for (const pid of started) await waitFor(() => !isAlive(pid), { what: `process ${String(pid)} to be ended` })
    await waitFor(() => !existsSync(own), { what: 'the private folder to be removed' })
  })

  test.each(['SIGKILL', 'SIGTERM'] as const)('comes when its worker dies by %s, and its folder goes too', async (signal) => {
    const folder = await temporaryFolder()
    const pids = join(folder, 'pids')
    const program = join(folder, 'worker.ts')
    await writeFile(
      program,
      `import { externalProcess } from ${JSON.stringify(fileURLToPath(new URL('../../src/pipes/index.ts', import.meta.url)))}
      const context = { signal: new AbortController().signal, runId: 'r', attempt: 1, log: () => {} }
      await externalProcess(context, { command: 'sh', graceMs: 1000,
        args: ['-c', 'trap "" TERM; sleep 300 & echo $$ $! > "$0.new"; mv "$0.new" "$0"; wait; sleep 300', ${JSON.stringify(pids)}] })`,
    )
    const worker = spawn(process.execPath, [program], { env: { PATH: process.env['PATH'], TMPDIR: folder }, stdio: 'ignore' })
    onTestFinished(() => void worker.kill('SIGKILL'))
    await waitFor(() => existsSync(pids), { what: 'the script to say who it is' })
    const started = numbersIn([await readFile(pids, 'utf8')])
    onTestFinished(() => started.filter(isAlive).forEach((pid) => process.kill(pid, 'SIGKILL')))
    expect(started.map(isAlive)).toEqual([true, true])
    worker.kill(signal)
    await once(worker, 'exit')
    for (const pid of started) await waitFor(() => !isAlive(pid), { what: `process ${String(pid)} to be ended` })
    await waitFor(async () => !(await readdir(folder)).some((name) => name.startsWith('millrace-process-')), { what: 'the private folder to be removed' })
  })
})

/** The command lines of a process's children. */
async function childrenOf(pid: number): Promise<string> {
  const ps = spawn('sh', [
    '-c',
    `for stat in /proc/[0-9]*/stat; do read -r child name state parent rest < "$stat" && [ "$parent" = ${String(pid)} ] && tr '\\0' ' ' < "\${stat%stat}cmdline"; done; true`,
  ])
  let text = ''
  ps.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(ps, 'close')
  return text
}

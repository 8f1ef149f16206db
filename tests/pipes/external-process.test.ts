import { existsSync } from 'node:fs'
import { chmod, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ConfigError, DataError, MillraceError } from '../../src/errors.ts'
import { externalProcess } from '../../src/pipes/index.ts'
import type { ExternalProcessOptions } from '../../src/pipes/index.ts'
import { describe, expect, onTestFinished, temporaryFolder, test } from '../support/test.ts'
import { createContext, node, shell } from './scripts.ts'

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

/** A variable of the worker's, for one test. */
function setVariable(name: string, value: string): void {
  process.env[name] = value
  onTestFinished(() => void delete process.env[name])
}

describe('what a script reports', () => {
  test('is answered: materializations with typed metadata, checks, custom messages', async () => {
    const { context, lines } = createContext()
    const done = await externalProcess(
      context,
      node(`
        send('opened', { extras: {} })
        send('report_asset_materialization', { asset_key: 'reports/model', data_version: 'd1',
          metadata: { rows: { raw_value: 3, type: '__infer__' }, page: { raw_value: 'https://example.com', type: 'url' } } })
        send('report_asset_check', { asset_key: 'reports/model', check_name: 'fresh', passed: false, severity: 'WARN', metadata: null })
        send('report_asset_check', { asset_key: 'reports/model', check_name: 'full', passed: true, metadata: { rows: { raw_value: 3, type: 'int' } } })
        send('report_custom_message', { payload: { a: [1, null] } })
        send('report_custom_message', { payload: null })
        send('closed', {})`),
    )
    const metadata = { rows: 3, page: { type: 'url', value: 'https://example.com' } }
    expect(done).toMatchObject({ metadata, customMessages: [{ a: [1, null] }, null], opened: true, exitCode: 0 })
    expect(done.materializations).toEqual({ 'reports/model': { metadata, dataVersion: 'd1' } })
    expect(done.checks).toEqual([
      { assetKey: 'reports/model', name: 'fresh', passed: false, severity: 'warn', metadata: {} },
      { assetKey: 'reports/model', name: 'full', passed: true, severity: 'error', metadata: { rows: { type: 'int', value: 3 } } },
    ])
    expect(lines).toEqual([
      { level: 'info', message: 'The script says that it materialized reports/model', fields: { rows: 3, page: 'https://example.com' } },
      { level: 'warn', message: 'The script says that the check fresh failed', fields: { assetKey: 'reports/model' } },
      { level: 'info', message: 'The script says that the check full passed', fields: { assetKey: 'reports/model', rows: 3 } },
    ])
  })

  test.each(['stdout', 'stderr'] as const)('may come between the lines of %s', async (transport) => {
    const { context, lines } = createContext()
    const fd = transport === 'stdout' ? 1 : 2
    const done = await externalProcess(context, {
      transport,
      extras: { day: 'monday' },
      ...node(`
        writeSync(${String(fd)}, 'before\\nwithout end')
        send('opened', { extras: {} })
        writeSync(${String(3 - fd)}, 'the other\\n')
        send('report_custom_message', { payload: context.extras.day })
        send('closed', {})
        writeSync(${String(fd)}, '1%\\r99%\\nafter')`),
    })
    expect(done.customMessages).toEqual(['monday'])
    const of = (stream: string) => lines.flatMap(({ message, fields }) => (fields['stream'] === stream ? [message] : []))
    expect(of(transport)).toEqual(['before', 'without end', '99%', 'after'])
    expect(of(transport === 'stdout' ? 'stderr' : 'stdout')).toEqual(['the other'])
  })

  test('that is no message is skipped and told of, and the rest counts', async () => {
    const { context, lines } = createContext()
    const done = await externalProcess(
      context,
      node(`
        send('opened', { extras: {} })
        sendLine('not json\\n\\n{"method": "log"}\\n[1]\\nnull\\n')
        send('log', { message: 1, level: 'INFO' })
        send('report_asset_check', { asset_key: 'a' })
        send('dance', { steps: 3 })
        send('constructor', {})
        sendLine('x'.repeat(17 * 1024 * 1024) + '\\n')
        send('report_custom_message', { payload: 'newer' }, '0.2')
        send('report_custom_message', { payload: 'newer still' }, '1.0')
        send('closed', {})
        sendLine('{"__dagster_pipes_version": "0.1", "meth')`),
    )
    expect(done.customMessages).toEqual(['newer', 'newer still'])
    expect(lines.filter(({ level }) => level === 'debug').map(({ message }) => message)).toEqual([
      'The script sent a message of the unknown method dance; it was skipped',
      'The script sent a message of the unknown method constructor; it was skipped',
    ])
    const warnings = lines.filter(({ level }) => level === 'warn').map(({ message }) => message)
    expect(warnings).toHaveLength(9)
    expect(warnings[0]).toContain('it is not JSON')
    expect(warnings[1]).toContain('`__dagster_pipes_version`')
    expect(warnings[4]).toContain('the parameters of `log` are wrong')
    expect(warnings[5]).toContain('the parameters of `report_asset_check` are wrong')
    expect(warnings[6]).toBe('A message of 17825792 bytes is too long; it was skipped')
    expect(warnings[7]).toContain('The script speaks version 0.2 of the protocol, Millrace 0.1')
    expect(warnings[8]).toContain('it is not JSON')
  })

  test('is refused when it is more than may stay in memory', async () => {
    const { context } = createContext()
    const error = await failure(
      externalProcess(
        context,
        node(`for (let n = 0; n < 5; n++) send('report_custom_message', { payload: 'x'.repeat(15 * 1024 * 1024) }); setInterval(() => {}, 1000)`),
      ),
    )
    expect(error).toBeInstanceOf(DataError)
    expect(error).toMatchObject({ code: 'PROCESS_REPORTS_TOO_LARGE' })
  })

  test('is nothing of a script that knows no pipes', async () => {
    const { context, lines } = createContext()
    expect(await externalProcess(context, shell('echo hello'))).toMatchObject({ opened: false, metadata: {}, checks: [], customMessages: [] })
    expect(lines).toEqual([
      { level: 'info', message: 'hello', fields: { stream: 'stdout' } },
      { level: 'debug', message: 'sh -c echo hello ended with exit code 0 and reported nothing: it never opened Dagster Pipes', fields: {} },
    ])
  })
})

describe('the log', () => {
  test('has the script’s levels, and its streams', async () => {
    const script = node(`
      send('opened', {})
      for (const level of ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL', 'Level 25']) send('log', { message: level, level })
      send('log_external_stream', { stream: 'spark', text: 'half', extras: {} })
      send('log_external_stream', { stream: 'spark', text: ' and half\\nlast', extras: {} })
      send('closed', {})`)
    const { context, lines } = createContext()
    await externalProcess(context, script)
    expect(lines.map(({ level, message }) => [message, level])).toEqual([
      ['DEBUG', 'debug'],
      ['INFO', 'info'],
      ['WARNING', 'warn'],
      ['ERROR', 'error'],
      ['CRITICAL', 'error'],
      ['Level 25', 'info'],
      ['half and half', 'info'],
      ['last', 'info'],
    ])
    expect(lines.at(-1)?.fields).toEqual({ stream: 'spark' })

    // A log that is but a function.
    const plain: unknown[] = []
    await externalProcess({ ...context, log: (message, fields) => void plain.push([message, fields]) }, script)
    expect(plain.slice(0, 3)).toEqual([
      ['DEBUG', { severity: 'debug' }],
      ['INFO', {}],
      ['WARNING', { severity: 'warn' }],
    ])
  })

  test('has no colours, no secrets by their form, and none that the script was handed', async () => {
    setVariable('THE_PASSWORD', 'from the worker')
    const { context, messages } = createContext()
    const error = await failure(
      externalProcess(context, {
        ...shell(
          `printf '\\033[31mred\\033[0m %s\\n' "$API_KEY"; echo postgres://me:secret@host/db; echo "$SHORT_KEY $SIGNING_KEY $THE_PASSWORD"; echo "$API_KEY" >&2; exit 3`,
        ),
        env: { API_KEY: 'k-123456', SHORT_KEY: 'abc', SIGNING_KEY: 'line one\nline two' },
        inheritEnv: true,
      }),
    )
    expect(messages()).toEqual(['red [redacted]', 'postgres://me:[redacted]@host/db', 'abc [redacted]', '[redacted] [redacted]', '[redacted]'])
    expect((error as Error).message).not.toContain('k-123456')
  })

  test('keeps the first and the last lines of a script that says too much, and no more in memory', async () => {
    const { context, messages } = createContext()
    const before = process.memoryUsage().rss
    let peak = 0
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 10)
    onTestFinished(() => clearInterval(watch))
    await externalProcess(context, {
      ...shell(
        `echo first; yes ${'a'.repeat(99)} | head -c 20000000; echo last; printf 'without end'; head -c 300000000 /dev/zero | tr '\\0' b >&2; printf c >&2`,
      ),
      maxLogLines: 10,
    })
    const logged = messages().filter((message) => !message.startsWith('sh -c'))
    const out = logged.filter((message) => !message.startsWith('b'))
    expect(out).toHaveLength(10 + 2 + 100)
    expect(out[0]).toBe('first')
    expect(out.slice(10, 12)).toEqual([
      'The script wrote 10 lines of stdout; of the rest, the last 100 follow when it ends',
      `${String(200_000 + 3 - 110)} lines of stdout are left out here`,
    ])
    expect(out.slice(-2)).toEqual(['last', 'without end'])
    expect(logged.filter((message) => message.startsWith('b'))).toEqual([`${'b'.repeat(8000)} … (${String(300_000_001 - 8000)} more)`])
    // Of 300 MB in one line and 20 MB in short ones; what nobody holds is collected when the runtime sees fit.
    expect(peak - before).toBeLessThan(180_000_000)
  })
})

describe('what a script is handed', () => {
  test('are the variables that are named and a few harmless ones, or all where that is asked for', async () => {
    setVariable('DATABASE_PASSWORD', 'worker-secret')
    const report = `send('report_custom_message', { payload: Object.keys(process.env) })`
    const named = await externalProcess(createContext().context, { ...node(report), env: { MINE: '1', HOME: undefined } })
    const names = named.customMessages[0] as string[]
    expect(names).toEqual(expect.arrayContaining(['MINE', 'PATH', 'DAGSTER_PIPES_CONTEXT', 'DAGSTER_PIPES_MESSAGES']))
    expect(names).not.toContain('DATABASE_PASSWORD')
    expect(names).not.toContain('HOME')
    const all = await externalProcess(createContext().context, { ...node(report), inheritEnv: true, env: { MINE: '1' } })
    expect(all.customMessages[0]).toEqual(expect.arrayContaining(['MINE', 'DATABASE_PASSWORD']))
  })

  test('is a private folder of files that is gone afterwards, however the script ends', async () => {
    const report = `
      const { statSync } = require('node:fs'), { dirname } = require('node:path')
      const mode = (path) => (statSync(path).mode & 0o777).toString(8)
      console.log(channel.path)
      console.log([bootstrap.path, channel.path, dirname(channel.path)].map(mode).join())`
    for (const end of ['', 'process.exit(3)', `process.kill(process.pid, 'SIGKILL')`]) {
      const { context, messages } = createContext()
      await failure(externalProcess(context, node(`${report}\n${end}`)))
      const [path = '', modes] = messages()
      expect(modes).toBe('600,600,700')
      expect(existsSync(dirname(path))).toBe(false)
    }
  })

  test('has no limit by files; by the environment it is refused with a reason', async () => {
    const extras = { text: Array.from({ length: 40_000 }, (_, n) => (n * 7919).toString(36)).join() }
    const report = node(`send('report_custom_message', { payload: context.extras.text.length })`)
    expect((await externalProcess(createContext().context, { ...report, extras })).customMessages).toEqual([extras.text.length])
    expect(await failure(externalProcess(createContext().context, { ...report, extras, transport: 'stdout' }))).toMatchObject({
      code: 'PROCESS_CONTEXT_TOO_LARGE',
    })
  })
})

describe('a script that fails', () => {
  test('is an error with its exit code, its exception and its last words', async () => {
    const { context } = createContext()
    const error = await failure(
      externalProcess(
        context,
        node(`
          console.error('one'); console.error('two')
          const inner = { message: 'KeyError: 1', stack: ['  in deep'], name: 'KeyError', cause: null, context: null }
          send('closed', { exception: { message: 'ValueError: no rows\\n', stack: ['  in main', '  in load'], name: 'ValueError', cause: inner, context: null } })
          process.exitCode = 3`),
      ),
    )
    expect(error).toBeInstanceOf(MillraceError)
    const { message, code, retryable, cause } = error as MillraceError & { cause: Error & { cause: Error } }
    expect(message).toContain('ended with exit code 3: ValueError: no rows\nThe last lines of its stderr:\none\ntwo')
    expect([code, retryable]).toEqual(['PROCESS_EXIT', true])
    expect([cause.name, cause.message, cause.stack]).toEqual(['ValueError', 'ValueError: no rows', 'ValueError: no rows\n  in main  in load'])
    expect(cause.cause.name).toBe('KeyError')
  })

  test('but ends with exit code 0 has its exception in the log', async () => {
    const { context, lines } = createContext()
    await externalProcess(context, node(`send('opened', {}); send('closed', { exception: { message: 'caught', stack: ['s'], name: null } })`))
    expect(lines).toEqual([{ level: 'error', message: expect.stringContaining('reported an exception: caught') as string, fields: { stack: ['s'] } }])
  })

  test.each([
    ['SIGKILL', /memory/],
    ['SIGSEGV', /^undefined$/],
  ])('by %s is an error that names the signal', async (signal, hint) => {
    const error = await failure(externalProcess(createContext().context, node(`process.kill(process.pid, '${signal}')`)))
    expect(error).toMatchObject({ code: 'PROCESS_KILLED', message: expect.stringContaining(`was ended by the signal ${signal}`) as string })
    expect(String((error as MillraceError).hint)).toMatch(hint)
  })

  test('to start is an error of the set-up that says what is missing', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'plain.sh'), 'echo hi')
    await writeFile(join(folder, 'odd.py'), '#!/opt/nowhere/python\n')
    await chmod(join(folder, 'odd.py'), 0o755)
    const start = (options: ExternalProcessOptions) => failure(externalProcess(createContext().context, options))
    const cases: [options: ExternalProcessOptions, code: string, message: string][] = [
      [{ command: 'no-such-program', env: { PATH: '/bin:/opt' } }, 'PROCESS_NOT_FOUND', 'no no-such-program is in the folders of PATH (/bin:/opt)'],
      [{ command: './missing.sh', cwd: folder }, 'PROCESS_NOT_FOUND', `${join(folder, 'missing.sh')} is not there`],
      [{ command: './plain.sh', cwd: folder }, 'PROCESS_NOT_EXECUTABLE', join(folder, 'plain.sh')],
      [{ command: './odd.py', cwd: folder }, 'PROCESS_INTERPRETER_MISSING', join(folder, 'odd.py')],
      [{ command: 'sh', cwd: join(folder, 'none') }, 'PROCESS_CWD_MISSING', join(folder, 'none')],
      [{ command: 'sh', args: ['-c', 'true', 'x'.repeat(200_000)] }, 'PROCESS_ARGUMENTS_TOO_LONG', 'too long'],
    ]
    for (const [options, code, message] of cases) {
      const error = await start(options)
      expect(error).toBeInstanceOf(ConfigError)
      expect(error).toMatchObject({ code, message: expect.stringContaining(message) as string })
    }
  })
})

import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import { asset } from '../../src/definitions/function-asset.ts'
import type { FunctionContext } from '../../src/definitions/function-asset.ts'
import { table } from '../../src/definitions/table.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { createUserLog } from '../../src/workers/user-log.ts'
import type { UserLogLimits } from '../../src/workers/user-log.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, expect, temporaryFolder, test, waitFor } from '../support/test.ts'

const once = { retries: 0 }

describe('what user code logs', () => {
  let engine: Engine
  let folder: string
  beforeAll(async () => {
    folder = await temporaryFolder()
    engine = await startEngine({ backend: 'postgres' })
    return engine.stop
  })
  const runOf = async (key: string, run: (context: FunctionContext) => unknown) => {
    await engine.define([asset({ key, io: jsonFiles({ folder }), retry: once, run })])
    return engine.run(key)
  }
  const lines = async (where = 'true') =>
    engine.query<{ level: string; message: string; data: Record<string, unknown>; attempt: number; tx: string; at: Date }>(
      `SELECT level, message, data, attempt, xmin::text AS tx, at FROM millrace.event WHERE kind = 'log' AND ${where} ORDER BY id`,
    )

  test('is stored with its level and attempt, in order, before the end of its step', async () => {
    const run = await runOf('said/well', ({ log }) => {
      log('plain')
      const fields = { n: 1, token: 'hush' }
      log.debug('small', fields)
      fields.n = 2
      log.info('same')
      log.warn('careful')
      log.error('broken', { url: 'postgres://u:hush@h/d' })
      return 1
    })
    expect(run.events.map(({ kind, level, message }) => [kind, level, message])).toEqual([
      ['run started', 'info', expect.any(String)],
      ['log', 'info', 'plain'],
      ['log', 'debug', 'small'],
      ['log', 'info', 'same'],
      ['log', 'warn', 'careful'],
      ['log', 'error', 'broken'],
      ['materialization', 'info', expect.any(String)],
      ['run ended', 'info', expect.any(String)],
    ])
    const stored = await lines(`asset = 'said/well'`)
    expect(stored.map(({ data }) => data)).toEqual([{}, { n: 1, token: '[redacted]' }, {}, {}, { url: 'postgres://u:[redacted]@h/d' }])
    expect(stored.every(({ attempt }) => attempt === 1)).toBe(true)
    // Gathered: one statement wrote them all.
    expect(new Set(stored.map(({ tx }) => tx)).size).toBe(1)
    expect(await engine.query(`SELECT DISTINCT retention FROM millrace.event WHERE run_id = $1 ORDER BY 1`, [run.id])).toEqual(
      ['debug', 'history', 'log'].map((retention) => ({ retention })),
    )
  })

  test('is there before the failure of its step, in functions and in extractors', async () => {
    const failed = await runOf('said/badly', ({ log }) => {
      log.warn('about to fail')
      throw new Error('no')
    })
    expect(failed.events.map(({ kind }) => kind)).toEqual(['run started', 'log', 'failure', 'run ended'])
    const rows = table({
      key: 'said/rows',
      columns: z.object({ id: z.int() }),
      retry: once,
      async *extract({ log }) {
        log.debug('a page')
        yield [{ id: 1 }]
        log('and no more')
        throw new Error('no')
      },
    })
    await engine.define([rows])
    const kinds = (await engine.run('said/rows')).events.filter(({ kind }) => kind !== 'schema').map(({ kind, message }) => (kind === 'log' ? message : kind))
    expect(kinds).toEqual(['run started', 'a page', 'and no more', 'failure', 'run ended'])
  })

  test('is seen while the function still runs', async () => {
    let release = (): void => undefined
    const waiting = new Promise<void>((resolve) => (release = resolve))
    const running = runOf('said/slowly', async ({ log }) => {
      log('under way')
      await waiting
      return 1
    })
    await waitFor(async () => (await lines(`asset = 'said/slowly'`)).length === 1, { what: 'the line of a function that still runs' })
    release()
    expect((await running).status).toBe('succeeded')
  })

  test('is bounded: a loop that never waits loses what comes too fast, and says how much; each line has a longest', async () => {
    const before = process.memoryUsage().rss
    let after = 0
    const run = await runOf('said/loudly', ({ log }) => {
      for (let n = 0; n < 1_000_000; n += 1) log(`line ${String(n)}`)
      after = process.memoryUsage().rss
      return 1
    })
    expect(run.status).toBe('succeeded')
    expect((after - before) / 2 ** 20).toBeLessThan(100)
    const stored = await lines(`asset = 'said/loudly'`)
    // What waits, and what was on its way when the loop had filled that.
    expect(stored).toHaveLength(10_501)
    expect(stored.at(-1)).toMatchObject({ level: 'warn', message: '989,500 lines were left out here: they came faster than they could be stored.' })
    expect(stored.slice(0, -1).map(({ message }) => message)).toEqual(Array.from({ length: 10_500 }, (_, n) => `line ${String(n)}`))

    const circular: { self?: unknown } = {}
    circular.self = circular
    const odd = await runOf('said/oddly', ({ log }) => {
      log(`start ${'x'.repeat(1_000_000)} end`)
      log('fields', { text: 'y'.repeat(1_000_000) })
      log('nul \0 and half \uD800', { 'na\0me\uD800': '\0\uD800' })
      log('circular', circular as never)
      log('no object', [1] as never)
      log(7 as never, undefined)
      return 1
    })
    expect(odd.status).toBe('succeeded')
    const strange = await lines(`asset = 'said/oddly'`)
    expect(strange[0]?.message).toMatch(/^start x+… \(cut: the line has 1,000,010 characters\)$/)
    expect(strange[0]?.message.length).toBeLessThan(8300)
    expect(strange[1]?.data).toEqual({
      cut: 'The fields of this line have 1,000,011 characters.',
      beginning: expect.stringMatching(/^\{"text":"y{980,}/) as unknown,
    })
    expect(strange[2]).toMatchObject({ message: 'nul ␀ and half �', data: { 'na�me�': '␀�' } })
    expect(strange[3]?.message).toBe('circular')
    expect(strange[4]?.data).toEqual({ value: [1] })
    expect(strange[5]).toMatchObject({ message: '7', data: {} })
  }, 60_000)

  const limits: UserLogLimits = { waitMs: 5000, batchLines: 3, batchCharacters: 1000, waitingLines: 6, waitingCharacters: 2000, attemptLines: 10, retryMs: 300 }
  const owner = () => ({ runId: randomUUID(), stepId: randomUUID(), asset: 'said/alone', attempt: 3 })
  const notifier = { changed: () => undefined, close: async () => undefined }

  test('is bounded for an attempt, in its characters too, and goes in batches that follow one another', async () => {
    const mine = owner()
    const { log, flush } = createUserLog({ pool: engine.database.pool, logger: testLogger, notifier }, mine, limits)
    for (let n = 1; n <= 4; n += 1) {
      for (let m = 1; m <= 3; m += 1) log(`${String(n)}.${String(m)}`)
      await flush()
    }
    const stored = await lines(`run_id = '${mine.runId}'`)
    const told = ['What is logged after this is left out: an attempt of a step keeps 10.', '2 lines were left out here: an attempt of a step keeps 10.']
    const first = ['1.1', '1.2', '1.3', '2.1', '2.2', '2.3', '3.1', '3.2', '3.3', '4.1']
    expect(stored.map(({ message }) => message)).toEqual([...first, ...told])
    expect(stored.every(({ attempt }) => attempt === 3)).toBe(true)

    const wide = owner()
    const other = createUserLog({ pool: engine.database.pool, logger: testLogger, notifier }, wide, limits)
    for (let n = 1; n <= 8; n += 1) other.log(String(n).repeat(600))
    await other.flush()
    other.log('again')
    await other.flush()
    // Two went at once, as they have more characters than a batch; four more filled what may wait.
    expect((await lines(`run_id = '${wide.runId}'`)).map(({ message }) => message.slice(0, 30))).toEqual([
      ...['1', '2', '3', '4', '5', '6'].map((digit) => digit.repeat(30)),
      '2 lines were left out here: th',
      'again',
    ])
  })

  test('is kept through a lost connection, and given up without harm where the catalogue stays away', async () => {
    const mine = owner()
    const { pool } = engine.database
    let broken = 5
    const flaky = Object.assign(Object.create(pool) as typeof pool, {
      query: async (...args: [string, unknown[]]) => {
        broken -= 1
        if (broken >= 0) throw new Error('Connection terminated unexpectedly')
        return pool.query(...args)
      },
    })
    const { log, flush } = createUserLog({ pool: flaky, logger: testLogger, notifier }, mine, { ...limits, retryMs: 5000 })
    log('kept')
    await flush()
    const { rows: flushed } = await pool.query<{ at: Date }>('SELECT clock_timestamp() AS at')
    broken = Number.MAX_SAFE_INTEGER
    const giving = createUserLog({ pool: flaky, logger: testLogger, notifier }, mine, limits)
    giving.log('lost')
    await giving.flush()
    broken = 0
    giving.log('after')
    await giving.flush()
    const stored = await lines(`run_id = '${mine.runId}'`)
    expect(stored.map(({ message }) => message)).toEqual(['kept', 'after'])
    // Dated back to when it was logged, by the database's clock: it was stored a second and a half later.
    expect(Number(flushed[0]?.at) - Number(stored[0]?.at)).toBeGreaterThanOrEqual(1400)
  })
})

import { once } from 'node:events'
import * as z from 'zod'
import { table } from '../../src/definitions/table.ts'
import { httpClient, jsonPages } from '../../src/sources/index.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, startHttpServer, test } from '../support/test.ts'

const Row = z.object({ id: z.int() })
const never = (): Promise<never> => new Promise(() => undefined)

describeBackends('a step', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })
  /** Milliseconds between each failed attempt and the one after it, by the database's clock. */
  const waits = async (runId: string): Promise<number[]> => {
    const rows = await engine.query<{ kind: string; ms: number }>(
      `SELECT kind, extract(epoch FROM at)::float8 * 1000 AS ms FROM millrace.event WHERE run_id = $1 AND kind IN ('retry', 'attempt') ORDER BY id`,
      [runId],
    )
    return rows.flatMap((row, index) => (row.kind === 'attempt' ? [row.ms - (rows[index - 1]?.ms ?? 0)] : []))
  }

  test('is tried again after delays that grow, and its rows are there once', async () => {
    const keys: string[] = []
    const asset = table({
      key: 'again/rows',
      columns: Row,
      retry: { retries: 3, delayMs: 100, factor: 4 },
      async *extract({ idempotencyKey }) {
        keys.push(idempotencyKey)
        yield [{ id: 1 }]
        yield [{ id: 2 }]
        if (keys.length < 3) throw new Error(`hiccup ${String(keys.length)}`)
      },
    })
    await engine.define([asset], { batchBytes: 1 })
    const run = await engine.succeed('again/rows')
    expect(run.step).toMatchObject({ attempt: 3, error: null })
    expect(new Set(keys).size).toBe(1)
    expect(run.events.filter((event) => event.kind === 'retry').map((event) => event.message)).toEqual([
      expect.stringContaining('Attempt 1 failed: hiccup 1. Next attempt in 0.1 s.'),
      expect.stringMatching(/^Attempt 2 failed: hiccup 2\. Next attempt in 0\.[234] s\.$/),
    ])
    const [first = 0, second = 0] = await waits(run.id)
    expect(first).toBeGreaterThanOrEqual(30)
    expect(second).toBeGreaterThanOrEqual(180)
    expect(await engine.query('SELECT id::int FROM again.rows ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }])
  })

  test.for([
    ['null', { records: [{ id: 2 }], position: null }],
    ['absent', [{ id: 2 }]],
  ] as const)('that is resumable begins afresh where the last position is %s, so that no row is there twice', async ([what, last]) => {
    let attempts = 0
    const asset = table({
      key: `again/${what}`,
      columns: Row,
      resumable: true,
      retry: { retries: 1, delayMs: 1 },
      async *extract({ position }) {
        attempts += 1
        if (position === undefined) yield { records: [{ id: 1 }], position: 1 }
        yield last
        if (attempts === 1) throw new Error('hiccup')
      },
    })
    await engine.define([asset], { batchBytes: 1 })
    const run = await engine.succeed(`again/${what}`)
    expect(run.step).toMatchObject({ attempt: 2, generation: 2 })
    expect(await engine.query(`SELECT id::int FROM again.${what} ORDER BY id`)).toEqual([{ id: 1 }, { id: 2 }])
  })

  test('fails for good after its last attempt, with the error of that', async () => {
    let attempts = 0
    const asset = table({
      key: 'again/in_vain',
      columns: Row,
      retry: { retries: 2, delayMs: 1 },
      extract() {
        attempts += 1
        throw new TypeError(`broken ${String(attempts)}`)
      },
    })
    await engine.define([asset])
    const run = await engine.run('again/in_vain')
    expect([run.status, attempts]).toEqual(['failed', 3])
    expect(run.step).toMatchObject({ attempt: 3, error: { name: 'TypeError', message: 'broken 3' } })
    expect(run.step.error?.stack).toContain('retry.test.ts')
  })

  test('goes on after the last recorded batch where its source can resume', async () => {
    const pulled: number[] = []
    const asset = table({
      key: 'again/resumed',
      columns: Row,
      resumable: true,
      retry: { retries: 2, delayMs: 1 },
      async *extract({ position }) {
        for (let id = typeof position === 'number' ? position + 1 : 0; id < 6; id += 1) {
          pulled.push(id)
          if (id === 3 && pulled.filter((one) => one === 3).length === 1) throw new Error('torn off')
          yield { records: [{ id }], position: id }
        }
      },
    })
    await engine.define([asset], { batchBytes: 1 })
    expect((await engine.succeed('again/resumed')).step).toMatchObject({ attempt: 2, generation: 1, batches: 6 })
    expect(pulled).toEqual([0, 1, 2, 3, 3, 4, 5])
    expect(await engine.query('SELECT count(*)::int AS rows, count(DISTINCT id)::int AS ids FROM again.resumed')).toEqual([{ rows: 6, ids: 6 }])
  })

  test('waits as long as the server asks for, and not only as its policy says', async () => {
    let asked = 0
    const server = await startHttpServer((_, response) => {
      asked += 1
      if (asked === 1) response.writeHead(429, { 'retry-after': '1' }).end('slow down')
      else response.end('[{"id":1}]')
    })
    const client = httpClient({ retry: { tries: 1 } })
    const extract = ({ signal }: { signal: AbortSignal }) => jsonPages({ url: server.url, client, signal })
    await engine.define([table({ key: 'again/limited', columns: Row, retry: { retries: 1, delayMs: 1 }, extract })])
    const run = await engine.succeed('again/limited')
    expect([run.step.attempt, asked]).toEqual([2, 2])
    expect((await waits(run.id))[0]).toBeGreaterThanOrEqual(970)
    expect(run.events.find((event) => event.kind === 'retry')?.message).toContain(`GET ${server.url}/ answered 429: slow down`)
  })

  test('that takes too long is aborted: its signal says why, and the error what to do', async () => {
    const reasons: unknown[] = []
    const asset = table({
      key: 'slow/polite',
      columns: Row,
      timeoutMs: 150,
      retry: { retries: 0 },
      async *extract({ signal }) {
        // It may come at any time, where the machine is slow.
        signal.addEventListener('abort', () => reasons.push(signal.reason))
        yield [{ id: 1 }]
        if (!signal.aborted) await once(signal, 'abort')
        throw signal.reason
      },
    })
    await engine.define([asset], { batchBytes: 1 })
    const run = await engine.run('slow/polite')
    expect(run.step).toMatchObject({
      status: 'failed',
      error: { code: 'STEP_TIMEOUT', message: 'Extracting slow/polite took longer than 0.15 s.', hint: expect.stringContaining('`timeoutMs`') },
    })
    expect(reasons).toEqual([expect.objectContaining({ name: 'TimeoutError' })])
    expect(await engine.value('SELECT count(*)::int FROM slow.polite')).toBe(0)
  })

  test('whose function never returns is given up after its timeout, and what comes after it works', async () => {
    const asset = table({
      key: 'slow/deaf',
      columns: Row,
      timeoutMs: 150,
      retry: { retries: 0 },
      async *extract() {
        yield [{ id: 1 }]
        await never()
      },
    })
    const start = table({ key: 'slow/resource', columns: Row, timeoutMs: 150, retry: { retries: 0 }, resources: { dead: { start: never } }, extract: () => [] })
    const other = table({ key: 'slow/other', columns: Row, extract: () => [[{ id: 1 }]] })
    await engine.define([asset, start, other])
    const run = await engine.run(['slow/deaf', 'slow/resource'])
    expect(run.steps.map((step) => step.error?.code)).toEqual(['STEP_TIMEOUT', 'STEP_TIMEOUT'])
    await engine.succeed('slow/other')
  })
})

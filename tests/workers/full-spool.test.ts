import { randomUUID } from 'node:crypto'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import * as z from 'zod'
import { runDetail } from '../../src/api/run-view.ts'
import type { SpoolPlace } from '../../src/config.ts'
import { table } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { startRelay } from '../support/relay.ts'
import { startS3Server } from '../support/s3.ts'
import { atFileEnd, backends, beforeAll, describe, expect, spawnMillrace, startRedisServer, temporaryFolder, test, waitFor } from '../support/test.ts'
import type { RedisServer } from '../support/test.ts'

const Row = z.object({ id: z.int32(), text: z.string() })
const rowBytes = 2000

/** A table of `rows` rows of 2 KB, a page for each ten; `onPage` is asked before each. */
function wide(key: string, rows: number, more: { onPage?: (page: number) => Promise<void>; timeoutMs?: number } = {}) {
  const { onPage, ...options } = more
  return table({
    key,
    columns: Row,
    primaryKey: ['id'],
    retry: { retries: 0 },
    ...options,
    extract: async function* () {
      for (let page = 0; page < rows / 10; page += 1) {
        await onPage?.(page)
        yield Array.from({ length: 10 }, (_, index) => ({ id: page * 10 + index, text: String(index % 10).repeat(rowBytes) }))
      }
    },
  })
}

/** Nothing was begun afresh or tried again, and every row is there once. */
async function expectWhole(engine: Engine, runId: string, name: string, rows: number): Promise<void> {
  const run = await engine.ended(runId)
  expect(run.events.filter((one) => one.level === 'error')).toEqual([])
  expect(run.step).toMatchObject({ status: 'succeeded', attempt: 1, generation: 1 })
  expect(await engine.query(`SELECT count(*)::int AS rows, count(DISTINCT id)::int AS ids, min(length(text)) AS least FROM ${name}`)).toEqual([
    { rows, ids: rows, least: rowBytes },
  ])
}

async function waitOf(engine: Engine, runId: string) {
  const wait = (await runDetail({ pool: engine.database.pool }, runId))?.steps[0]?.waitsFor
  return wait?.reason === 'spool' ? wait : undefined
}
const spoolEvents = async (engine: Engine, runId: string) => (await engine.view(runId)).events.filter((one) => one.kind === 'spool')

describe.runIf(backends.includes('redis'))('a spool that is full', () => {
  let server: RedisServer
  let redis: Redis
  const usedMemory = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])
  const engineOn = async (): Promise<Engine> => startEngine({ backend: 'postgres', spool: { kind: 'redis', url: server.url, prefix: randomUUID() } })

  beforeAll(async () => {
    server = await startRedisServer(await temporaryFolder())
    redis = new Redis(server.url)
    atFileEnd(() => server.stop())
    atFileEnd(async () => redis.disconnect())
  })

  test('is waited for, says so everywhere once, and the run goes on by itself', async () => {
    const engine = await engineOn()
    await engine.define([wide('crowded/waiting', 100)])
    await redis.config('SET', 'maxmemory', String((await usedMemory()) + 100_000))
    const { runId } = await engine.launch('crowded/waiting')
    const wait = await waitFor(() => waitOf(engine, runId), { what: 'the step to say that it waits' })
    expect(wait).toMatchObject({
      reason: 'spool',
      message: expect.stringMatching(/^Waits for room in the spool: The memory of the spool at redis:.* is full\.$/),
    })
    const shown = spawnMillrace(['runs', 'show', runId], { DATABASE_URL: engine.database.url })
    await shown.exited
    expect(shown.stdout()).toContain('crowded/waiting: Waits for room in the spool')
    // It has tried more than once.
    const first = await engine.value('SELECT spool_waited_at FROM millrace.step WHERE run_id = $1', [runId])
    await waitFor(async () => Number(await engine.value('SELECT spool_waited_at FROM millrace.step WHERE run_id = $1', [runId])) > Number(first), {
      what: 'another try',
    })
    await redis.config('SET', 'maxmemory', '0')
    await expectWhole(engine, runId, 'crowded.waiting', 100)
    expect(await spoolEvents(engine, runId)).toMatchObject([{ level: 'warn', message: expect.stringContaining('maxmemory') }])
    expect(await waitOf(engine, runId)).toBeUndefined()
    await engine.stop()
  })

  test('by raw bytes alone is never: what is made of them still goes in, and a run larger than the spool comes through', async () => {
    const engine = await engineOn()
    const { location } = await engine.define([wide('crowded/larger', 2000)], { window: 100, queues: ['extract', 'load'] })
    const limit = (await usedMemory()) + 1_500_000
    await redis.config('SET', 'maxmemory', String(limit))
    try {
      const { runId } = await engine.launch('crowded/larger')
      await waitFor(() => waitOf(engine, runId), { what: 'the spool to be full of raw bytes' })
      await engine.work(location, { queues: ['transform'] })
      await expectWhole(engine, runId, 'crowded.larger', 2000)
      expect((await spoolEvents(engine, runId)).length).toBe(1)
    } finally {
      await redis.config('SET', 'maxmemory', '0')
    }
    await engine.stop()
  })

  test('ends the waiting of a run that is canceled, and of a step whose time is up', async () => {
    const engine = await engineOn()
    const { location } = await engine.define([wide('crowded/canceled', 100), wide('crowded/late', 100, { timeoutMs: 700 })])
    await redis.config('SET', 'maxmemory', '1')
    try {
      const { runId } = await engine.launch('crowded/canceled')
      await waitFor(() => waitOf(engine, runId), { what: 'the step to wait' })
      await engine.cancel(runId)
      expect((await engine.ended(runId, 10_000)).status).toBe('canceled')
      const late = await engine.run('crowded/late')
      expect(late.step).toMatchObject({ status: 'failed', error: { code: 'STEP_TIMEOUT' } })
      await waitFor(async () => (await engine.queues.queue(location.name, 'extract').getActiveCount()) === 0, { what: 'no job to wait on', timeoutMs: 10_000 })
    } finally {
      await redis.config('SET', 'maxmemory', '0')
    }
    await engine.stop()
  })
})

interface Reachable {
  readonly place: SpoolPlace
  leave(): Promise<void>
  comeBack(): Promise<void>
}

/** A spool that can be taken away, and comes back with all that was in it. */
async function reachable(kind: 'files' | 'redis' | 's3'): Promise<Reachable> {
  if (kind === 'files') {
    const folder = join(await temporaryFolder(), 'spool')
    return {
      place: { kind, folder },
      async leave() {
        await rename(folder, `${folder}-away`)
        await mkdir(folder, { recursive: true })
      },
      async comeBack() {
        await rm(folder, { recursive: true, maxRetries: 5 })
        await rename(`${folder}-away`, folder)
      },
    }
  }
  if (kind === 'redis') {
    const { port, stop } = await startRedisServer(await temporaryFolder())
    atFileEnd(() => stop())
    const relay = await startRelay(port)
    return { ...relay, place: { kind, url: `redis://127.0.0.1:${String(relay.port)}`, prefix: 'away' } }
  }
  const { url, bucket, env } = await startS3Server()
  const relay = await startRelay(Number(new URL(url).port))
  const endpoint = `http://127.0.0.1:${String(relay.port)}`
  return { ...relay, place: { kind, bucket, prefix: 'spool', endpoint, region: undefined, pathStyle: undefined, env } }
}

describe('a spool that cannot be reached', () => {
  test.for([
    ['extract', 'files'],
    ['transform', 'redis'],
    ['load', 's3'],
  ] as const)('is waited for by %s (%s): nothing is begun afresh, no attempt is counted', async ([stage, kind], { skip }) => {
    if (kind === 'redis' && !backends.includes('redis')) skip('no Redis')
    const spool = await reachable(kind)
    const engine = await startEngine({ backend: 'postgres', spool: spool.place })
    const middle = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const onPage = async (page: number): Promise<void> => {
      if (page !== 10) return
      middle.resolve()
      await goOn.promise
    }
    const { location } = await engine.define([wide(`away/${stage}`, 200, { onPage })], { window: 100, batchBytes: 20_000 })
    const { runId } = await engine.launch(`away/${stage}`)
    await middle.promise
    const queue = stage === 'extract' ? undefined : engine.queues.queue(location.name, stage)
    if (queue !== undefined) {
      await queue.pause()
      goOn.resolve()
      const before = stage === 'load' ? `b.status = 'recorded'` : `false`
      await waitFor(
        async () =>
          (await engine.value(
            `SELECT s.status = 'loading' AND NOT EXISTS (SELECT FROM millrace.batch b WHERE b.step_id = s.id AND (${before} OR b.claimed_by IS NOT NULL)) FROM millrace.step s WHERE run_id = $1`,
            [runId],
          )) === true,
        { what: `all batches to wait for ${stage}` },
      )
    }
    await spool.leave()
    await queue?.resume()
    goOn.resolve()
    const wait = await waitFor(() => waitOf(engine, runId), { what: `${stage} to say that it waits` })
    expect(wait).toMatchObject({ reason: 'spool', message: expect.stringMatching(/^Waits for the spool: /) })
    await spool.comeBack()
    await expectWhole(engine, runId, `away.${stage}`, 200)
    expect(await spoolEvents(engine, runId)).toMatchObject([{ level: 'warn', message: expect.stringContaining('It goes on by itself.') }])
    await engine.stop()
  })
})

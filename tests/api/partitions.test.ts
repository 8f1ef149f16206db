import { asset } from '../../src/definitions/function-asset.ts'
import { dailyPartitions, dynamicPartitions, multiPartitions, staticPartitions } from '../../src/definitions/partitions/partitions.ts'
import { resource } from '../../src/definitions/resource.ts'
import type { IoManager } from '../../src/definitions/io-manager.ts'
import { getJson, startBoard } from '../board/start.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, expect, test, waitFor } from '../support/test.ts'

const days = dailyPartitions({ start: '2026-01-01', end: '2026-01-11' })
const state = { broken: '2026-01-05' }
const io = resource<IoManager>({
  start: () => ({ store: () => Promise.resolve({ api_key: 'hush', size: 3 }), load: () => Promise.resolve(1), remove: () => Promise.resolve() }),
})
const run = ({ partition }: { partition: { key: string } }) => {
  if (partition.key === state.broken) throw new Error('the file is torn')
  return partition.key
}

describe('partitions and backfills by the API', () => {
  let engine: Engine
  let api: string
  let place: string
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    const sales = asset({ key: 'api/sales', partitions: days, io, retry: { retries: 0 }, run })
    const twice = asset({ key: 'api/twice', partitions: days, inputs: { sales }, io, run: () => 1 })
    const shops = asset({ key: 'api/shops', partitions: dynamicPartitions('shops'), io, run: () => 1 })
    const both = multiPartitions({ city: dynamicPartitions('cities'), kind: staticPartitions(['a', 'b']) })
    const whole = asset({ key: 'api/whole', io, run: () => 1 })
    const { location } = await engine.define([sales, twice, shops, asset({ key: 'api/both', partitions: both, io, run: () => 1 }), whole])
    place = location.name
    const board = await startBoard({ pool: engine.database.pool, queues: engine.queues, databaseUrl: engine.database.url })
    api = `${board.url}/api/v1`
    return engine.stop
  })
  const get = (path: string) => getJson(`${api}${path}`)
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    getJson(`${api}${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) })
  const ended = (id: string) =>
    waitFor(
      async () => {
        const { body } = (await get(`/backfills/${id}`)) as { body: { endedAt: string | null; status: string } }
        return body.endedAt === null ? undefined : body
      },
      { what: 'the backfill to end', timeoutMs: 30_000 },
    )

  test('a backfill is started once by its key, tells what failed, and makes it again', async () => {
    const request = { assets: ['+api/twice'], partitions: ['2026-01-01..2026-01-06'], tags: { why: 'test' } }
    const first = await post('/backfills', request, { 'idempotency-key': 'one' })
    const again = await post('/backfills', request, { 'idempotency-key': 'one' })
    const { id } = first.body as { id: string }
    expect([first.status, again.status, (again.body as { id: string }).id]).toEqual([201, 200, id])
    expect(await ended(id)).toMatchObject({
      status: 'failed',
      assets: ['api/sales', 'api/twice'],
      perRun: 1,
      tags: { why: 'test' },
      counts: { succeeded: 5, failed: 1, skipped: 0, waiting: 0 },
      units: [{ assets: ['api/sales', 'api/twice'], kind: 'daily', counts: { succeeded: 5, failed: 1 } }],
      failures: [{ partition: '2026-01-05', asset: 'api/sales', message: expect.stringContaining('the file is torn') as string }],
    })
    const runs = (await get(`/runs?backfill=${id}`)).body as { runs: { partitions: string[]; backfillId: string }[] }
    expect(new Set(runs.runs.map((one) => one.partitions[0]))).toEqual(new Set([1, 2, 3, 4, 5, 6].map((day) => `2026-01-0${String(day)}`)))
    expect(runs.runs).toHaveLength(6)
    expect((await get(`/partitions?asset=api%2Fsales`)).body).toMatchObject({
      kind: 'daily',
      count: 10,
      counts: { missing: 4, materialized: 5, failed: 1, running: 0 },
      bins: Array.from({ length: 10 }, () => expect.anything() as unknown),
    })
    state.broken = ''
    expect(await post(`/backfills/${id}/retry`, {})).toMatchObject({ status: 200, body: { id } })
    expect(await ended(id)).toMatchObject({ status: 'succeeded', counts: { succeeded: 6, failed: 0 } })
    expect(await post(`/backfills/${id}/retry`, {})).toMatchObject({ status: 409, body: { code: 'BACKFILL_NOT_FAILED' } })
    expect(await post(`/backfills/${id}/cancel`, {})).toMatchObject({ status: 200, body: { status: 'succeeded' } })
    const unknown = '11111111-0000-4000-8000-000000000001'
    for (const answer of [await get(`/backfills/${unknown}`), await post(`/backfills/${unknown}/cancel`, {}), await post(`/backfills/${unknown}/retry`, {})]) {
      expect(answer).toMatchObject({ status: 404, body: { code: 'UNKNOWN_BACKFILL' } })
    }
  })

  test('backfills are paged, the newest first', async () => {
    for (const day of ['07', '08', '09']) await post('/backfills', { assets: ['api/sales'], partitions: [`2026-01-${day}`] })
    const seen: string[] = []
    for (let cursor: string | null = '', pages = 0; cursor !== null && pages < 10; pages += 1) {
      const { body } = (await get(`/backfills?asset=api%2Fsales&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)) as {
        body: { backfills: { id: string }[]; nextCursor: string | null }
      }
      seen.push(...body.backfills.map(({ id }) => id))
      cursor = body.nextCursor
    }
    const all = await engine.query<{ id: string }>(`SELECT id FROM millrace.backfill ORDER BY created_at DESC`)
    expect(seen).toEqual(all.map(({ id }) => id))
    expect(await get('/backfills?cursor=x')).toMatchObject({ status: 400, body: { code: 'CURSOR_INVALID' } })
    for (const id of seen) await ended(id)
  })

  test('partitions are listed with what they were last, without secrets, and wiped', async () => {
    const first = (await get(`/partitions/list?asset=api%2Fsales&limit=2`)) as { body: { partitions: unknown[]; next: string } }
    expect(first.body).toMatchObject({
      partitions: [
        { partition: '2026-01-01', status: 'materialized', runId: expect.any(String) as string, failedAt: null, metadata: { api_key: '[redacted]', size: 3 } },
        { partition: '2026-01-02' },
      ],
      next: '2026-01-02',
    })
    const rest = (await get(`/partitions/list?asset=api%2Fsales&after=2026-01-02`)) as { body: { partitions: unknown[]; next: string | null } }
    expect([rest.body.partitions.length, rest.body.next]).toEqual([8, null])
    expect((await get(`/partitions/list?asset=api%2Fsales&status=missing`)).body).toMatchObject({
      partitions: [{ partition: '2026-01-10', runId: null }],
      next: null,
    })
    expect(await get(`/partitions/list?asset=api%2Fsales&after=tomorrow`)).toMatchObject({ status: 422, body: { code: 'UNKNOWN_PARTITION' } })
    expect(await get(`/partitions?asset=api%2Fwhole`)).toMatchObject({ status: 422, body: { code: 'NO_PARTITIONS' } })
    expect(await get(`/partitions?asset=api%2Fnone`)).toMatchObject({ status: 404, body: { code: 'UNKNOWN_ASSET' } })

    const wiped = await post('/partitions/wipe', { asset: 'api/sales', partitions: ['2026-01-02..2026-01-03', '2026-01-10'] })
    expect(wiped.body).toMatchObject({ wiped: { asset: false, partitions: 2 } })
    expect((await get(`/partitions?asset=api%2Fsales`)).body).toMatchObject({ counts: { missing: 3, materialized: 7 } })
    expect(await post('/partitions/wipe', { asset: 'api/sales', partitions: ['2026-01-01', 'x'] })).toMatchObject({
      status: 422,
      body: { code: 'UNKNOWN_PARTITION' },
    })
    expect((await get(`/partitions?asset=api%2Fsales`)).body).toMatchObject({ counts: { missing: 3, materialized: 7 } })
    expect((await post('/partitions/wipe', { asset: 'api/sales' })).body).toMatchObject({ wiped: { asset: true, partitions: 7 } })
    expect(await engine.value(`SELECT count(*)::int FROM millrace.asset WHERE key = 'api/sales'`)).toBe(0)
    expect(await engine.query(`SELECT level, data->>'wiped' AS wiped FROM millrace.event WHERE kind = 'wiped' ORDER BY id`)).toEqual([
      { level: 'warn', wiped: '2' },
      { level: 'warn', wiped: '7' },
    ])
    const other = { method: 'POST', headers: { 'content-type': 'application/json', origin: 'http://elsewhere.example' }, body: '{"asset":"api/sales"}' }
    for (const path of ['/partitions/wipe', '/partition-keys', '/backfills']) expect((await getJson(`${api}${path}`, other)).status).toBe(403)
  })

  test('keys of dynamic partitions come and go, as the definitions allow', async () => {
    expect((await post('/partition-keys', { name: 'shops', add: ['paris', 'oslo', 'paris'] })).body).toMatchObject({ location: place, added: 2, removed: 0 })
    expect((await post('/partition-keys', { name: 'shops', add: ['bern', 'oslo'], remove: ['paris', 'rome'] })).body).toMatchObject({ added: 1, removed: 1 })
    await post('/partition-keys', { name: 'shops', add: ['paris'] })
    const pages: unknown[] = []
    for (let after = '0'; ;) {
      const { body } = (await get(`/partition-keys?name=shops&limit=2&after=${after}`)) as { body: { keys: { key: string }[]; next: string | null } }
      pages.push(body.keys.map(({ key }) => key))
      if (body.next === null) break
      after = body.next
    }
    expect(pages).toEqual([['oslo', 'bern'], ['paris']])
    expect((await get('/partitions?asset=api%2Fshops')).body).toMatchObject({ kind: 'dynamic', count: 3 })
    const none = await get('/partition-keys?name=towns')
    expect(none).toMatchObject({ status: 404, body: { code: 'UNKNOWN_PARTITIONS', hint: 'There are: shops, cities.' } })
    for (const add of [['a..b'], [''], ['a\u0000b'], ['x'.repeat(256)]]) {
      expect(await post('/partition-keys', { name: 'shops', add }), JSON.stringify(add)).toMatchObject({ status: 422, body: { code: 'PARTITION_KEY_INVALID' } })
    }
    expect(await post('/partition-keys', { name: 'cities', add: ['new|york'] })).toMatchObject({ status: 422, body: { code: 'PARTITION_KEY_INVALID' } })
    expect((await post('/partition-keys', { name: 'shops', add: ['new|york'] })).status).toBe(200)
    expect((await post('/partition-keys', { name: 'shops', add: ['x'], remove: ['x'] })).status).toBe(422)
  })

  test('a run without the partitions that it needs is refused, and not called a fault of the board', async () => {
    expect(await post('/runs', { assets: ['api/sales'] })).toMatchObject({ status: 422, body: { code: 'PARTITION_NEEDED' } })
    expect(await post('/backfills', { assets: ['api/whole'] })).toMatchObject({ status: 422, body: { code: 'NO_PARTITIONS' } })
  })
})

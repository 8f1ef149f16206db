import { asset } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { publishManifest } from '../../src/catalog/manifests.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { getJson, startBoard, startQueues } from '../board/start.ts'
import { expect, test } from '../support/test.ts'

const post = (body: unknown): RequestInit => ({ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

test('limits, pools and pauses are seen and set over the API, and a run is told what holds it', async ({ database }) => {
  const io = jsonFiles({ folder: '/nowhere' })
  const one = asset({ key: 'held/one', pool: 'api', io, run: () => 1 })
  await publishManifest(database.pool, manifestOf(defineLocation({ name: 'held', assets: [one], pools: { api: 1 }, limits: { runs: 3 } })), 'v1', undefined)
  const board = await startBoard({ pool: database.pool, queues: startQueues(database) })
  const api = `${board.url}/api/v1`
  const launch = async (more: object = {}) =>
    (await getJson(`${api}/runs`, post({ assets: ['held/one'], ...more }))).body as { id: string; status: string; priority: number }

  const first = await launch()
  const second = await launch({ priority: 7, retries: 2, timeoutMs: 60_000 })
  expect([first.status, second.status]).toEqual(['started', 'started'])
  expect(second).toMatchObject({ priority: 7, retries: 2, retried: 0, timeoutMs: 60_000, error: null })
  expect(await getJson(`${api}/pools`)).toMatchObject({ body: { pools: [{ location: 'held', name: 'api', slots: 1, used: 1, waiting: 1 }] } })
  expect(await getJson(`${api}/runs/${second.id}/explain`)).toMatchObject({
    status: 200,
    body: { run: second.id, steps: [{ asset: 'held/one', waitsFor: { reason: 'pool', holders: [{ runId: first.id }] } }] },
  })
  expect(await getJson(`${api}/pools`, post({ location: 'held', name: 'api', slots: 2, by: 'ada' }))).toMatchObject({
    body: { pools: [{ slots: 2, declared: 1, setBy: 'ada', used: 2, waiting: 0 }] },
  })
  expect(await getJson(`${api}/pools`, post({ location: 'held', name: 'other', slots: 2 }))).toMatchObject({ status: 404, body: { code: 'UNKNOWN_POOL' } })
  expect(await getJson(`${api}/pools`, post({ location: 'held', name: 'api' }))).toMatchObject({ body: { pools: [{ slots: 1, setBy: null, used: 2 }] } })

  expect(await getJson(`${api}/limits`, post({ location: 'held', runs: 2 }))).toMatchObject({
    body: { limits: [{ location: 'held', runs: 2, declared: 3, setBy: 'api', used: 2 }] },
  })
  const third = await launch()
  expect(third.status).toBe('queued')
  expect(await getJson(`${api}/runs/${third.id}`)).toMatchObject({ body: { waitsFor: { reason: 'run-limit', limit: 2, used: 2, place: 1 }, startedAt: null } })
  expect(await getJson(`${api}/limits`, post({ runs: 1, value: 'a' }))).toMatchObject({ status: 400 })

  expect(await getJson(`${api}/pause`, post({ reason: 'moving house', by: 'ada' }))).toMatchObject({
    body: { pauses: [{ location: '', by: 'ada', reason: 'moving house' }] },
  })
  await getJson(`${api}/limits`, post({ location: 'held' }))
  expect(await getJson(`${api}/runs/${third.id}/explain`)).toMatchObject({ body: { status: 'queued', waitsFor: { reason: 'paused', by: 'ada' } } })
  const page = await (await fetch(board.url)).text()
  expect(page).toContain('Everything is paused, by ada')
  expect(page).toContain('1 run waits in the queue')
  expect(await getJson(`${api}/resume`, post({}))).toMatchObject({ body: { pauses: [] } })
  expect(await getJson(`${api}/runs/${third.id}`)).toMatchObject({ body: { status: 'started', waitsFor: null } })
  expect((await getJson(`${api}/runs/00000000-0000-4000-8000-000000000000/explain`)).status).toBe(404)
})

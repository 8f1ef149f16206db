import * as z from 'zod'
import type { Board } from '../../src/board.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { sensor } from '../../src/definitions/sensor.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { getJson, startBoard } from '../board/start.ts'
import { createLocation, startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, temporaryFolder, test, waitFor } from '../support/test.ts'

interface Delivery {
  readonly delivery: string
  readonly order: number
}
interface Listed {
  readonly runs: readonly { readonly id: string; readonly status: string; readonly launchedBy: string; readonly tags: Readonly<Record<string, string>> }[]
}

const json = { 'content-type': 'application/json' }

describeBackends('a webhook', (backend) => {
  let engine: Engine
  let board: Board
  let place: string
  beforeAll(async () => {
    engine = await startEngine({ backend, producers: 'all' })
    board = await startBoard({ pool: engine.database.pool, queues: engine.queues })
    const io = jsonFiles({ folder: await temporaryFolder() })
    const orders = sensor({
      name: 'orders',
      everyMs: 86_400_000,
      assets: 'hooked/orders',
      run: ({ messages }) => ({
        runs: messages.map(({ body }) => {
          const { delivery, order } = body as unknown as Delivery
          return { runKey: delivery, tags: { order: String(order) }, config: { order } }
        }),
      }),
    })
    const taken = asset({ key: 'hooked/orders', io, config: z.object({ order: z.int().default(0) }), run: ({ config }) => config.order })
    const location = createLocation([taken], { sensors: [orders] })
    place = location.name
    await engine.work(location)
    // The first evaluation is the clock's.
    await waitFor(async () => (await ticks()).length === 1, { what: 'the sensor to be known' })
    return engine.stop
  })

  const post = (path: string, body: string, headers: Readonly<Record<string, string>> = json) =>
    getJson(`${board.url}/api/v1${path}`, { method: 'POST', headers, body })
  const messages = (name = 'orders') => `/sensors/${place}/${name}/messages`
  const ticks = () =>
    engine.query<{ cause: string; runs: number; known: number; error: unknown }>(
      'SELECT cause, cardinality(runs) AS runs, known, error FROM millrace.sensor_tick WHERE location = $1 ORDER BY id',
      [place],
    )
  const runs = async () => ((await getJson(`${board.url}/api/v1/runs?location=${place}`)).body as Listed).runs
  const state = () =>
    engine.query(
      `SELECT asked, (SELECT count(*)::int FROM millrace.sensor_message) AS messages, (SELECT count(*)::int FROM millrace.run) AS runs FROM millrace.sensor WHERE location = $1`,
      [place],
    )

  test('that is posted is a run that succeeds, and posted again is no second one', async () => {
    const delivery = JSON.stringify({ delivery: 'd-1', order: 7 })
    expect(await post(messages(), delivery)).toEqual({ status: 202, body: { accepted: true } })
    await waitFor(async () => (await ticks()).length === 2, { what: 'the evaluation' })
    expect(await ticks()).toMatchObject([{ cause: 'clock' }, { cause: 'webhook', runs: 1, known: 0, error: null }])
    const run = await waitFor(async () => (await runs()).find(({ status }) => status === 'succeeded'), { what: 'the run of the order' })
    expect(run).toMatchObject({ launchedBy: 'sensor orders', tags: { order: '7' } })

    expect((await post(messages(), delivery)).status).toBe(202)
    await waitFor(async () => (await ticks()).some(({ known }) => known === 1), { what: 'the second delivery to be known' })
    expect((await runs()).map(({ id }) => id)).toEqual([run.id])
    expect(await state()).toMatchObject([{ messages: 0 }])
  })

  test('that cannot be taken is told why, and nothing is kept or started', async () => {
    const before = await state()
    const cases: readonly (readonly [status: number, code: string, said: RegExp, answer: ReturnType<typeof post>])[] = [
      [404, 'UNKNOWN_SENSOR', /no sensor order in/, post(messages('order'), '{}')],
      [404, 'UNKNOWN_SENSOR', /the location nowhere/, post('/sensors/nowhere/orders/messages', '{}')],
      [413, 'BODY_INVALID', /larger than the 1,048,576 bytes/, post(messages(), JSON.stringify({ text: 'x'.repeat(1 << 20) }))],
      [400, 'BODY_INVALID', /no JSON object or array/, post(messages(), '{"delivery":')],
      [400, 'BODY_INVALID', /no JSON object or array/, post(messages(), '"d-1"')],
      [415, 'CONTENT_TYPE', /must be application\/json/, post(messages(), 'delivery=d-1', { 'content-type': 'application/x-www-form-urlencoded' })],
      [403, 'CROSS_ORIGIN', /another site/, post(messages(), '{}', { ...json, origin: 'https://elsewhere.example' })],
      [422, 'BODY_TOO_DEEP', /more than 500 levels/, post(messages(), `${'['.repeat(100_000)}${']'.repeat(100_000)}`)],
      [422, 'TEXT_INVALID', /The message has the character NUL.*: order\.note/, post(messages(), String.raw`{"order":{"note":"a\u0000b"}}`)],
      [422, 'TEXT_INVALID', /half of a surrogate pair.*: 0/, post(messages(), String.raw`["\ud800"]`)],
      [422, 'TEXT_INVALID', /the name of a field of order/, post(messages(), String.raw`{"order":{"\u0000":1}}`)],
    ]
    for (const [status, code, said, answer] of cases)
      expect(await answer, `${String(status)} ${String(said)}`).toMatchObject({ status, body: { status, code, detail: expect.stringMatching(said) as string } })
    expect(await state()).toEqual(before)
  })

  test('and other requests with text that Postgres cannot store are told so', async () => {
    const before = await state()
    const run = (more: object) => post('/runs', JSON.stringify({ assets: ['hooked/orders'], location: place, ...more }))
    const cases: readonly (readonly [code: string, said: RegExp, answer: ReturnType<typeof post>])[] = [
      ['CONFIG_INVALID', /NUL.*: order\.0/, run({ config: { order: ['\0'] } })],
      ['CONFIG_INVALID', /the name of a field/, run({ config: { '\0': 1 } })],
      ['CONFIG_INVALID', /surrogate/, run({ config: { order: '\ud800' } })],
      ['TAG_INVALID', /NUL.*: team/, run({ tags: { team: 'a\0' } })],
      ['TAG_INVALID', /the name of a field/, run({ tags: { 'te\0am': 'a' } })],
      ['TAG_INVALID', /NUL/, post('/backfills', JSON.stringify({ assets: ['hooked/orders'], location: place, tags: { team: '\0' } }))],
      ['TEXT_INVALID', /NUL/, getJson(`${board.url}/api/v1/runs?asset=%00`)],
      ['TEXT_INVALID', /NUL/, getJson(`${board.url}/api/v1/quarantine?asset=%00`)],
    ]
    for (const [code, said, answer] of cases)
      expect(await answer, String(said)).toMatchObject({ status: 422, body: { code, detail: expect.stringMatching(said) as string } })
    expect(await state()).toEqual(before)
  })
})

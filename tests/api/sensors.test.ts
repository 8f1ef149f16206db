import { randomUUID } from 'node:crypto'
import { lead } from '../../src/catalog/leader.ts'
import { keepNotifications } from '../../src/catalog/outbox.ts'
import { ensureSensors } from '../../src/catalog/sensors.ts'
import { ensureSchedules } from '../../src/catalog/ticks.ts'
import { publishManifest } from '../../src/catalog/manifests.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { eager } from '../../src/definitions/automation/conditions.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { schedule } from '../../src/definitions/schedule.ts'
import { sensor } from '../../src/definitions/sensor.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { tickAutomations } from '../../src/producers/automation/tick.ts'
import { getJson, startBoard, startQueues } from '../board/start.ts'
import { testLogger } from '../support/engine.ts'
import { describe, expect, test } from '../support/test.ts'

const one = asset({ key: 'api/one', io: jsonFiles({ folder: 'values' }), run: () => 1 })
const location = defineLocation({
  name: 'hooked',
  assets: [one],
  schedules: [schedule({ name: 'nightly', cron: '0 2 * * *', assets: '*' })],
  sensors: [sensor({ name: 'orders', assets: '*', run: () => undefined })],
})
const post = (body?: unknown): RequestInit => ({
  method: 'POST',
  ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
})

describe('the API of schedules, sensors and automation', () => {
  test('keeps what a webhook brings, and asks for an evaluation once for all that came', async ({ database }) => {
    await publishManifest(database.pool, manifestOf(location), 'v1', undefined)
    await ensureSensors(database.pool, 'hooked', [{ sensor: 'orders', startsStopped: false, watches: false }])
    const queues = startQueues(database)
    const board = await startBoard({ pool: database.pool, queues })
    const api = `${board.url}/api/v1`
    const at = `${api}/sensors/hooked/orders`
    for (const body of [{ order: 1 }, ['two'], { order: 3 }])
      expect(await getJson(`${at}/messages`, post(body))).toMatchObject({ status: 202, body: { accepted: true } })
    expect((await database.pool.query('SELECT body FROM millrace.sensor_message ORDER BY id')).rows).toEqual([
      { body: { order: 1 } },
      { body: ['two'] },
      { body: { order: 3 } },
    ])
    expect(await queues.queue('hooked', 'ticks').getJobCountByTypes('waiting')).toBe(3)
    expect(await getJson(`${api}/sensors/hooked/none/messages`, post({}))).toMatchObject({ status: 404, body: { code: 'UNKNOWN_SENSOR' } })
    expect((await database.pool.query('SELECT count(*)::int AS n FROM millrace.sensor_message')).rows).toEqual([{ n: 3 }])
    expect(await getJson(`${api}/sensors`)).toMatchObject({
      body: { sensors: [{ name: 'orders', everyMs: 30_000, stopped: false, messages: 3, lastTick: null }] },
    })
    expect(await getJson(`${at}/stop`, post())).toMatchObject({ status: 200, body: { stopped: true } })
    expect(await getJson(`${at}/evaluate`, post())).toMatchObject({ status: 202 })
    expect(await getJson(`${at}/ticks`)).toMatchObject({ status: 200, body: { ticks: [] } })
    const error = { name: 'Error', code: 'USER_CODE', message: 'the shop is shut' }
    const { rows } = await database.pool.query<{ id: string }>(
      `INSERT INTO millrace.sensor_tick (location, sensor, cause, began_at, status, reason, error, log)
       VALUES ('hooked', 'orders', 'clock', now(), 'failed', NULL, $1, '[{"message":"looked"}]'), ('hooked', 'orders', 'clock', now(), 'skipped', 'no new file', NULL, '[]') RETURNING id::text`,
      [error],
    )
    expect(await getJson(`${at}/ticks`)).toMatchObject({
      body: {
        ticks: [
          { status: 'skipped', reason: 'no new file' },
          { status: 'failed', error: { message: 'the shop is shut' }, log: [{ message: 'looked' }] },
        ],
      },
    })
    expect(await getJson(`${at}/ticks?before=${rows[1]?.id ?? ''}`)).toMatchObject({ body: { ticks: [{ status: 'failed' }] } })
  })

  test('stops and starts schedules, and what went by meanwhile was not missed', async ({ database }) => {
    await publishManifest(database.pool, manifestOf(location), 'v1', undefined)
    await ensureSchedules(database.pool, 'hooked', [{ name: 'nightly', startsStopped: false }])
    await database.pool.query(`UPDATE millrace.schedule SET first_seen = '2026-01-01' WHERE name = 'nightly'`)
    const queues = startQueues(database)
    const board = await startBoard({ pool: database.pool, queues })
    const at = `${board.url}/api/v1/schedules`
    expect(await getJson(`${at}/hooked/nightly/stop`, post())).toMatchObject({ status: 200, body: { stopped: true } })
    expect(await getJson(at)).toMatchObject({ body: { schedules: [{ name: 'nightly', stopped: true, nextAt: null }] } })
    expect(await getJson(`${at}/hooked/nightly/start`, post())).toMatchObject({ status: 200, body: { stopped: false } })
    const { rows } = await database.pool.query<{ recent: boolean }>(
      `SELECT first_seen > now() - interval '1 hour' AS recent FROM millrace.schedule WHERE name = 'nightly'`,
    )
    expect(rows).toEqual([{ recent: true }])
    expect(await getJson(`${at}/hooked/nightly/tick`, post())).toMatchObject({ status: 202, body: { scheduledAt: expect.any(String) as string } })
    const waiting = (await queues.queue('hooked', 'ticks').getWaiting()).map(({ data }) => data as unknown)
    expect(waiting).toContainEqual({ schedule: 'nightly', cause: 'hand', scheduledAt: expect.any(String) as string })
    const error = { name: 'Error', code: 'USER_CODE', message: 'the shop is shut' }
    await database.pool.query(
      `INSERT INTO millrace.tick (location, schedule, scheduled_at, cause, status, failures, reason, error, log)
       VALUES ('hooked', 'nightly', '2026-03-01T02:00Z', 'clock', 'failed', 2, NULL, $1, '[{"message":"looked"}]'), ('hooked', 'nightly', '2026-03-02T02:00Z', 'missed', 'skipped', 0, 'a holiday', NULL, '[]')`,
      [error],
    )
    expect(await getJson(`${at}/hooked/nightly/ticks`)).toMatchObject({
      body: {
        ticks: [
          { scheduledAt: '2026-03-02T02:00:00.000Z', cause: 'missed', status: 'skipped', reason: 'a holiday', error: null },
          { status: 'failed', failures: 2, error: { message: 'the shop is shut' }, log: [{ message: 'looked' }] },
        ],
      },
    })
    expect(await getJson(`${at}/hooked/nightly/ticks?before=2026-03-02T02:00:00Z`)).toMatchObject({ body: { ticks: [{ status: 'failed' }] } })
    expect(await getJson(`${at}/hooked/weekly/tick`, post())).toMatchObject({ status: 404 })
    expect(await getJson(`${at}/hooked/weekly/stop`, post())).toMatchObject({ status: 404, body: { code: 'UNKNOWN_SCHEDULE' } })
  })

  test('knows nothing of a schedule or a sensor that the definitions no longer have, though their rows stay', async ({ database }) => {
    await publishManifest(database.pool, { ...manifestOf(location), schedules: [], sensors: [] }, 'without', undefined)
    await ensureSchedules(database.pool, 'hooked', [{ name: 'nightly', startsStopped: false }])
    await ensureSensors(database.pool, 'hooked', [{ sensor: 'orders', startsStopped: false, watches: false }])
    const messages = async () => (await database.pool.query('SELECT count(*)::int AS n FROM millrace.sensor_message')).rows
    const before = await messages()
    const board = await startBoard({ pool: database.pool, queues: startQueues(database) })
    for (const path of ['schedules/hooked/nightly/stop', 'schedules/hooked/nightly/tick', 'sensors/hooked/orders/stop', 'sensors/hooked/orders/evaluate'])
      expect(await getJson(`${board.url}/api/v1/${path}`, post())).toMatchObject({ status: 404, body: { hint: expect.stringMatching(/^There are no s/) } })
    expect(await getJson(`${board.url}/api/v1/sensors/hooked/orders/messages`, post({}))).toMatchObject({ status: 404, body: { code: 'UNKNOWN_SENSOR' } })
    expect(await messages()).toEqual(before)
  })

  test('says what conditions were found to be, stops and starts them', async ({ database }) => {
    const two = asset({ key: 'api/two', io: jsonFiles({ folder: 'values' }), deps: [one], run: () => 2, automation: eager() })
    await publishManifest(database.pool, manifestOf(defineLocation({ name: 'automated', assets: [one, two] })), 'v1', undefined)
    const queues = startQueues(database)
    const epoch = await lead(database.pool, 'producers', randomUUID(), 600_000)
    await tickAutomations({ pool: database.pool, queues, logger: testLogger }, epoch ?? '')
    const board = await startBoard({ pool: database.pool, queues })
    const at = `${board.url}/api/v1/automation`
    expect(await getJson(at)).toMatchObject({
      body: {
        locations: [{ location: 'automated', stopped: false, nextAt: null, error: null, assets: [{ asset: 'api/two', condition: 'eager', answer: 'no' }] }],
      },
    })
    expect(await getJson(`${at}/automated/evaluations?asset=api/two`)).toMatchObject({
      status: 200,
      body: { answer: 'no', outcome: [{ partition: null, outcome: { name: 'eager', value: false } }], evaluations: [{ answer: 'no', runs: [] }] },
    })
    expect(await getJson(`${at}/automated/evaluations?asset=api/one`)).toMatchObject({ status: 404, body: { code: 'NOT_AUTOMATED' } })
    expect(await (await fetch(board.url)).text()).toContain('<h2 id="automation-heading">Automation</h2>')
    expect(await getJson(`${at}/automated/evaluate`, post())).toMatchObject({ status: 202 })
    expect(await getJson(`${at}/automated/stop`, post())).toMatchObject({ status: 200, body: { location: 'automated', stopped: true } })
    expect(await getJson(`${at}/automated/evaluate`, post())).toMatchObject({ status: 404, body: { code: 'UNKNOWN_AUTOMATION' } })
    expect(await getJson(`${at}/automated/start`, post())).toMatchObject({ status: 200, body: { stopped: false } })
    expect(await getJson(`${at}/hooked/stop`, post())).toMatchObject({ status: 404, body: { code: 'UNKNOWN_AUTOMATION' } })
  })

  test('shows the outbox, and has what was given up tried again', async ({ database }) => {
    const board = await startBoard({ pool: database.pool, queues: startQueues(database) })
    const api = `${board.url}/api/v1`
    await keepNotifications(database.pool, { location: 'hooked', causedBy: 'sensor orders' }, [{ through: 'slack', content: { title: 'An order came' } }])
    const listed = await getJson(`${api}/notifications?location=hooked`)
    expect(listed).toMatchObject({
      body: { notifications: [{ kind: 'notification', target: 'slack', status: 'waiting', title: 'An order came', error: null }] },
    })
    const { id } = (listed.body as { notifications: { id: string }[] }).notifications[0] ?? { id: '' }
    expect(await getJson(`${api}/notifications/${id}/retry`, post())).toMatchObject({ status: 404, body: { code: 'NOTIFICATION_NOT_FAILED' } })
    await database.pool.query(`UPDATE millrace.outbox SET status = 'failed', error = '{"name":"Error","code":"X","message":"no"}' WHERE id = $1`, [id])
    expect(await getJson(`${api}/notifications?status=failed`)).toMatchObject({ body: { notifications: [{ id, error: { message: 'no' } }] } })
    expect(await getJson(`${api}/notifications/${id}/retry`, post())).toMatchObject({ status: 200, body: { retried: [id] } })
    expect(await getJson(`${api}/notifications?status=failed`)).toMatchObject({ body: { notifications: [] } })
  })
})

import * as z from 'zod'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { schedule } from '../../src/definitions/schedule.ts'
import type { ScheduleOptions } from '../../src/definitions/schedule.ts'
import { table } from '../../src/definitions/table.ts'
import { publishManifest } from '../../src/catalog/manifests.ts'
import { evaluateTick } from '../../src/producers/launch/tick.ts'
import { nextTick, syncSchedules } from '../../src/producers/schedules.ts'
import { queueName } from '../../src/queues/jobs.ts'
import { createLocation, startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test, waitFor } from '../support/test.ts'

const rows = table({ key: 'timed/rows', columns: z.object({ id: z.int() }), extract: () => [[{ id: 1 }]] })
const never = '0 0 29 2 *'

describeBackends('schedules', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend, producers: 'none' })
    return engine.stop
  })
  const locationOf = (options: Partial<ScheduleOptions> = {}) =>
    createLocation([rows], { schedules: [schedule({ name: 'often', cron: never, assets: '*', ...options })] })
  const sync = (now = new Date()) => syncSchedules({ pool: engine.database.pool, queues: engine.queues, logger: testLogger }, now)
  const schedulers = async (location: string) =>
    (await engine.queues.queue(location, 'ticks').getJobSchedulers(0, -1)).map(({ key, pattern, tz, next }) => ({ key, pattern, tz, next }))
  const ticks = (location: string) =>
    engine.query('SELECT schedule, cause, status, scheduled_at, run_id FROM millrace.tick WHERE location = $1 ORDER BY id', [location])

  test('are put on the queue once: what has not changed is left alone, what has is changed, what is gone goes', async () => {
    const location = locationOf()
    await publishManifest(engine.database.pool, manifestOf(location), 'v1', undefined)
    await sync()
    const [first] = await schedulers(location.name)
    expect(first).toMatchObject({ key: 'often', pattern: never, tz: 'UTC', next: nextTick({ cron: never, timeZone: 'UTC' }, new Date()).getTime() })
    const jobs = await engine.queues.queue(location.name, 'ticks').getDelayed()
    await sync()
    await sync()
    expect(await schedulers(location.name)).toEqual([first])
    expect((await engine.queues.queue(location.name, 'ticks').getDelayed()).map((job) => [job.id, job.timestamp])).toEqual(
      jobs.map((job) => [job.id, job.timestamp]),
    )

    const other = { ...manifestOf(location), schedules: [schedule({ name: 'often', cron: '30 6 * * *', timeZone: 'Europe/Paris', assets: '*' })] }
    await publishManifest(engine.database.pool, other, 'v2', undefined)
    await sync()
    const [changed] = await schedulers(location.name)
    expect(changed).toMatchObject({ pattern: '30 6 * * *', tz: 'Europe/Paris' })
    const clock = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Paris', hour: '2-digit', minute: '2-digit' }).format(changed?.next)
    expect(clock).toBe('06:30')

    await publishManifest(engine.database.pool, { ...other, schedules: [] }, 'v3', undefined)
    await sync()
    expect(await schedulers(location.name)).toEqual([])
  })

  test('that are stopped are taken off the queue, and put back when started', async () => {
    const location = locationOf({ startsStopped: true, runOnFirstStart: true })
    await publishManifest(engine.database.pool, manifestOf(location), 'v1', undefined)
    const stopped = (value: boolean) => engine.query('UPDATE millrace.schedule SET stopped = $2 WHERE location = $1', [location.name, value])
    await sync()
    expect(await schedulers(location.name)).toEqual([])
    expect(await engine.queues.queue(location.name, 'ticks').getJobCounts()).toMatchObject({ waiting: 0, delayed: 0 })
    await stopped(false)
    await sync()
    expect(await schedulers(location.name)).toHaveLength(1)
    await stopped(true)
    await sync()
    expect(await schedulers(location.name)).toEqual([])
  })

  test('that two producers evaluate at the same moment start one run', async () => {
    const location = locationOf()
    await publishManifest(engine.database.pool, manifestOf(location), 'v1', undefined)
    const deps = { pool: engine.database.pool, queues: engine.queues, logger: testLogger }
    const request = { location: location.name, schedule: 'often', scheduledAt: '2024-02-29T00:00:00.000Z', cause: 'clock' } as const
    const launched = await Promise.all(Array.from({ length: 4 }, () => evaluateTick(deps, request)))
    expect(launched.filter((one) => one?.created === true)).toHaveLength(1)
    expect(await ticks(location.name)).toEqual([expect.objectContaining({ status: 'launched', run_id: launched.find((one) => one?.created === true)?.runId })])
    expect(await engine.value('SELECT count(*)::int FROM millrace.run WHERE location = $1', [location.name])).toBe(1)
  })

  test('that cannot launch are written down with the reason', async () => {
    const location = locationOf({ config: { depth: 3 } })
    await publishManifest(engine.database.pool, manifestOf(location), 'v1', undefined)
    const deps = { pool: engine.database.pool, queues: engine.queues, logger: testLogger }
    await evaluateTick(deps, { location: location.name, schedule: 'often', scheduledAt: '2024-02-29T00:00:00.000Z', cause: 'clock' })
    expect(await engine.query('SELECT status, error FROM millrace.tick WHERE location = $1', [location.name])).toEqual([
      { status: 'failed', error: expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('depth') }) },
    ])
  })

  test('that run on their first start do so once, as a tick like any other', async () => {
    const location = locationOf({ runOnFirstStart: true })
    await engine.work(location)
    await sync()
    await waitFor(async () => (await ticks(location.name)).length === 1, { what: 'the tick' })
    await sync()
    await sync()
    const [tick, ...more] = await ticks(location.name)
    expect([tick, more]).toMatchObject([{ cause: 'first start', status: 'launched' }, []])
    const run = await engine.ended(String(tick?.['run_id']))
    expect(run.events[0]?.message).toContain('schedule often')
    expect(await engine.value('SELECT launched_by FROM millrace.run WHERE id = $1', [run.id])).toBe('schedule often')
  })

  test('whose tick came to nothing, because the worker had no catalogue, are handed out again', async () => {
    const location = locationOf({ runOnFirstStart: true })
    await publishManifest(engine.database.pool, manifestOf(location), 'v1', undefined)
    const swallowing = engine.queues.connection.createWorker(queueName(location.name, 'ticks'), () => Promise.resolve(), {})
    swallowing.on('error', () => undefined)
    await sync()
    await waitFor(async () => (await engine.queues.queue(location.name, 'ticks').getCompletedCount()) === 1, { what: 'the tick to be swallowed' })
    await swallowing.close()
    await engine.work(location)
    await sync()
    await waitFor(async () => (await ticks(location.name)).length === 1, { what: 'the tick' })
    await engine.ended(String((await ticks(location.name))[0]?.['run_id']))
  })

  test('whose queue was lost with all its slots catch up the latest of them, once', async () => {
    const location = locationOf({ cron: '0 * * * *' })
    await engine.work(location)
    await sync()
    await engine.query(`UPDATE millrace.schedule SET first_seen = now() - interval '5 hours' WHERE location = $1`, [location.name])
    await engine.queues.queue(location.name, 'ticks').obliterate({ force: true })
    expect(await schedulers(location.name)).toEqual([])
    // A moment within an hour, so that the slot before it is well past.
    const now = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 + 120_000)
    await sync(now)
    await waitFor(async () => (await ticks(location.name)).length > 0, { what: 'the missed tick' })
    await sync(now)
    await sync(now)
    const slot = new Date(Math.floor(now.getTime() / 3_600_000) * 3_600_000)
    expect(await ticks(location.name)).toMatchObject([{ cause: 'missed', status: 'launched', scheduled_at: slot }])
    expect(await schedulers(location.name)).toHaveLength(1)
    await engine.ended(String((await ticks(location.name))[0]?.['run_id']))
  })

  test('tick by the clock, and each tick is a run', async () => {
    const location = locationOf({ cron: '* * * * * *' })
    await engine.work(location)
    await sync()
    await waitFor(async () => (await ticks(location.name)).length >= 2, { what: 'two ticks', timeoutMs: 10_000 })
    await engine.query('UPDATE millrace.schedule SET stopped = true WHERE location = $1', [location.name])
    await sync()
    const found = await ticks(location.name)
    expect(found.every((tick) => tick['cause'] === 'clock' && tick['status'] === 'launched')).toBe(true)
    expect(found.every((tick) => (tick['scheduled_at'] as Date).getMilliseconds() === 0)).toBe(true)
    expect(new Set(found.map((tick) => tick['run_id'])).size).toBe(found.length)
    for (const tick of found) expect((await engine.ended(String(tick['run_id']))).status).toBe('succeeded')
  })
})

test.for([
  ['0 2 * * *', 'Europe/Paris', '2026-07-01T00:00:00Z', '2026-07-02T00:00:00.000Z'],
  ['0 2 * * *', 'America/New_York', '2026-01-01T00:00:00Z', '2026-01-01T07:00:00.000Z'],
  ['30 2 * * *', 'Europe/Paris', '2026-03-29T00:00:00Z', '2026-03-29T01:30:00.000Z'],
] as const)('%s in %s comes next after %s at %s', ([cron, timeZone, after, next]) => {
  expect(nextTick({ cron, timeZone }, new Date(after)).toISOString()).toBe(next)
})

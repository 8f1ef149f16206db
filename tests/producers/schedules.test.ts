import * as z from 'zod'
import { asset } from '../../src/definitions/function-asset.ts'
import type { FunctionAsset } from '../../src/definitions/function-asset.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { isPassedOver, missedAfterMs, schedule } from '../../src/definitions/schedule.ts'
import type { ScheduleOptions } from '../../src/definitions/schedule.ts'
import { table } from '../../src/definitions/table.ts'
import { publishManifest } from '../../src/catalog/manifests.ts'
import { evaluateTick } from '../../src/producers/launch/tick.ts'
import type { SeenSchedulers } from '../../src/producers/job-schedulers.ts'
import { nextTick, syncTicks } from '../../src/producers/schedules.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { queueName } from '../../src/queues/jobs.ts'
import { createLocation, startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, temporaryFolder, test, waitFor } from '../support/test.ts'

const rows = table({ key: 'timed/rows', columns: z.object({ id: z.int() }), extract: () => [[{ id: 1 }]] })
const never = '0 0 29 2 *'

describeBackends('schedules', (backend) => {
  let engine: Engine
  let timedValue: FunctionAsset
  beforeAll(async () => {
    const config = z.strictObject({ size: z.int().default(0) })
    timedValue = asset({ key: 'timed/value', io: jsonFiles({ folder: await temporaryFolder() }), config, run: () => 1 })
    engine = await startEngine({ backend, producers: 'none' })
    return engine.stop
  })
  const locationOf = (options: Partial<ScheduleOptions> = {}) =>
    createLocation([rows], { schedules: [schedule({ name: 'often', cron: never, assets: '*', ...options })] })
  const sync = (now = new Date(), seen: SeenSchedulers = new Map()) =>
    syncTicks({ pool: engine.database.pool, queues: engine.queues, logger: testLogger }, now, seen)
  const schedulers = async (location: string) =>
    (await engine.queues.queue(location, 'ticks').getJobSchedulers(0, -1)).map(({ key, pattern, tz, next }) => ({ key, pattern, tz, next }))
  const ticks = (location: string) =>
    engine.query('SELECT schedule, cause, status, scheduled_at, run_id FROM millrace.tick WHERE location = $1 ORDER BY id', [location])

  test('are put on the queue once: what has not changed is left alone, what has is changed, what is gone goes', async () => {
    const location = locationOf()
    await publishManifest(engine.database.pool, manifestOf(location), 'v1', undefined)
    await sync()
    const [first] = await schedulers(location.name)
    expect(first).toMatchObject({ key: 'often', pattern: never, tz: 'UTC', next: nextTick({ cron: [never], timeZone: 'UTC' }, new Date()).getTime() })
    const jobs = await engine.queues.queue(location.name, 'ticks').getDelayed()
    await sync()
    await sync()
    expect(await schedulers(location.name)).toEqual([first])
    expect((await engine.queues.queue(location.name, 'ticks').getDelayed()).map((job) => [job.id, job.timestamp])).toEqual(
      jobs.map((job) => [job.id, job.timestamp]),
    )

    const other = {
      ...manifestOf(location),
      schedules: [schedule({ name: 'often', cron: ['30 6 * * *', '0 7 * * *'], timeZone: 'Europe/Paris', assets: '*' }).spec],
    }
    await publishManifest(engine.database.pool, other, 'v2', undefined)
    await sync()
    const [changed, second, ...more] = (await schedulers(location.name)).toSorted((one, other) => (one.key < other.key ? -1 : 1))
    expect([changed, second, more]).toMatchObject([{ pattern: '30 6 * * *', tz: 'Europe/Paris' }, { pattern: '0 7 * * *', tz: 'Europe/Paris' }, []])
    const clock = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Paris', hour: '2-digit', minute: '2-digit' }).format(changed?.next)
    expect(clock).toBe('06:30')

    await publishManifest(engine.database.pool, { ...other, schedules: [] }, 'v3', undefined)
    await sync()
    expect(await schedulers(location.name)).toEqual([])
  })

  test('that a queue lost are put back by the next look, and what another changed soon', async () => {
    const location = locationOf()
    await publishManifest(engine.database.pool, manifestOf(location), 'v1', undefined)
    const seen: SeenSchedulers = new Map()
    const now = Date.now()
    await sync(new Date(now), seen)
    const queue = engine.queues.queue(location.name, 'ticks')
    await queue.removeJobScheduler('often')
    await sync(new Date(now + 1000), seen)
    expect(await schedulers(location.name)).toMatchObject([{ key: 'often', pattern: never }])

    await queue.upsertJobScheduler('often', { pattern: '0 0 1 1 *' }, { name: 'tick', data: {} })
    await sync(new Date(now + 2000), seen)
    expect(await schedulers(location.name)).toMatchObject([{ pattern: '0 0 1 1 *' }])
    await sync(new Date(now + 20_000), seen)
    expect(await schedulers(location.name)).toMatchObject([{ pattern: never }])
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
    const runs = launched.flatMap((one) => one.runs)
    expect(runs).toHaveLength(1)
    expect(await ticks(location.name)).toEqual([expect.objectContaining({ status: 'launched', run_id: runs[0] })])
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

  test('make up for as many missed slots as they say', async () => {
    const hour = 3_600_000
    const now = new Date(Math.floor(Date.now() / hour) * hour + 120_000)
    for (const [catchUp, late, caught] of [
      ['none', 10 * 60_000, []],
      [3, 0, [0, 1, 2]],
    ] as const) {
      const location = locationOf({ cron: '0 * * * *', catchUp })
      await engine.work(location)
      await sync(now)
      await engine.query(`UPDATE millrace.schedule SET first_seen = now() - interval '5 hours' WHERE location = $1`, [location.name])
      const then = new Date(now.getTime() + late)
      const settled = () => engine.value('SELECT settled_at FROM millrace.schedule WHERE location = $1', [location.name])
      await waitFor(async () => (await sync(then), (await settled()) !== null), { what: 'the missed slots to be settled' })
      const slots = caught.map((back) => new Date(now.getTime() - 120_000 - back * hour))
      expect((await ticks(location.name)).map((tick) => tick['scheduled_at']).toSorted((one, other) => Number(other) - Number(one))).toEqual(slots)
      expect(await settled()).toEqual(new Date(now.getTime() - 120_000))
      // The clock is set back, and goes on.
      for (const at of [then.getTime() - 3 * hour, then.getTime()]) await sync(new Date(at))
      expect(await settled()).toEqual(new Date(now.getTime() - 120_000))
      expect(await engine.queues.queue(location.name, 'ticks').getJobCounts('waiting', 'active')).toEqual({ waiting: 0, active: 0 })
    }
  })

  test('whose missed slots waited for a worker leave out those that later ones take the place of', async () => {
    const deps = { pool: engine.database.pool, queues: engine.queues, logger: testLogger }
    // The last slot that is no longer young.
    const hour = Math.floor((Date.now() - missedAfterMs) / 3_600_000) * 3_600_000
    for (const [catchUp, expected] of [
      ['latest', [0]],
      [2, [0, 1]],
    ] as const) {
      const location = locationOf({ cron: '0 * * * *', catchUp })
      await publishManifest(engine.database.pool, manifestOf(location), 'v1', undefined)
      for (const back of [3, 2, 1, 0]) {
        const scheduledAt = new Date(hour - back * 3_600_000).toISOString()
        await evaluateTick(deps, { location: location.name, schedule: 'often', scheduledAt, cause: 'missed' })
      }
      const slots = (await ticks(location.name)).map((tick) => (hour - Number(tick['scheduled_at'])) / 3_600_000)
      expect(slots.toSorted((one, other) => one - other)).toEqual(expected)
    }
    expect(isPassedOver({ cron: ['0 * * * *'], timeZone: 'UTC', catchUp: 'none' }, hour, hour + 299_000)).toBe(false)
    expect(isPassedOver({ cron: ['0 * * * *'], timeZone: 'UTC', catchUp: 'none' }, hour, hour + 301_000)).toBe(true)
  })

  test('that fail are tried again, show why, and then launch', async () => {
    let shut = true
    const location = createLocation([timedValue], {
      schedules: [
        schedule({
          name: 'often',
          cron: never,
          assets: '*',
          config: { size: 1 },
          tags: { team: 'x' },
          run: ({ scheduledAt, log }) => {
            log('looked', { at: scheduledAt })
            if (shut) throw new Error('the shop is shut')
            return { runs: [{ runKey: 'a' }, { runKey: 'a' }, { runKey: 'b', config: { size: 2 }, tags: { kind: 'late' } }] }
          },
        }),
      ],
    })
    await engine.work(location)
    await sync()
    const read = () =>
      engine.query<{ status: string; failures: number; known: number; runs: string[]; error: { message: string } | null; log: { message: string }[] }>(
        'SELECT status, failures, known, runs, error, log FROM millrace.tick WHERE location = $1',
        [location.name],
      )
    await engine.queues.enqueue(location.name, 'tick', { schedule: 'often', scheduledAt: '2024-02-29T00:00:00.000Z', cause: 'clock' })
    await waitFor(async () => (await read())[0]?.status === 'failed', { what: 'the tick to fail' })
    expect(await read()).toMatchObject([{ error: { message: 'the shop is shut' }, log: [{ message: 'looked' }], runs: [] }])
    shut = false
    await waitFor(async () => (await read())[0]?.status === 'launched', { what: 'the tick to launch' })
    const [tick] = await read()
    expect(tick).toMatchObject({ known: 1, error: { message: 'the shop is shut' } })
    expect(tick?.failures).toBeGreaterThan(0)
    expect(await engine.query('SELECT config, tags FROM millrace.run WHERE location = $1 ORDER BY config', [location.name])).toEqual([
      { config: { size: 1 }, tags: { team: 'x' } },
      { config: { size: 2 }, tags: { team: 'x', kind: 'late' } },
    ])
  })

  test.for<[why: string, answer: () => unknown, status: string, said: RegExp]>([
    ['nothing', () => null, 'skipped', /^$/],
    ['a reason', () => ({ reason: 'a holiday' }), 'skipped', /a holiday/],
    ['nonsense', () => ({ runs: 3 }), 'failed', /answered what is no answer/],
    ['a cursor', () => ({ cursor: 1 }), 'failed', /which only a sensor may/],
    ['notifications', () => ({ notifications: [{ through: 'slack', title: 'hello' }] }), 'failed', /which only a sensor may|no answer/],
    ['too many runs', () => ({ runs: Array.from({ length: 100_000 }, () => ({})) }), 'failed', /asked for 100,000 runs at once/],
    ['text that the database does not take', () => ({ runs: [{}, { tags: { a: '\u0000' } }] }), 'failed', /request number 2 .*tags.* NUL, .*: a/],
    ['a run key that it does not take', () => ({ runs: [{}, { runKey: 'a\u0000' }] }), 'failed', /key .* NUL/],
    ['one run that cannot be', () => ({ runs: [{}, { config: { depth: 1 } }] }), 'failed', /run request number 2 .*none of this evaluation/],
  ])('whose function answers %s', async ([, answer, status, said]) => {
    const location = createLocation([timedValue], { schedules: [schedule({ name: 'often', cron: never, assets: '*', run: answer as () => null })] })
    await engine.work(location)
    await sync()
    await engine.queues.enqueue(location.name, 'tick', { schedule: 'often', scheduledAt: '2024-02-29T00:00:00.000Z', cause: 'clock' })
    const read = () =>
      engine.query<{ status: string; says: string }>(
        `SELECT status, coalesce(reason, error ->> 'message', '') AS says FROM millrace.tick WHERE location = $1`,
        [location.name],
      )
    await waitFor(async () => (await read()).length === 1, { what: 'the tick' })
    expect((await read())[0]).toEqual({ status, says: expect.stringMatching(said) as string })
    expect(await engine.value('SELECT count(*)::int FROM millrace.run WHERE location = $1', [location.name])).toBe(0)
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

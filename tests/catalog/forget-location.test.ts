import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { listAssets } from '../../src/api/assets.ts'
import { listAutomation } from '../../src/api/automation.ts'
import { explainRun } from '../../src/api/explain.ts'
import { listSchedules } from '../../src/api/schedules.ts'
import { listSensors } from '../../src/api/sensors.ts'
import { setAutomationStopped } from '../../src/catalog/automation.ts'
import { forgetLocation } from '../../src/catalog/forget-location.ts'
import { lead } from '../../src/catalog/leader.ts'
import { publishManifest, recordLocationError } from '../../src/catalog/manifests.ts'
import { keepNotifications } from '../../src/catalog/outbox.ts'
import { pauseRuns, readPauses } from '../../src/catalog/pauses.ts'
import { readPools, setPoolSize } from '../../src/catalog/pools.ts'
import { endProcess, forgetOldProcesses, registerProcess } from '../../src/catalog/processes.ts'
import { createLocationReader, readLocationStandings } from '../../src/catalog/read/locations.ts'
import { retryRun } from '../../src/catalog/retry-run.ts'
import { readLimits, setLimit } from '../../src/catalog/run-limits.ts'
import { askForEvaluation, keepMessage } from '../../src/catalog/sensors.ts'
import { setScheduleStopped } from '../../src/catalog/ticks.ts'
import { eager } from '../../src/definitions/automation/conditions.ts'
import { externalAsset } from '../../src/definitions/external-asset.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { staticPartitions } from '../../src/definitions/partitions/partitions.ts'
import { schedule } from '../../src/definitions/schedule.ts'
import { sensor } from '../../src/definitions/sensor.ts'
import { storedError } from '../../src/errors.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { tickAutomations, tidyAutomations } from '../../src/producers/automation/tick.ts'
import { startBackfill } from '../../src/producers/launch/backfill/start-backfill.ts'
import { launch } from '../../src/producers/launch/launch.ts'
import { syncTicks } from '../../src/producers/schedules.ts'
import { sweep } from '../../src/producers/sweep.ts'
import { unscheduleForgotten } from '../../src/producers/unschedule-forgotten.ts'
import { getJson, startBoard, startQueues } from '../board/start.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, spawnMillrace, temporaryFolder, test, waitFor } from '../support/test.ts'

/** A location with one of everything, by whose name its assets begin. */
async function everything(name: string) {
  const io = jsonFiles({ folder: await temporaryFolder() })
  const rows = asset({ key: `${name}/rows`, io, pool: 'api', run: () => 1 })
  const days = asset({ key: `${name}/days`, io, partitions: staticPartitions(['a', 'b']), run: () => 1 })
  const sum = asset({ key: `${name}/sum`, io, deps: [rows], run: () => 2, automation: eager() })
  return defineLocation({
    name,
    assets: [rows, days, sum],
    pools: { api: 1 },
    schedules: [
      schedule({ name: 'hourly', cron: '0 * * * *', assets: rows.key, catchUp: 100 }),
      schedule({ name: 'stopped', cron: '0 * * * *', assets: rows.key }),
    ],
    sensors: [sensor({ name: 'look', assets: rows.key, run: () => ({ reason: 'nothing' }) })],
  })
}

const workerOf = (versions: Record<string, string>) =>
  ({ id: randomUUID(), role: 'worker', host: 'here', pid: 4711, queues: ['ticks', 'extract', 'transform', 'load', 'ops'], versions }) as const

/** A worker that is alive until it is ended. */
async function live(pool: pg.Pool, name: string, version = 'v1'): Promise<string> {
  const worker = workerOf({ [name]: version })
  await registerProcess(pool, worker, 600_000)
  return worker.id
}

describeBackends('a code location that is forgotten', (backend) => {
  let engine: Engine
  let pool: pg.Pool
  let epoch: string
  beforeAll(async () => {
    engine = await startEngine({ backend, producers: 'none' })
    pool = engine.database.pool
    epoch = (await lead(pool, 'producers', randomUUID(), 600_000)) ?? ''
    return engine.stop
  })
  const deps = () => ({ pool, queues: engine.queues, logger: testLogger })
  const now = async (): Promise<Date> => new Date(String(await engine.value(`SELECT clock_timestamp()::text`)))
  const round = async (): Promise<void> => {
    await syncTicks(deps(), await now(), new Map())
    await unscheduleForgotten(deps())
    await tickAutomations(deps(), epoch)
    await tidyAutomations(deps(), 0)
    await sweep(deps())
  }
  const schedulers = async (name: string) => (await engine.queues.queue(name, 'ticks').getJobSchedulers(0, -1)).map(({ key }) => key).toSorted()
  /** Everything that is listed of it, and what runs of it have not ended. */
  const traces = async (name: string) => {
    const parts = { pool, locations: createLocationReader() }
    const all = await Promise.all([
      listAssets(parts),
      listSchedules(parts, new Date()),
      listSensors(parts),
      listAutomation(parts),
      readPools(pool),
      readPauses(pool),
      readLimits(pool),
      engine.query<{ location: string }>(`SELECT location FROM millrace.run WHERE ended_at IS NULL`),
      engine.query<{ location: string }>(`SELECT location FROM millrace.backfill WHERE ended_at IS NULL`),
      engine.query<{ location: string }>(`SELECT location FROM millrace.outbox WHERE status IN ('waiting', 'working')`),
    ])
    const listed = (await readLocationStandings(pool)).some((one) => one.name === name) ? 1 : 0
    return [...all.map((list) => list.filter((one) => one.location === name).length), listed]
  }

  test('ends with all that waits, keeps its history, and comes back as it was with a worker', async () => {
    const location = await everything('gone')
    const worker = await live(pool, 'gone')
    await publishManifest(pool, manifestOf(location), 'v1', undefined)
    await round()
    await setScheduleStopped(pool, 'gone', 'stopped', true)
    await round()
    await setPoolSize(pool, { location: 'gone', name: 'api', slots: 5 }, 'ada')
    const done = (await engine.launch('gone/rows')).runId
    await engine.query(`UPDATE millrace.step SET status = 'succeeded', ended_at = clock_timestamp() WHERE run_id = $1`, [done])
    await engine.query(`UPDATE millrace.run SET status = 'succeeded', ended_at = clock_timestamp() WHERE id = $1`, [done])
    const begun = (await engine.launch('gone/rows')).runId
    // It was being worked on as its worker died.
    await engine.query(`UPDATE millrace.step SET claimed_by = $2, claim = 1 WHERE run_id = $1`, [begun, worker])
    await setLimit(pool, { location: 'gone', tag: '', value: '', runs: 1 }, 'ada')
    const queued = (await engine.launch('gone/rows')).runId
    const { backfillId } = await startBackfill(deps(), { assets: ['gone/days'], launchedBy: 'test' })
    await keepNotifications(pool, { location: 'gone', causedBy: 'test' }, [{ through: 'slack', content: {} }])
    await askForEvaluation(pool, { location: 'gone', sensor: 'look' })
    await keepMessage(pool, { location: 'gone', sensor: 'look' }, {})
    await setAutomationStopped(pool, 'gone', true)
    await pauseRuns(pool, 'gone', 'ada', undefined)
    expect(await schedulers('gone')).toEqual(['hourly', 'sensor:look'])
    const before = await traces('gone')
    expect(before.every((count) => count > 0)).toBe(true)

    await expect(forgetLocation(pool, 'gone', 'ada')).rejects.toMatchObject({
      code: 'LOCATION_IN_USE',
      message: 'The location gone is worked, by process 4711 on here: only one without workers can be forgotten.',
    })
    expect(await traces('gone')).toEqual(before)

    await endProcess(pool, worker)
    expect(await forgetLocation(pool, 'gone', 'ada')).toEqual({ location: 'gone', runs: 4, backfills: 1, notifications: 1 })
    await round()
    await round()
    expect(await traces('gone')).toEqual(before.map(() => 0))
    expect(await schedulers('gone')).toEqual([])
    for (const id of [begun, queued]) {
      expect(await explainRun({ pool }, id)).toMatchObject({
        status: 'canceled',
        message: expect.stringContaining('The location gone was forgotten by ada: no worker of it was alive.'),
      })
    }
    expect((await engine.view(done)).status).toBe('succeeded')
    expect(await engine.query(`SELECT status, problem FROM millrace.backfill WHERE id = $1`, [backfillId])).toMatchObject([
      { status: 'canceled', problem: expect.stringContaining('forgotten by ada') },
    ])
    await expect(engine.launch('gone/rows', { location: 'gone' })).rejects.toMatchObject({ code: 'LOCATION_NOT_LOADED' })
    await expect(forgetLocation(pool, 'gone', 'ada')).rejects.toMatchObject({ code: 'LOCATION_UNKNOWN' })

    // As if it had been gone for long: what went by is not caught up.
    await engine.query(`UPDATE millrace.schedule SET first_seen = first_seen - interval '30 days', settled_at = NULL`)
    await engine.work(location)
    await round()
    const after = await traces('gone')
    expect(after.map((count) => count > 0)).toEqual(before.map((_, at) => at < 7 || at === 10))
    expect(await schedulers('gone')).toEqual(['hourly', 'sensor:look'])
    expect(await engine.query(`SELECT name, stopped, first_seen > clock_timestamp() - interval '1 hour' AS anew FROM millrace.schedule ORDER BY name`)).toEqual(
      [
        { name: 'hourly', stopped: false, anew: true },
        { name: 'stopped', stopped: true, anew: true },
      ],
    )
    expect(await engine.value(`SELECT stopped FROM millrace.automation WHERE location = 'gone'`)).toBe(true)
    await engine.query(`DELETE FROM millrace.pause`)
    await engine.succeed('gone/rows')
    expect(await engine.value(`SELECT count(*)::int FROM millrace.tick WHERE location = 'gone'`)).toBe(0)
  })

  test('is not asked again and again for a sensor that nobody evaluates, nor for one that its definitions no longer have', async () => {
    const location = await everything('quiet')
    await publishManifest(pool, manifestOf(location), 'v1', undefined)
    await round()
    await keepMessage(pool, { location: 'quiet', sensor: 'look' }, {})
    const asked = async (): Promise<unknown> => {
      await engine.query(`UPDATE millrace.sensor SET asked_at = asked_at - interval '1 minute'`)
      await engine.query(`UPDATE millrace.sensor_message SET received_at = received_at - interval '1 minute'`)
      await round()
      return engine.value(`SELECT asked FROM millrace.sensor WHERE location = 'quiet'`)
    }
    expect([await asked(), await asked(), await asked()]).toEqual([1, 1, 1])
    await engine.queues.queue('quiet', 'ticks').obliterate({ force: true })
    expect(await asked()).toBe(2)
    await publishManifest(pool, { ...manifestOf(location), sensors: [] }, 'v2', undefined)
    await engine.queues.queue('quiet', 'ticks').obliterate({ force: true })
    expect(await asked()).toBe(2)
  })

  test('stays forgotten while a folder of its name is broken, and when another location comes from there', async () => {
    await publishManifest(pool, manifestOf(await everything('kept')), 'v1', undefined)
    const { runId } = await engine.launch('kept/rows', { location: 'kept' })
    await engine.query(`UPDATE millrace.step SET status = 'failed', ended_at = clock_timestamp() WHERE run_id = $1`, [runId])
    await engine.query(`UPDATE millrace.run SET status = 'failed', ended_at = clock_timestamp() WHERE id = $1`, [runId])
    await forgetLocation(pool, 'kept', 'ada')
    await recordLocationError(pool, 'kept', storedError(new Error('no such file')))
    await publishManifest(pool, manifestOf(await everything('instead')), 'v1', undefined, 'kept')
    expect(await engine.query(`SELECT forgotten_by, error FROM millrace.location WHERE name = 'kept'`)).toEqual([{ forgotten_by: 'ada', error: null }])
    const refused = { code: 'LOCATION_NOT_LOADED', message: 'The location kept was forgotten.' }
    await expect(retryRun(pool, runId)).rejects.toMatchObject(refused)
    await expect(engine.launch('kept/rows', { location: 'kept' })).rejects.toMatchObject(refused)
    // Another location that has it as made there cannot send anybody there.
    const reader = defineLocation({ name: 'reader', assets: [externalAsset({ key: 'kept/rows', madeIn: 'kept' })] })
    await publishManifest(pool, manifestOf(reader), 'v1', undefined)
    await expect(launch(deps(), { assets: ['kept/rows'], launchedBy: 'test' })).rejects.toMatchObject({
      code: 'ASSET_EXTERNAL',
      hint: 'kept/rows is made in the location kept, which was forgotten. A worker that starts with it brings it back.',
    })
    await engine.query(`DELETE FROM millrace.location WHERE name = 'kept'`)
    await expect(retryRun(pool, runId)).rejects.toMatchObject({ ...refused, message: 'There is no location kept any more.' })
  })

  type Act = (name: string) => Promise<unknown>
  const acts: Record<string, Act> = {
    forget: (name) => forgetLocation(pool, name, 'ada'),
    'a worker that starts': async (name) => {
      await live(pool, name)
      await publishManifest(pool, manifestOf(await everything(name)), 'v1', undefined)
    },
    'a worker that was frozen': (name) => live(pool, name),
    'a worker whose definitions do not load': (name) => recordLocationError(pool, name, storedError(new Error('no such file'))),
    launch: (name) => launch(deps(), { assets: [`${name}/rows`], location: name, launchedBy: 'test' }),
    'retry a run': async (name) => retryRun(pool, String(await engine.value(`SELECT id FROM millrace.run WHERE location = $1`, [name]))),
    'automation that starts a run': () => tickAutomations(deps(), epoch),
  }
  /** What comes of two at once, of which the first gets the location first: what each answers, and how the location stands after it. */
  test.for<readonly [first: string, second: string, answers: readonly [string, string], stands: string]>([
    ['forget', 'a worker that starts', ['done', 'done'], 'in force'],
    ['a worker that starts', 'forget', ['done', 'LOCATION_IN_USE'], 'in force'],
    ['forget', 'a worker that was frozen', ['done', 'done'], 'in force'],
    ['a worker that was frozen', 'forget', ['done', 'LOCATION_IN_USE'], 'in force'],
    ['forget', 'a worker whose definitions do not load', ['done', 'done'], 'forgotten'],
    ['forget', 'launch', ['done', 'LOCATION_NOT_LOADED'], 'forgotten'],
    ['launch', 'forget', ['done', 'done'], 'forgotten'],
    ['forget', 'retry a run', ['done', 'LOCATION_NOT_LOADED'], 'forgotten'],
    ['retry a run', 'forget', ['done', 'done'], 'forgotten'],
    ['forget', 'automation that starts a run', ['done', 'done'], 'forgotten'],
    ['automation that starts a run', 'forget', ['done', 'done'], 'forgotten'],
    ['forget', 'forget', ['done', 'LOCATION_UNKNOWN'], 'forgotten'],
  ])('%s, and at the same time: %s', async ([first, second, answers, stands]) => {
    const name = `race_${randomUUID().slice(0, 8)}`
    await publishManifest(pool, manifestOf(await everything(name)), 'v1', undefined, name)
    await tickAutomations(deps(), epoch)
    const { runId } = await engine.launch(`${name}/rows`, { location: name })
    await engine.query(`UPDATE millrace.step SET status = 'failed', ended_at = clock_timestamp() WHERE run_id = $1`, [runId])
    await engine.query(`UPDATE millrace.run SET status = 'failed', ended_at = clock_timestamp() WHERE id = $1`, [runId])
    // What the condition of `sum` is made from has changed.
    await engine.query(`INSERT INTO millrace.asset (location, key, materialized_at, metadata) VALUES ($1, $2, clock_timestamp(), '{}')`, [name, `${name}/rows`])
    const holder = await pool.connect()
    await holder.query('BEGIN')
    await holder.query(`SELECT FROM millrace.location WHERE name = $1 FOR UPDATE`, [name])
    const waiting = (count: number) =>
      waitFor(
        async () =>
          Number(await engine.value(`SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)) >= count,
        { what: `${String(count)} to wait for a lock` },
      )
    const answer = (what: string): Promise<string> =>
      (acts[what] ?? (() => Promise.reject(new Error(what))))(name).then(
        () => 'done',
        (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
      )
    const asked: Promise<string>[] = []
    try {
      asked.push(answer(first))
      await waiting(1)
      asked.push(answer(second))
      // The leader passes an automation that somebody else has.
      if (second !== 'automation that starts a run') await waiting(2)
      else await asked[1]
    } finally {
      await holder.query('COMMIT')
      holder.release()
    }
    expect(await Promise.all(asked)).toEqual(answers)
    const standing = (await readLocationStandings(pool)).find((location) => location.name === name)
    expect(standing?.state ?? 'forgotten').toBe(stands)
    if (stands === 'in force') expect(standing).toMatchObject({ version: 'v1', workers: { v1: 1 } })
    if (stands === 'forgotten') expect(await engine.query(`SELECT status FROM millrace.run WHERE location = $1 AND ended_at IS NULL`, [name])).toEqual([])
    // Whatever was launched before it was forgotten is canceled, and not lost.
    if (second === 'forget' && ['launch', 'automation that starts a run'].includes(first)) {
      expect(await engine.query(`SELECT status FROM millrace.run WHERE location = $1 AND id <> $2`, [name, runId])).toEqual([{ status: 'canceled' }])
    }
  })
})

test('locations are listed and forgotten over the API, on the board and on the command line', async ({ database }) => {
  const { pool } = database
  for (const name of ['one', 'two', 'three', 'worked']) await publishManifest(pool, manifestOf(await everything(name)), 'v1', undefined)
  await live(pool, 'worked')
  await recordLocationError(pool, 'broken', storedError(new Error('no such file')))
  // A worker of these died three days ago, whose row is removed; of `two` one of yesterday is still known.
  await pool.query(
    `INSERT INTO millrace.process (id, role, host, pid, versions, lease_until) VALUES (gen_random_uuid(), 'worker', 'here', 1, '{"one": "v1", "two": "v1"}', clock_timestamp() - interval '3 days')`,
  )
  await pool.query(`UPDATE millrace.location SET updated_at = clock_timestamp() - interval '9 days'`)
  await forgetOldProcesses(pool)
  await pool.query(
    `INSERT INTO millrace.process (id, role, host, pid, versions, lease_until) VALUES (gen_random_uuid(), 'worker', 'here', 1, '{"two": "v1"}', clock_timestamp() - interval '10 minutes')`,
  )
  const board = await startBoard({ pool, queues: startQueues(database) })
  const post = (path: string, init: RequestInit = {}) => fetch(`${board.url}${path}`, { method: 'POST', redirect: 'manual', ...init })
  const { body } = await getJson(`${board.url}/api/v1/locations`)
  const listed = (body as { locations: { name: string; state: string; lastSeenAt: string }[] }).locations
  const hours = (at: string): number => Math.round((Date.now() - Date.parse(at)) / 3_600_000)
  expect(listed.map(({ name, state, lastSeenAt }) => [name, state, hours(lastSeenAt)])).toEqual([
    ['broken', 'failed to load', 216],
    ['one', 'no worker', 72],
    ['three', 'no worker', 216],
    ['two', 'no worker', 0],
    ['worked', 'in force', 0],
  ])

  const overview = await (await fetch(board.url)).text()
  expect([...overview.matchAll(/href="(\/locations\/[^"]*)"/g)].map(([, path = '']) => path).toSorted()).toEqual(
    ['broken', 'one', 'three'].map((name) => `/locations/${name}/forget`),
  )
  expect(await (await fetch(`${board.url}/locations/one/forget`)).text()).toContain('>Forget one</button>')
  expect(await (await fetch(`${board.url}/locations/worked/forget`)).text()).not.toContain('<button')
  expect((await post('/locations/one/forget')).headers.get('location')).toBe('/')
  expect((await post('/locations/worked/forget')).status).toBe(409)
  expect((await post('/locations/two/forget', { headers: { origin: 'http://elsewhere.example' } })).status).toBe(403)
  const forget = (name: string) => getJson(`${board.url}/api/v1/locations/${name}/forget`, { method: 'POST' })
  expect(await forget('worked')).toMatchObject({ status: 409, body: { code: 'LOCATION_IN_USE', detail: expect.stringContaining('process 4711 on here') } })
  expect(await forget('one')).toMatchObject({ status: 404, body: { code: 'LOCATION_UNKNOWN', hint: 'The locations are: broken, three, two, worked.' } })
  expect(await forget('broken')).toEqual({ status: 200, body: { location: 'broken', runs: 0, backfills: 0, notifications: 0 } })

  const { runId } = await launch({ pool, queues: startQueues(database), logger: testLogger }, { assets: ['three/rows'], launchedBy: 'test' })
  expect(await explainRun({ pool }, runId)).toMatchObject({
    message: expect.stringMatching(/No live worker .* None was seen since .*: millrace locations forget three$/),
  })
  const millrace = async (...args: string[]) => {
    const run = spawnMillrace(args, { DATABASE_URL: database.url, MILLRACE_HOME: await temporaryFolder() })
    const { code } = await run.exited
    return { code, stdout: run.stdout(), stderr: run.stderr() }
  }
  const [table, asked, forgotten] = await Promise.all([
    millrace('locations'),
    millrace('locations', 'forget', 'three'),
    millrace('locations', 'forget', 'thre', '--yes'),
  ])
  expect(table.stdout).toMatch(/three +no worker +v1 +0 .*gone for good\? millrace locations forget three\n(.*\n)*worked +in force +v1 +1 /)
  expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining('and cancel 1 run? There is no terminal to ask on.') })
  expect(forgotten).toMatchObject({ code: 2, stderr: expect.stringContaining('The locations are: three, two, worked.') })
  expect((await millrace('locations', 'forget', 'three', '--yes')).stdout).toBe(
    'three is forgotten; 1 run ended with it. A worker that starts with it brings it back.\n',
  )
})

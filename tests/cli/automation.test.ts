import { randomUUID } from 'node:crypto'
import { lead } from '../../src/catalog/leader.ts'
import { publishManifest } from '../../src/catalog/manifests.ts'
import { keepNotifications } from '../../src/catalog/outbox.ts'
import { ensureSensors, keepMessage } from '../../src/catalog/sensors.ts'
import { ensureSchedules } from '../../src/catalog/ticks.ts'
import { tickAutomations } from '../../src/producers/automation/tick.ts'
import { createQueues } from '../../src/queues/queues.ts'
import { loadLocations } from '../../src/workers/load-locations.ts'
import { testLogger } from '../support/engine.ts'
import { beforeAll, createDatabase, describe, expect, onTestFinished, queuePrefix, spawnMillrace, test } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'
import { createProject } from './project.ts'

const definitions = `import { asset, dailyPartitions, defineLocation, eager, runStatusSensor, schedule, sensor } from 'millrace'
import { jsonFiles } from 'millrace/io'
import * as z from 'zod'

const rows = asset({ key: 'watched/rows', io: jsonFiles({ folder: 'values' }), config: z.object({ day: z.string().default('today') }), freshness: { within: '26 hours' }, run: () => 1 })
const days = asset({ key: 'watched/days', partitions: dailyPartitions({ start: '2026-01-01', timeZone: 'Europe/Paris' }), io: jsonFiles({ folder: 'values' }), run: () => 1 })
export default defineLocation({
  name: 'watched',
  assets: [rows, days, asset({ key: 'watched/summary', io: jsonFiles({ folder: 'values' }), deps: [rows], run: () => 2, automation: eager() })],
  schedules: [
    schedule({ name: 'nightly', cron: ['0 2 * * *', '0 14 * * 6'], assets: 'watched/rows', config: { day: 'yesterday' }, tags: { team: 'x' } }),
    schedule({ name: 'new_days', cron: '0 1 * * *', timeZone: 'Europe/Paris', assets: 'watched/days', partitions: 'new' }),
    schedule({
      name: 'decided',
      cron: '0 3 * * *',
      assets: 'watched/rows',
      run: ({ scheduledAt, log }) => {
        log('asked', { at: scheduledAt })
        return scheduledAt.startsWith('2026-03-29') ? { reason: 'a holiday' } : { runs: [{ runKey: scheduledAt, config: { day: scheduledAt.slice(0, 10) } }] }
      },
    }),
  ],
  sensors: [
    sensor({
      name: 'files',
      assets: 'watched/rows',
      run: ({ cursor, messages, log }) => {
        log('looked', { from: cursor ?? null })
        return messages.length === 0 ? { reason: 'nothing came' } : { runs: messages.map(({ body }) => ({ runKey: String(body) })), cursor: 'next' }
      },
    }),
    runStatusSensor({ name: 'failures', on: 'failed', run: () => undefined }),
    sensor({ name: 'broken', assets: 'watched/rows', run: () => { throw new Error('the shop is shut') } }),
  ],
})
`

describe('schedules, sensors and automation on the command line', () => {
  let database: TestDatabase
  let env: Record<string, string>
  beforeAll(async () => {
    database = await createDatabase()
    const { folder, pipelines } = await createProject({ watched: definitions })
    const { loaded } = await loadLocations(pipelines, undefined, 'v1')
    for (const { manifest, version } of loaded) await publishManifest(database.pool, manifest, version, undefined)
    for (const name of ['nightly', 'new_days', 'decided']) await ensureSchedules(database.pool, 'watched', [{ name, startsStopped: false }])
    await database.pool.query(`UPDATE millrace.schedule SET first_seen = '2026-03-29'`)
    for (const name of ['files', 'broken', 'failures']) await ensureSensors(database.pool, 'watched', [{ sensor: name, startsStopped: false, watches: false }])
    env = { DATABASE_URL: database.url, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder }
    return () => database.pool.end()
  })
  async function millrace(...args: string[]) {
    const run = spawnMillrace(args, env)
    const { code } = await run.exited
    return { code, stdout: run.stdout(), stderr: run.stderr() }
  }

  test('are listed, stopped and started', async () => {
    expect((await millrace('schedules', 'list')).stdout).toMatch(/nightly +watched +0 2 \* \* \*, 0 14 \* \* 6 +UTC +\d{4}-.*:00:00 UTC +never +watched\/rows/)
    expect(await millrace('schedules', 'stop', 'nightly')).toMatchObject({ code: 0, stdout: 'nightly is stopped.\n' })
    expect((await millrace('schedules', 'list')).stdout.trimEnd().split('\n').at(-1)).toMatch(/^nightly .*UTC +stopped +never/)
    expect(await millrace('schedules', 'start', 'nightly')).toMatchObject({ code: 0 })
    expect(await millrace('schedules', 'stop', 'hourly')).toMatchObject({ code: 2, stderr: expect.stringContaining('There is no schedule hourly') as unknown })
    expect(await millrace('sensors', 'stop', 'files')).toMatchObject({ code: 0, stdout: 'files is stopped.\n' })
    expect((await millrace('sensors', 'list')).stdout).toMatch(/files +watched +30 s +stopped +never/)
  })

  test('show their ticks, with what was logged and what went wrong', async () => {
    expect((await millrace('schedules', 'show', 'decided')).stdout).toMatch(
      /^decided of watched: 0 3 \* \* \* UTC, next .* 03:00:00 UTC\nIt has not ticked yet\.\n$/,
    )
    const error = { name: 'Error', code: 'USER_CODE', message: 'the shop is shut' }
    await database.pool.query(
      `INSERT INTO millrace.tick (location, schedule, scheduled_at, cause, status, failures, error, log) VALUES ('watched', 'decided', '2026-03-29T03:00Z', 'clock', 'failed', 2, $1, '[{"message":"asked"}]')`,
      [error],
    )
    await database.pool.query(
      `INSERT INTO millrace.sensor_tick (location, sensor, cause, began_at, status, error, log) VALUES ('watched', 'broken', 'clock', '2026-03-29T03:00Z', 'failed', $1, '[{"message":"looked"}]')`,
      [error],
    )
    const [schedule, sensor] = await Promise.all([millrace('schedules', 'show', 'decided'), millrace('sensors', 'show', 'broken')])
    expect(schedule.stdout).toMatch(/2026-03-29 03:00:00 UTC +clock +failed +the shop is shut \(2 times\); asked$/m)
    expect(sensor.stdout).toBe('2026-03-29 03:00:00 UTC  clock  failed  the shop is shut\n    looked\n')
    await database.pool.query('DELETE FROM millrace.tick; DELETE FROM millrace.sensor_tick')
  })

  test('show how fresh an asset is', async () => {
    expect((await millrace('assets', 'list')).stdout).toMatch(/last materialized +freshness +rows[^]*watched\/rows +function +watched +never +unknown/)
    expect((await millrace('assets', 'show', 'watched/rows')).stdout).toMatch(
      /Freshness {2}unknown since .* UTC \(within 26 hours\), until .* UTC if nothing is materialized/,
    )
  })

  test('are tried, and nothing is changed by it', async () => {
    const before = await database.pool.query('SELECT count(*)::int AS runs FROM millrace.run')
    const would = async (...args: string[]) => (await millrace('schedules', 'tick', '--dry-run', ...args)).stdout
    const due = (at: string, next: string) => `A tick at ${at} UTC; the next one after it is due at ${next} UTC.\n`
    expect(await would('nightly', '--at', '2026-03-28T03:00:00Z')).toBe(
      `nightly would launch a run of watched/rows, with {"day":"yesterday"}, tags team=x\n${due('2026-03-28 03:00:00', '2026-03-28 14:00:00')}`,
    )
    // The clocks go forward on that night.
    expect(await would('new_days', '--at', '2026-03-29T23:00:00Z')).toBe(
      `new_days would launch a run of watched/days, partition 2026-03-29\n${due('2026-03-29 23:00:00', '2026-03-30 23:00:00')}`,
    )
    expect(await would('decided', '--at', '2026-03-29T03:00:00Z')).toBe(
      `  asked at=2026-03-29T03:00:00.000Z\ndecided would launch nothing: a holiday\n${due('2026-03-29 03:00:00', '2026-03-30 03:00:00')}`,
    )
    expect(await would('decided', '--at', '2026-03-30T03:00:00+00:00')).toContain(
      'decided would launch a run of watched/rows, with {"day":"2026-03-30"}, run key "2026-03-30T03:00:00.000Z"\n',
    )
    expect(await millrace('schedules', 'tick', 'nightly', '--dry-run', '--at', 'noon')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('It is no moment') as unknown,
    })
    expect((await millrace('sensors', 'tick', 'files', '--dry-run')).stdout).toBe('  looked from=null\nIt would launch nothing: nothing came.\n')
    await keepMessage(database.pool, { location: 'watched', sensor: 'files' }, 'a.csv')
    expect((await millrace('sensors', 'tick', 'files', '--dry-run')).stdout).toBe(
      '  looked from=null\nIt would launch a run of watched/rows with the run key "a.csv".\nIts cursor would be "next".\n',
    )
    const broken = await millrace('sensors', 'tick', 'broken', '--dry-run')
    expect(broken).toMatchObject({ code: 1, stderr: expect.stringContaining('the shop is shut') as unknown })
    expect((await database.pool.query('SELECT count(*)::int AS runs FROM millrace.run')).rows).toEqual(before.rows)
    expect((await database.pool.query('SELECT cursor FROM millrace.sensor WHERE name = $1', ['files'])).rows).toEqual([{ cursor: null }])
    expect((await millrace('sensors', 'tick', 'failures', '--dry-run')).stdout).toBe('Nothing new of what it watches: its function is not called.\n')
  })

  test('what is in the outbox is listed, and what was given up is tried again when asked', async () => {
    expect((await millrace('notifications', 'list')).stdout).toBe('There are none.\n')
    await keepNotifications(database.pool, { location: 'watched', causedBy: 'sensor files' }, [
      { through: 'slack', content: { title: 'a.csv came' } },
      { through: 'mail', content: { title: 'b.csv came' } },
    ])
    const error = { name: 'MillraceError', code: 'NOTIFICATION_REFUSED', message: 'Slack answered 404: no_service' }
    await database.pool.query(`UPDATE millrace.outbox SET status = 'failed', attempt = 3, error = $1, ended_at = now() WHERE target = 'slack'`, [error])
    const listed = (await millrace('notifications', 'list')).stdout
    expect(listed).toMatch(/notification +mail +watched +waiting +0 .* b\.csv came/)
    const [, id = ''] = /^(\S{8}) +notification +slack +watched +failed +3 .* Slack answered 404: no_service$/m.exec(listed) ?? []
    expect(await millrace('notifications', 'retry')).toMatchObject({ code: 2, stderr: expect.stringContaining('take --all') as unknown })
    expect(await millrace('notifications', 'retry', id)).toMatchObject({ code: 0, stdout: 'It is tried again.\n' })
    expect((await database.pool.query(`SELECT status, attempt FROM millrace.outbox WHERE target = 'slack'`)).rows).toEqual([{ status: 'waiting', attempt: 0 }])
    expect(JSON.parse((await millrace('notifications', 'list', '--status', 'failed', '--json')).stdout)).toEqual([])
  })

  test('conditions say why an asset is started, or is not', async () => {
    expect((await millrace('automation', 'list')).stdout).toMatch(/watched\/summary +watched +eager +not yet/)
    expect((await millrace('automation', 'show', 'watched/summary')).stdout).toBe('It was not evaluated yet.\n')
    const queues = createQueues({ databaseUrl: database.url, redisUrl: undefined, prefix: queuePrefix, logger: testLogger })
    onTestFinished(() => queues.close())
    const epoch = await lead(database.pool, 'producers', randomUUID(), 600_000)
    const tick = () => tickAutomations({ pool: database.pool, queues, logger: testLogger }, epoch ?? '')
    for (let round = 0; round < 2; round += 1) await tick()
    const first = (await millrace('automation', 'show', 'watched/summary')).stdout
    expect(first).toMatch(/^no since .*: true already when the condition was evaluated for the first time, at 20/)
    expect(first).not.toContain('handled at')
    const waits =
      /It waits for its condition \(eager\), false since 20.* UTC: eager: anyDepsMissing: watched\/rows: missing: never materialized; waits until .*first time, at 20.* UTC; waits for the next time\. `millrace automation show watched\/summary` tells more\./
    expect((await millrace('explain', 'watched/summary')).stdout).toMatch(new RegExp(`^No run of watched/summary is known\\.\n${waits.source}`))
    expect((await millrace('assets', 'show', 'watched/summary')).stdout).toMatch(new RegExp(`Automation ${waits.source}`))
    // What it is told by is kept up to date, also while it answers the same.
    await database.pool.query(
      `INSERT INTO millrace.asset (location, key, materialized_at, metadata) VALUES ('watched', 'watched/summary', clock_timestamp(), '{}')`,
    )
    await tick()
    expect((await database.pool.query(`SELECT reason FROM millrace.automation_asset WHERE asset = 'watched/summary'`)).rows).toMatchObject([
      { reason: expect.stringMatching(/and newlyMissing or anyDepsUpdated: true at 20.*, handled at 20/) as unknown },
    ])
    const materialize = `INSERT INTO millrace.asset (location, key, materialized_at, metadata) VALUES ('watched', 'watched/rows', clock_timestamp(), '{}')`
    await database.pool.query(materialize)
    expect((await millrace('automation', 'tick', '--dry-run')).stdout).toMatch(
      /^It would start a run of watched\/summary\.\n {2}watched\/summary: requested, eager: anyDepsUpdated: watched\/rows: /,
    )
    expect((await database.pool.query(`SELECT 1 FROM millrace.run WHERE launched_by = 'automation'`)).rowCount).toBe(0)
    await tick()
    const shown = (await millrace('automation', 'show', 'watched/summary')).stdout
    expect(shown).toMatch(/^requested since .*anyDepsUpdated: watched\/rows: /)
    // The present is told once, though the newest evaluation found the same.
    expect(shown.match(/✓ eager\n/g)).toHaveLength(1)
    expect(shown).toMatch(/ {2}✓ eager\n {4}✓ latestWindow\n {4}✓ since\(.*\n {6}✓ any\(newlyMissing, anyDepsUpdated\)/)
    expect(shown).toMatch(/requested {2}runs [0-9a-f]{8} {2}eager: /)
    expect(await millrace('automation', 'stop')).toMatchObject({ code: 0, stdout: 'The automation of watched is stopped.\n' })
    expect((await millrace('automation', 'list')).stdout).toMatch(/eager +stopped/)
    expect(await millrace('automation', 'tick', 'watched')).toMatchObject({ code: 1, stderr: expect.stringContaining('is stopped') as unknown })
    expect(await millrace('automation', 'start', 'watched')).toMatchObject({ code: 0 })
    expect(await millrace('automation', 'show', 'watched/rows')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('The asset watched/rows of watched has no condition. (NOT_AUTOMATED)') as unknown,
    })
    expect(await millrace('automation', 'show', 'watched/row')).toMatchObject({ code: 2, stderr: expect.stringContaining('(UNKNOWN_ASSET)') as unknown })
    expect(await millrace('automation', 'stop', 'elsewhere')).toMatchObject({ code: 2, stderr: expect.stringContaining('has no conditions') as unknown })
  })
})

import * as z from 'zod'
import { publishManifest } from '../../src/catalog/manifests.ts'
import { changePartitionKeys, findDynamicPartitions } from '../../src/catalog/partition-keys.ts'
import { createLocationReader } from '../../src/catalog/read/locations.ts'
import { ensureSchedules } from '../../src/catalog/ticks.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { graph } from '../../src/definitions/ops/graph.ts'
import { job } from '../../src/definitions/ops/job.ts'
import { mapOver } from '../../src/definitions/ops/map-over.ts'
import { op } from '../../src/definitions/ops/op.ts'
import { dailyPartitions, dynamicPartitions, multiPartitions, staticPartitions, weeklyPartitions } from '../../src/definitions/partitions/partitions.ts'
import { schedule } from '../../src/definitions/schedule.ts'
import { advanceBackfill } from '../../src/producers/launch/backfill/advance.ts'
import { retryBackfill } from '../../src/producers/launch/backfill/end-backfill.ts'
import { startBackfill } from '../../src/producers/launch/backfill/start-backfill.ts'
import type { BackfillRequest } from '../../src/producers/launch/backfill/start-backfill.ts'
import { findJobPartitions } from '../../src/producers/launch/job-partitions.ts'
import { launchAgain } from '../../src/producers/launch/launch-again.ts'
import { retry } from '../../src/producers/launch/retry.ts'
import { evaluateTick } from '../../src/producers/launch/tick.ts'
import { runJob } from '../../src/testing/run-job.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, expect, test, waitFor } from '../support/test.ts'

const days = dailyPartitions({ start: '2026-01-01', end: '2026-02-01' })
const broken = new Set<string>()
const seen: string[] = []

const list = op({
  name: 'list',
  output: z.array(z.string()),
  run: ({ partition }) => {
    seen.push(`list ${String(partition?.key)}`)
    return ['a', 'b']
  },
})
const visit = op({
  name: 'visit',
  inputs: { one: z.string() },
  output: z.string(),
  retry: { retries: 0 },
  run: ({ inputs, partition }) => {
    if (broken.has(partition?.key ?? '')) throw new Error('the file is torn')
    seen.push(`${inputs.one} ${String(partition?.key)} ${String(partition?.window?.end.toISOString())}`)
    return inputs.one
  },
})
const visits = graph({ name: 'visits', compose: () => mapOver(list(), (one) => visit({ one }), { key: (one) => one }).collect() })
const place = op({ name: 'place', output: z.string(), run: ({ partition }) => JSON.stringify(partition?.dimensions) })
const daily = job({ name: 'daily', graph: visits, partitions: days, tags: { team: 'x' } })
const regions = job({ name: 'regions', graph: place, partitions: multiPartitions({ day: days, region: staticPartitions(['eu', 'us']) }) })
const shops = job({
  name: 'shops',
  graph: op({ name: 'greet', output: z.string(), run: ({ partition }) => `hello ${String(partition?.key)}` }),
  partitions: dynamicPartitions('shops'),
})
const plain = job({ name: 'plain', graph: place })
const load = op({
  name: 'load',
  config: z.object({ file: z.string(), times: z.int().default(1) }),
  output: z.string(),
  retry: { retries: 0 },
  run: ({ config }) => `${config.file} ${String(config.times)}`,
})
const configured = job({
  name: 'configured',
  graph: load,
  partitions: days,
  config: ({ key, window }) => ({ file: `${key}.csv`, ...(key === '2026-01-07' ? { fiel: window?.end.toISOString() ?? '' } : {}) }),
})
const byWindows = schedule({ name: 'by_windows', job: daily })
const location = defineLocation({ name: 'parted', jobs: [daily, regions, shops, plain, configured], schedules: [byWindows] })

// What differs between the queues is nothing of this.
describe('jobs of ops with partitions', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    await engine.work(location)
    return engine.stop
  })
  const deps = () => ({ pool: engine.database.pool, queues: engine.queues, logger: testLogger })
  const runs = (sql: string, values: readonly unknown[] = []) =>
    engine.query<{ job: string; partitions: string[]; status: string }>(
      `SELECT job, partitions, status FROM millrace.run WHERE ${sql} ORDER BY partitions`,
      values,
    )

  test('hand the partition of the run to each op, and keep it when the run is tried or launched again', async () => {
    broken.add('2026-01-05')
    const failed = await engine.run([], { job: 'daily', partitions: ['2026-01-05'] })
    expect(failed.status).toBe('failed')
    broken.clear()
    await retry(deps(), failed.id)
    expect((await engine.ended(failed.id)).status).toBe('succeeded')
    const all = ['a 2026-01-05 2026-01-06T00:00:00.000Z', 'b 2026-01-05 2026-01-06T00:00:00.000Z', 'list 2026-01-05']
    expect(seen.splice(0).toSorted()).toEqual(all)
    const { runId } = await launchAgain(deps(), failed.id, { launchedBy: 'test' })
    expect((await engine.ended(runId)).status).toBe('succeeded')
    const same = { job: 'daily', partitions: ['2026-01-05'], status: 'succeeded' }
    expect(await runs('id = ANY($1)', [[failed.id, runId]])).toEqual([same, same])
    expect(seen.splice(0).toSorted()).toEqual(all)
    const both = await engine.succeed([], { job: 'regions', partitions: ['2026-01-05|us'] })
    expect(await engine.value('SELECT value FROM millrace.step_value WHERE step_id = $1', [both.step.id])).toBe('{"day":"2026-01-05","region":"us"}')
    expect(await engine.value('SELECT count(*)::int FROM millrace.asset_partition')).toBe(0)
  })

  test.for<[job: string, partitions: string[] | undefined, code: string, says: RegExp]>([
    ['plain', ['2026-01-05'], 'NO_PARTITIONS', /plain has no partitions/],
    ['daily', undefined, 'PARTITION_NEEDED', /daily has partitions: say which.*--partition 2026-01-31/],
    ['daily', ['2026-01-05', '2026-01-06'], 'ONE_PARTITION_PER_RUN', /One run makes one partition of daily/],
    ['daily', ['2026-02-01'], 'UNKNOWN_PARTITION', /daily has no partition "2026-02-01"/],
    ['regions', undefined, 'PARTITION_NEEDED', /--partition '2026-01-31\|us'/],
  ])('are refused for what cannot be: %s %s', async ([name, partitions, code, says]) => {
    const refused = await engine.launch([], { job: name, partitions }).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(refused).toMatchObject({ code })
    const { message, hint } = refused as { message: string; hint: string }
    expect(`${message} ${hint}`).toMatch(says)
  })

  test('may have keys that come and go, which no asset need have', async () => {
    await expect(engine.launch([], { job: 'shops', partitions: ['oslo'] })).rejects.toMatchObject({ code: 'UNKNOWN_PARTITION' })
    const found = await findDynamicPartitions(engine.database.pool, createLocationReader(), 'shops', undefined)
    expect(found).toEqual({ location: 'parted', name: 'shops', dimension: false })
    await changePartitionKeys(engine.database.pool, found, { add: ['oslo', 'paris'], remove: [], by: 'test' })
    const { step } = await engine.succeed([], { job: 'shops', partitions: ['oslo'] })
    expect(await engine.value('SELECT value FROM millrace.step_value WHERE step_id = $1', [step.id])).toBe('hello oslo')
    expect((await findJobPartitions(engine.database.pool, 'shops', 'parted')).states.counts).toMatchObject({ succeeded: 1, missing: 1 })
  })

  test('may make their configuration of the partition, below what a launch says', async () => {
    const loaded = async (key: string, config = {}) => {
      const { step, status } = await engine.run([], { job: 'configured', partitions: [key], config })
      return status === 'failed' ? step.error : engine.value('SELECT value FROM millrace.step_value WHERE step_id = $1', [step.id])
    }
    expect(await loaded('2026-01-05')).toBe('2026-01-05.csv 1')
    expect(await loaded('2026-01-05', { times: 2, ops: { load: { config: { file: 'own.csv' } } } })).toBe('own.csv 2')
    expect(await loaded('2026-01-07')).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('fiel: no step') as string })
    for (const config of [{ fiel: 'x' }, { times: 'many' }]) {
      await expect(engine.launch([], { job: 'configured', partitions: ['2026-01-05'], config })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    }
    expect(() => job({ name: 'whole', graph: load, config: () => ({ file: 'x' }) })).toThrow('has no `partitions`')
    const run = await runJob(configured, { partition: '2026-01-05', config: { times: 3 } })
    expect(run.value('load')).toBe('2026-01-05.csv 3')
  })

  test('are run by a schedule once for each window that ended, whichever tick comes', async () => {
    await ensureSchedules(engine.database.pool, 'parted', [{ name: 'by_windows', startsStopped: false }])
    await engine.query(`UPDATE millrace.schedule SET first_seen = '2026-01-20T12:00Z' WHERE location = 'parted'`)
    const tick = (scheduledAt: string, cause: 'clock' | 'missed' = 'clock') =>
      evaluateTick(deps(), { location: 'parted', schedule: 'by_windows', scheduledAt: new Date(scheduledAt).toISOString(), cause })
    const [one, again] = await Promise.all([tick('2026-01-21T00:00Z'), tick('2026-01-21T00:00Z')])
    const later = await tick('2026-01-24T00:00Z', 'missed')
    expect([one.runs.length + again.runs.length, later.runs.length]).toEqual([1, 3])
    for (const id of [...one.runs, ...again.runs, ...later.runs]) expect((await engine.ended(id)).status).toBe('succeeded')
    const launched = await runs(`launched_by = 'schedule by_windows'`)
    expect(launched.map(({ partitions }) => partitions.join())).toEqual(['2026-01-20', '2026-01-21', '2026-01-22', '2026-01-23'])
  })

  const backfill = async (request: Partial<BackfillRequest>) =>
    (await startBackfill(deps(), { assets: [], job: 'daily', location: 'parted', launchedBy: 'test', ...request })).backfillId
  const ended = (id: string) =>
    waitFor(
      async () => (await engine.query<{ status: string }>(`SELECT status FROM millrace.backfill WHERE id = $1 AND ended_at IS NOT NULL`, [id]))[0]?.status,
      {
        what: 'the backfill to end',
        timeoutMs: 60_000,
      },
    )

  test('are backfilled by a run for each partition, and made again where one failed or none was', async () => {
    broken.add('2026-01-11')
    const id = await backfill({ partitions: ['2026-01-10..2026-01-12'], perRun: 'all', tags: { why: 'test' } })
    expect(await ended(id)).toBe('failed')
    const made = (status: string) =>
      ['2026-01-10', '2026-01-11', '2026-01-12'].map((key, at) => ({ job: 'daily', partitions: [key], status: at === 1 ? status : 'succeeded' }))
    expect(await runs('backfill_id = $1', [id])).toEqual(made('failed'))
    expect(await engine.value('SELECT tags FROM millrace.run WHERE backfill_id = $1 LIMIT 1', [id])).toEqual({ team: 'x', why: 'test' })
    broken.clear()
    expect(await retryBackfill(deps(), id)).toBe(1)
    expect(await ended(id)).toBe('succeeded')
    const rest = await backfill({ partitions: ['2026-01-09..2026-01-13'], missing: true })
    expect(await ended(rest)).toBe('succeeded')
    expect((await runs('backfill_id = $1', [rest])).map(({ partitions }) => partitions.join())).toEqual(['2026-01-09', '2026-01-13'])
    // Retention drops runs; what came of the partitions stays.
    await engine.query('DELETE FROM millrace.run WHERE backfill_id = ANY($1)', [[id, rest]])
    await expect(backfill({ partitions: ['2026-01-09..2026-01-13'], missing: true })).rejects.toMatchObject({ code: 'NOTHING_TO_BACKFILL' })
    await expect(backfill({ job: 'plain' })).rejects.toMatchObject({ code: 'NO_PARTITIONS' })
  })

  test('wait in a backfill while they are gone or have partitions of another kind', async () => {
    const pause = { name: 'later', graph: place }
    const publish = async (version: string, jobs: Parameters<typeof defineLocation>[0]['jobs'] = []) =>
      publishManifest(engine.database.pool, manifestOf(defineLocation({ name: 'moving', jobs })), version, undefined)
    await publish('v1', [job({ ...pause, partitions: days })])
    const id = await backfill({ job: 'later', location: 'moving', partitions: ['2026-01-01..2026-01-02'], runsAtOnce: 1 })
    for (const [version, jobs, says] of [
      ['v2', [], /no longer defines the job later/],
      ['v3', [job({ ...pause, partitions: weeklyPartitions({ start: '2026-01-01' }) })], /has other partitions/],
    ] as const) {
      await publish(version, jobs)
      await engine.query(`UPDATE millrace.run SET status = 'succeeded', ended_at = now() WHERE backfill_id = $1`, [id])
      await advanceBackfill(deps(), id)
      expect(await engine.value('SELECT problem FROM millrace.backfill WHERE id = $1', [id])).toMatch(says)
    }
    await publish('v4', [job({ ...pause, partitions: days })])
    await advanceBackfill(deps(), id)
    expect((await runs('backfill_id = $1', [id])).map(({ partitions, status }) => `${partitions.join()} ${status}`)).toEqual([
      '2026-01-01 succeeded',
      '2026-01-02 started',
    ])
  })
})

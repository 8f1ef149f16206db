import { publishManifest } from '../../src/catalog/manifests.ts'
import { changePartitionKeys } from '../../src/catalog/partition-keys.ts'
import { ensureSchedules, setScheduleStopped } from '../../src/catalog/ticks.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { job } from '../../src/definitions/ops/job.ts'
import {
  cronPartitions,
  dailyPartitions,
  dynamicPartitions,
  hourlyPartitions,
  multiPartitions,
  staticPartitions,
} from '../../src/definitions/partitions/partitions.ts'
import type { PartitionsSpec } from '../../src/definitions/partitions/partitions-spec.ts'
import { schedule } from '../../src/definitions/schedule.ts'
import type { ScheduleOptions } from '../../src/definitions/schedule.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { evaluateTick } from '../../src/producers/launch/tick.ts'
import type { TickRequest } from '../../src/producers/launch/tick.ts'
import { createLocation, startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, expect, test } from '../support/test.ts'

interface TickStep {
  readonly at: string
  readonly cause?: TickRequest['cause']
  /** What is launched, each by a run of its own. */
  readonly runs: readonly string[]
  readonly says?: RegExp
}

const paris = dailyPartitions({ start: '2026-01-01', timeZone: 'Europe/Paris' })
const daily = dailyPartitions({ start: '2026-01-01' })
const every = { cron: '0 1 * * *', timeZone: 'Europe/Paris' }

describe('a schedule of new partitions', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres', producers: 'none' })
    return engine.stop
  })
  async function declare(partitions: PartitionsSpec, options: Partial<ScheduleOptions>, firstSeen: string) {
    const days = asset({ key: 'timed/days', io: jsonFiles({ folder: 'values' }), partitions, run: () => 1 })
    const location = createLocation([days], {
      jobs: [job({ name: 'make_days', assets: '*', tags: { team: 'x' } })],
      schedules: [
        schedule({ name: 'new_days', cron: '0 0 * * *', partitions: 'new', ...('job' in options ? {} : { assets: '*' }), ...options } as ScheduleOptions),
      ],
    })
    await publishManifest(engine.database.pool, manifestOf(location), 'v1', undefined)
    await ensureSchedules(engine.database.pool, location.name, [{ name: 'new_days', startsStopped: false }])
    await engine.query('UPDATE millrace.schedule SET first_seen = $2 WHERE location = $1', [location.name, firstSeen])
    return location.name
  }
  const tick = (location: string, at: string, cause: TickRequest['cause'] = 'clock') =>
    evaluateTick(
      { pool: engine.database.pool, queues: engine.queues, logger: testLogger },
      { location, schedule: 'new_days', scheduledAt: new Date(at).toISOString(), cause },
    )
  const made = async (runs: readonly string[]) => {
    const found = await engine.query<{ partitions: string[] }>(
      'SELECT r.partitions FROM unnest($1::uuid[]) WITH ORDINALITY u(id, n) JOIN millrace.run r USING (id) ORDER BY n',
      [runs],
    )
    return found.map(({ partitions }) => partitions.join(' and '))
  }

  test.for<[why: string, partitions: PartitionsSpec, options: Partial<ScheduleOptions>, ticks: readonly TickStep[]]>([
    [
      'each day as it ends, over a change of the clocks',
      paris,
      every,
      [
        { at: '2026-03-28T00:00Z', runs: ['2026-03-27'] },
        { at: '2026-03-29T00:00Z', runs: ['2026-03-28'] },
        { at: '2026-03-29T23:00Z', runs: ['2026-03-29'] },
      ],
    ],
    [
      'as many as came since the slot before',
      daily,
      { cron: '0 0 * * 1' },
      [{ at: '2026-03-30T00:00Z', runs: ['23', '24', '25', '26', '27', '28', '29'].map((day) => `2026-03-${day}`) }],
    ],
    ['none where none has come', daily, { cron: '0 * * * *' }, [{ at: '2026-03-28T05:00Z', runs: [], says: /No partition has come/ }]],
    [
      'those of slots that were missed',
      daily,
      {},
      [
        { at: '2026-03-26T00:00Z', runs: ['2026-03-25'] },
        { at: '2026-03-29T00:00Z', cause: 'missed', runs: ['2026-03-26', '2026-03-27', '2026-03-28'] },
        { at: '2026-03-30T00:00Z', runs: ['2026-03-29'] },
      ],
    ],
    [
      'the latest missed slot alone',
      daily,
      { catchUp: 'latest' },
      [
        { at: '2026-03-26T00:00Z', runs: ['2026-03-25'] },
        { at: '2026-03-29T00:00Z', cause: 'missed', runs: ['2026-03-28'], says: /^2 of slots that were missed were left out \(catchUp: latest\)/ },
      ],
    ],
    [
      'so many missed slots',
      daily,
      { catchUp: 2 },
      [
        { at: '2026-03-25T00:00Z', runs: ['2026-03-24'] },
        { at: '2026-03-29T00:00Z', cause: 'missed', runs: ['2026-03-27', '2026-03-28'], says: /^2 of slots/ },
      ],
    ],
    [
      'no missed slot',
      daily,
      { catchUp: 'none' },
      [
        { at: '2026-03-26T00:00Z', runs: ['2026-03-25'] },
        { at: '2026-03-29T00:00Z', runs: ['2026-03-28'], says: /^2 of slots/ },
      ],
    ],
    [
      'each once, whichever tick comes first',
      daily,
      { catchUp: 'latest' },
      [
        { at: '2026-03-26T00:00Z', runs: ['2026-03-25'] },
        { at: '2026-03-28T00:00Z', runs: ['2026-03-26', '2026-03-27'] },
        { at: '2026-03-27T00:00Z', cause: 'missed', runs: [], says: /A later tick/ },
        { at: '2026-03-28T09:00Z', cause: 'hand', runs: [], says: /No partition/ },
        { at: '2026-03-29T00:00Z', runs: ['2026-03-28'] },
      ],
    ],
    [
      'windows that are there before they have ended',
      dailyPartitions({ start: '2026-01-01', endOffset: 1 }),
      {},
      [
        { at: '2026-03-26T00:00Z', runs: ['2026-03-26'] },
        { at: '2026-03-27T00:00Z', runs: ['2026-03-27'] },
      ],
    ],
    [
      'windows of a cron expression',
      cronPartitions({ start: '2026-03-01', cron: '0 6,18 * * *' }),
      { cron: '0 0 * * *' },
      [{ at: '2026-03-27T00:00Z', runs: ['2026-03-25-18:00', '2026-03-26-06:00'] }],
    ],
    [
      'each window with each key of the other dimension',
      multiPartitions({ date: daily, region: staticPartitions(['eu', 'us']) }),
      {},
      [{ at: '2026-03-26T00:00Z', runs: ['2026-03-25|eu', '2026-03-25|us'] }],
    ],
    [
      'no more than there are',
      dailyPartitions({ start: '2026-01-01', end: '2026-03-26' }),
      {},
      [
        { at: '2026-03-26T00:00Z', runs: ['2026-03-25'] },
        { at: '2026-03-27T00:00Z', runs: [], says: /No partition/ },
      ],
    ],
  ])('launches %s', async ([, partitions, options, steps]) => {
    const begin = Date.parse(steps[0]?.at ?? '')
    const location = await declare(partitions, options, new Date(begin - 1_800_000).toISOString())
    for (const { at, cause, runs, says } of steps) {
      const { runs: launched } = await tick(location, at, cause)
      expect([at, await made(launched)]).toEqual([at, runs])
      const [told] = await engine.query<{ reason: string | null }>('SELECT reason FROM millrace.tick WHERE location = $1 AND scheduled_at = $2', [location, at])
      expect(told?.reason ?? '').toMatch(says ?? /^$/)
    }
  })

  test('launches each once, whoever evaluates its tick at the same moment, and none of those that were there before it was', async () => {
    const location = await declare(hourlyPartitions({ start: '2026-03-01' }), { job: 'make_days' }, '2026-03-26T12:00Z')
    const all = await Promise.all(Array.from({ length: 4 }, (_, at) => tick(location, '2026-03-27T00:00Z', at === 0 ? 'missed' : 'clock')))
    const runs = all.flatMap((one) => one.runs)
    expect(await made(runs)).toEqual(Array.from({ length: 24 }, (_, hour) => `2026-03-26-${String(hour).padStart(2, '0')}:00`))
    expect(await engine.query('SELECT DISTINCT job, tags FROM millrace.run WHERE location = $1', [location])).toEqual([
      { job: 'make_days', tags: { team: 'x' } },
    ])
    expect(await engine.query('SELECT status, cardinality(runs) AS n FROM millrace.tick WHERE location = $1', [location])).toEqual([
      { status: 'launched', n: 24 },
    ])
  })

  test('takes keys that were added, each once, and goes on from now when it is started again', async () => {
    const location = await declare(dynamicPartitions('files'), {}, '2026-03-20T12:00Z')
    const add = (...keys: string[]) =>
      changePartitionKeys(engine.database.pool, { location, name: 'files', dimension: false }, { add: keys, remove: [], by: 'test' })
    await add('b', 'a')
    const both = await Promise.all([tick(location, '2026-03-26T00:00Z'), tick(location, '2026-03-27T00:00Z')])
    expect(await made(both.flatMap((one) => one.runs))).toEqual(['b', 'a'])
    await add('c')
    expect(await made((await tick(location, '2026-03-28T00:00Z')).runs)).toEqual(['c'])
    expect((await tick(location, '2026-03-29T00:00Z')).runs).toEqual([])
    const days = await declare(daily, {}, '2026-03-01T12:00Z')
    await tick(days, '2026-03-10T00:00Z')
    await setScheduleStopped(engine.database.pool, days, 'new_days', true)
    await setScheduleStopped(engine.database.pool, days, 'new_days', false)
    expect(await made((await tick(days, '2026-03-20T00:00Z')).runs)).toEqual(['2026-03-19'])
  })

  test('fails and says so where there are too many, and loses none of them', async () => {
    const location = await declare(hourlyPartitions({ start: '2026-03-01' }), { maxRuns: 24, cron: '0 0 * * *' }, '2026-03-20T12:00Z')
    expect((await tick(location, '2026-03-21T00:00Z')).runs).toHaveLength(24)
    expect(await tick(location, '2026-03-23T00:00Z')).toEqual({ runs: [], failed: true })
    const error = await engine.value(`SELECT error ->> 'message' FROM millrace.tick WHERE location = $1 AND status = 'failed'`, [location])
    expect(error).toContain('found 48 new partitions; one tick may launch 24 runs')
    expect((await tick(location, '2026-03-22T00:00Z', 'missed')).runs).toHaveLength(24)
    expect((await tick(location, '2026-03-23T00:00Z', 'missed')).runs).toHaveLength(24)
  })
})

import { readPartitionStates, binsOf, stretchesOf } from '../../src/catalog/read/partitions.ts'
import { migrate } from '../../src/catalog/migrate.ts'
import { readMoment } from '../../src/catalog/partition-moment.ts'
import { dailyPartitions, dynamicPartitions, hourlyPartitions, multiPartitions, staticPartitions } from '../../src/definitions/partitions/partitions.ts'
import { partitionSet } from '../../src/definitions/partitions/partition-set.ts'
import type { PartitionsSpec } from '../../src/definitions/partitions/partitions-spec.ts'
import { beforeAll, createDatabase, describe, expect, test } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'

describe('the state of partitions', () => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await createDatabase()
    await migrate({ databaseUrl: database.url, queuesInPostgres: false })
    return () => database.pool.end()
  })
  const setOf = (spec: PartitionsSpec) => partitionSet(spec, { now: new Date('2026-02-01'), dynamic: () => [] })
  const keep = (asset: string, there: readonly string[], failed: readonly string[] = []) =>
    database.pool.query(
      `INSERT INTO millrace.asset_partition (location, asset, partition, materialized_at, failed_at)
       SELECT 'place', $1, key, now(), NULL FROM unnest($2::text[]) key UNION ALL SELECT 'place', $1, key, NULL, now() FROM unnest($3::text[]) key`,
      [asset, there, failed],
    )

  test('counts those that there are, and no key that is none any more', async () => {
    const set = setOf(dailyPartitions({ start: '2026-01-01' }))
    await keep('days', ['2025-12-31', '2026-01-01', '2026-01-02', '2026-01-05', '2026-02-01', 'nonsense'], ['2026-01-03'])
    const states = await readPartitionStates(database.pool, 'place', 'days', set)
    expect(states.counts).toEqual({ missing: 27, materialized: 3, failed: 1, running: 0 })
    expect(stretchesOf(set, states, 3)).toEqual({
      stretches: [
        { from: '2026-01-01', to: '2026-01-02', count: 2, status: 'materialized' },
        { from: '2026-01-03', to: '2026-01-03', count: 1, status: 'failed' },
        { from: '2026-01-04', to: '2026-01-04', count: 1, status: 'missing' },
      ],
      next: 4,
    })
    expect(binsOf(set, states, 2)).toEqual([
      { from: '2026-01-01', to: '2026-01-16', missing: 12, materialized: 3, failed: 1, running: 0 },
      { from: '2026-01-17', to: '2026-01-31', missing: 15, materialized: 0, failed: 0, running: 0 },
    ])
    // Asked again, from what was learnt of the keys; and as time goes by there are more.
    expect((await readPartitionStates(database.pool, 'place', 'days', set)).counts.materialized).toBe(3)
    const later = partitionSet(dailyPartitions({ start: '2026-01-01' }), { now: new Date('2026-02-02'), dynamic: () => [] })
    expect((await readPartitionStates(database.pool, 'place', 'days', later)).counts).toEqual({ missing: 27, materialized: 4, failed: 1, running: 0 })
    const earlier = partitionSet(dailyPartitions({ start: '2026-01-01' }), { now: new Date('2026-01-02'), dynamic: () => [] })
    expect((await readPartitionStates(database.pool, 'place', 'days', earlier)).counts).toEqual({ missing: 0, materialized: 1, failed: 0, running: 0 })
  })

  test('of 100,000 is read in little time', async () => {
    const set = partitionSet(hourlyPartitions({ start: '2010-01-01' }), { now: new Date('2021-05-29T16:00Z'), dynamic: () => [] })
    await database.pool.query(
      `INSERT INTO millrace.asset_partition (location, asset, partition, materialized_at)
       SELECT 'place', 'hours', to_char(timestamp '2010-01-01' + n * interval '1 hour', 'YYYY-MM-DD-HH24:MI'), now() FROM generate_series(0, 99999, 2) n`,
    )
    const took: number[] = []
    for (let turn = 0; turn < 3; turn += 1) {
      const began = performance.now()
      const states = await readPartitionStates(database.pool, 'place', 'hours', set)
      expect(binsOf(set, states, 100)).toHaveLength(100)
      took.push(performance.now() - began)
      expect(states.counts).toEqual({ missing: 50_000, materialized: 50_000, failed: 0, running: 0 })
    }
    // It takes 50 ms where nothing else runs: see bench/partitions.ts. A query for each, or a look through all of them for each, takes far longer.
    expect(Math.min(...took)).toBeLessThan(3000)
  })

  test('of 100,000 dynamic ones hangs on keys that are read in little time', async () => {
    await database.pool.query(`INSERT INTO millrace.partition_key (location, name, key) SELECT 'place', 'many', 'key ' || n FROM generate_series(1, 100000) n`)
    const tookLeast = async (read: () => Promise<unknown>): Promise<number> => {
      const took: number[] = []
      for (let turn = 0; turn < 3; turn += 1) {
        const began = performance.now()
        await read()
        took.push(performance.now() - began)
      }
      return Math.min(...took)
    }
    const alone = await tookLeast(() =>
      database.pool.query(`SELECT key FROM millrace.partition_key WHERE location = 'place' AND name = 'many' ORDER BY ordinal`),
    )
    const { dynamic } = await readMoment(database.pool, 'place', [dynamicPartitions('many')])
    const taken = await tookLeast(() => readMoment(database.pool, 'place', [dynamicPartitions('many')]))
    // As long as the keys alone, 0.1 s; put into jsonb, a hundred times as long.
    expect(taken).toBeLessThan(20 * alone)
    expect([dynamic('many').length, dynamic('many').at(-1), dynamic('other')]).toEqual([100_000, 'key 100000', []])
  })

  test('of two dimensions has each with each', async () => {
    const set = setOf(multiPartitions({ date: dailyPartitions({ start: '2026-01-01', end: '2026-01-03' }), region: staticPartitions(['eu', 'us']) }))
    await keep('both', ['2026-01-01|us', '2026-01-02|eu'])
    const states = await readPartitionStates(database.pool, 'place', 'both', set)
    expect(stretchesOf(set, states, 10).stretches.map(({ from, status }) => [from, status])).toEqual([
      ['2026-01-01|eu', 'missing'],
      ['2026-01-01|us', 'materialized'],
      ['2026-01-02|us', 'missing'],
    ])
  })
})

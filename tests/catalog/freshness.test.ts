import { recordFreshness, readFreshness } from '../../src/catalog/freshness.ts'
import { lead } from '../../src/catalog/leader.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import type { FreshnessPolicy } from '../../src/definitions/freshness.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { dailyPartitions, multiPartitions, staticPartitions } from '../../src/definitions/partitions/partitions.ts'
import type { PartitionsSpec } from '../../src/definitions/partitions/partitions-spec.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { createLocation } from '../support/engine.ts'
import { describe, expect, test } from '../support/test.ts'

/** At a time: what was made just before, and how the asset stands then; `next`: the time at which that changes by itself. */
type Moment = readonly [at: string, made: string | null, state: string, next?: string]

const declare = (freshness: FreshnessPolicy, partitions?: PartitionsSpec) =>
  asset({ key: 'shop/orders', io: jsonFiles({ folder: 'values' }), freshness, ...(partitions === undefined ? {} : { partitions }), run: () => 1 })

const daily = dailyPartitions({ start: '2026-01-01', timeZone: 'Europe/Paris' })

const leader = crypto.randomUUID()

describe('freshness', () => {
  test.for<[why: string, freshness: FreshnessPolicy, partitions: PartitionsSpec | undefined, moments: readonly Moment[]]>([
    [
      'since the last materialization',
      { within: '26 hours', warnAfter: '24 hours' },
      undefined,
      [
        ['2026-03-01T00:00Z', null, 'unknown', '2026-03-02T00:00:00.001Z'],
        ['2026-03-01T10:00Z', '', 'fresh', '2026-03-02T10:00:00.001Z'],
        ['2026-03-02T10:00Z', null, 'fresh'],
        ['2026-03-02T10:00:00.001Z', null, 'warning', '2026-03-02T12:00:00.001Z'],
        ['2026-03-02T13:00Z', null, 'overdue'],
        ['2026-03-02T14:00Z', '', 'fresh', '2026-03-03T14:00:00.001Z'],
      ],
    ],
    [
      'of one that was never made, from when it was first known',
      { within: '2 hours' },
      undefined,
      [
        ['2026-03-01T00:00Z', null, 'unknown', '2026-03-01T02:00:00.001Z'],
        ['2026-03-01T02:00:01Z', null, 'overdue'],
      ],
    ],
    [
      'by a time of day, over a change of the clocks',
      { cron: '0 9 * * *', timeZone: 'Europe/Paris', within: '3 hours' },
      undefined,
      [
        ['2026-03-28T07:00Z', '', 'fresh', '2026-03-29T07:00Z'],
        ['2026-03-28T08:00Z', null, 'fresh', '2026-03-29T07:00Z'],
        ['2026-03-29T06:59Z', null, 'fresh', '2026-03-29T07:00Z'],
        ['2026-03-29T07:00Z', null, 'overdue'],
        ['2026-03-29T09:00Z', '', 'fresh', '2026-03-30T07:00Z'],
        ['2026-03-30T07:00Z', null, 'overdue'],
      ],
    ],
    [
      'of the partition that ended last',
      { within: '3 hours', warnAfter: '1 hour' },
      daily,
      [
        // The day before ended at 23:00Z.
        ['2026-03-28T00:30Z', '2026-03-27', 'fresh', '2026-03-29T00:00Z'],
        ['2026-03-29T00:00Z', null, 'warning', '2026-03-29T02:00Z'],
        ['2026-03-29T02:00Z', null, 'overdue'],
        ['2026-03-29T03:00Z', '2026-03-26', 'overdue'],
        ['2026-03-29T04:00Z', '2026-03-28', 'fresh', '2026-03-29T23:00Z'],
        ['2026-03-29T23:00Z', null, 'warning', '2026-03-30T01:00Z'],
      ],
    ],
    [
      'of all partitions of the last window',
      { within: '3 hours' },
      multiPartitions({ date: dailyPartitions({ start: '2026-01-01' }), region: staticPartitions(['eu', 'us']) }),
      [
        ['2026-03-28T02:59Z', '2026-03-26|eu', 'overdue'],
        ['2026-03-28T02:59:30Z', '2026-03-26|us', 'fresh', '2026-03-28T03:00Z'],
        ['2026-03-28T03:00Z', '2026-03-27|eu', 'overdue'],
        ['2026-03-28T03:01Z', '2026-03-27|us', 'fresh', '2026-03-29T03:00Z'],
      ],
    ],
    [
      'of partitions that are no windows by whichever was made last',
      { within: '1 day' },
      staticPartitions(['eu', 'us']),
      [['2026-03-28T00:00Z', 'eu', 'fresh', '2026-03-29T00:00:00.001Z']],
    ],
  ])('%s', async ([, freshness, partitions, moments], { database: { pool } }) => {
    const manifest = manifestOf(createLocation([declare(freshness, partitions)]))
    const { location } = manifest
    const epoch = (await lead(pool, 'producers', leader, 600_000)) ?? ''
    let before: string | undefined
    let events = 0
    for (const [at, made, state, next] of moments) {
      const now = new Date(at)
      if (made !== null) {
        await pool.query(
          `INSERT INTO millrace.asset (location, key, materialized_at, metadata) VALUES ($1, 'shop/orders', $2, '{}') ON CONFLICT (location, key) DO UPDATE SET materialized_at = $2`,
          [location, now],
        )
        if (made !== '')
          await pool.query(`INSERT INTO millrace.asset_partition (location, asset, partition, materialized_at) VALUES ($1, 'shop/orders', $2, $3)`, [
            location,
            made,
            now,
          ])
      }
      const [read] = await readFreshness(pool, [manifest], now)
      expect([at, read?.state]).toEqual([at, state])
      if (next !== undefined) expect([at, read?.changesAt]).toEqual([at, new Date(next)])
      // Two who ask at once write one event.
      const written = await Promise.all([1, 2].map(() => recordFreshness(pool, [manifest], { epoch, now })))
      if (next !== undefined) expect(written.map(({ nextMs }) => nextMs)).toEqual([1, 2].map(() => Date.parse(next) - now.getTime()))
      if (before === undefined ? state === 'overdue' || state === 'warning' : before !== state) events += 1
      before = state
      const { rows } = await pool.query<{ level: string; message: string; state: string }>(
        `SELECT level, message, data ->> 'state' AS state FROM millrace.event WHERE kind = 'freshness' AND data ->> 'location' = $1 ORDER BY id`,
        [location],
      )
      expect([at, rows.length]).toEqual([at, events])
      if (events > 0) expect(rows.at(-1)).toMatchObject({ message: expect.stringContaining('shop/orders is ') as string })
    }
    const { rows } = await pool.query<{ state: string }>(`SELECT state FROM millrace.asset_freshness WHERE location = $1`, [location])
    expect(rows).toEqual([{ state: moments.at(-1)?.[2] }])
    await expect(recordFreshness(pool, [manifest], { epoch: '0' })).rejects.toThrow('lead')
    await recordFreshness(pool, [], { epoch })
    expect((await pool.query(`SELECT FROM millrace.asset_freshness`)).rowCount).toBe(0)
  })

  test.for<[why: string, freshness: FreshnessPolicy, partitions: PartitionsSpec | undefined, message: RegExp]>([
    ['a span that is none', { within: 'soon' as '1 day' }, undefined, /within is "soon", which is no span of time/],
    ['a span of nothing', { within: '0 hours' }, undefined, /no span of time/],
    ['a warning that comes too late', { within: '1 day', warnAfter: '24 hours' }, undefined, /must be sooner/],
    ['a cron expression that is none', { within: '1 day', cron: '61 * * * *' }, undefined, /61/],
    ['a time zone that is none', { within: '1 day', cron: '0 9 * * *', timeZone: 'Mars' }, undefined, /Mars/],
    ['a time zone alone', { within: '1 day', timeZone: 'UTC' }, undefined, /belongs to cron/],
    ['a warning before a deadline', { within: '1 day', warnAfter: '1 hour', cron: '0 9 * * *' }, undefined, /do not go together/],
    ['a deadline of partitions of time', { within: '1 day', cron: '0 9 * * *' }, daily, /due by their ends/],
  ])('with %s is refused', ([, freshness, partitions, message]) => {
    expect(() => declare(freshness, partitions)).toThrow(message)
  })
})

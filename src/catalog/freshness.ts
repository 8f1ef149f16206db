import type pg from 'pg'
import { describeFreshness } from '../definitions/freshness.ts'
import type { FreshnessSpec } from '../definitions/freshness.ts'
import type { Manifest } from '../definitions/manifest.ts'
import { moment } from '../definitions/moment.ts'
import type { PartitionsSpec } from '../definitions/partitions/partitions-spec.ts'
import { FencedError } from '../errors.ts'
import { databaseTime } from './clock.ts'
import { transaction } from './database.ts'
import type { Database } from './database.ts'
import { insertEvents } from './events.ts'
import type { EventInput } from './events.ts'
import { freshnessBounds } from './freshness-bounds.ts'
import type { FreshnessBounds } from './freshness-bounds.ts'
import { holdsLead } from './leader.ts'
import { readMoment } from './partition-moment.ts'

export const freshnessStates = ['unknown', 'fresh', 'warning', 'overdue'] as const
export type FreshnessState = (typeof freshnessStates)[number]

/** How fresh an asset is. */
export interface Freshness {
  readonly location: string
  readonly asset: string
  readonly policy: FreshnessSpec
  readonly state: FreshnessState
  /** Since when, as far as is known. */
  readonly since: Date
  readonly materializedAt: Date | undefined
  /** When it changes by itself next; undefined where it does not. */
  readonly changesAt: Date | undefined
  /** Of partitions: those that are missing, at most ten. */
  readonly missing: readonly string[]
}

interface Policy {
  readonly location: string
  readonly asset: string
  readonly policy: FreshnessSpec
  readonly partitions: PartitionsSpec | undefined
}

const policiesOf = (manifests: readonly Manifest[]): Policy[] =>
  manifests.flatMap(({ location, assets }) =>
    assets.flatMap(({ key, freshness, partitions }) => (freshness === undefined ? [] : [{ location, asset: key, policy: freshness, partitions }])),
  )

/** How fresh each asset is that has a policy. @param now default: the database's time */
export function readFreshness(db: Database, manifests: readonly Manifest[], now?: Date): Promise<readonly Freshness[]> {
  return judge(db, policiesOf(manifests), now)
}

export interface RecordOptions {
  /** Of the leader that asks: under an older one nothing is written. */
  readonly epoch: string
  /** Default: the database's time. */
  readonly now?: Date
}

/**
 * Writes down how fresh each asset is, and an event where that changed. Answers in how many ms the next change is due.
 * @throws FencedError under an older epoch
 */
export function recordFreshness(
  pool: pg.Pool,
  manifests: readonly Manifest[],
  { epoch, now }: RecordOptions,
): Promise<{ readonly changed: number; readonly nextMs: number | undefined }> {
  return transaction(pool, async (client) => {
    // Held until the commit, so that no other leads meanwhile and judges by a later time.
    if (!(await holdsLead(client, 'producers', epoch))) throw new FencedError('the producers’ lead')
    const policies = policiesOf(manifests)
    const asOf = now ?? (await databaseTime(client))
    const all = await judge(client, policies, asOf)
    const changed = await writeStates(
      client,
      all.filter(({ before, state }) => before !== state),
      asOf,
    )
    await insertEvents(client, changed.filter(({ before, state }) => before !== undefined || state === 'warning' || state === 'overdue').map(eventOf))
    await client.query(
      `DELETE FROM millrace.asset_freshness f WHERE NOT EXISTS (SELECT FROM jsonb_to_recordset($1::jsonb) AS p(location text, asset text) WHERE p.location = f.location AND p.asset = f.asset)`,
      [JSON.stringify(policies.map(({ location, asset }) => ({ location, asset })))],
    )
    const next = Math.min(...all.map(({ changesAt }) => changesAt?.getTime() ?? Infinity))
    return { changed: changed.length, nextMs: next === Infinity ? undefined : Math.max(0, next - asOf.getTime()) }
  })
}

/** Those that nobody else has written meanwhile. */
async function writeStates(client: Database, judged: readonly Judged[], asOf: Date): Promise<Judged[]> {
  if (judged.length === 0) return []
  const { rows } = await client.query<{ location: string; asset: string }>(
    `INSERT INTO millrace.asset_freshness AS f (location, asset, state, since, first_seen)
     SELECT n.location, n.asset, n.state, $2, $2 FROM jsonb_to_recordset($1::jsonb) AS n(location text, asset text, state text) ORDER BY n.location, n.asset
     ON CONFLICT (location, asset) DO UPDATE SET state = excluded.state, since = excluded.since WHERE f.state <> excluded.state RETURNING location, asset`,
    [JSON.stringify(judged.map(({ location, asset, state }) => ({ location, asset, state }))), asOf.toISOString()],
  )
  return judged.filter((one) => rows.some((row) => row.location === one.location && row.asset === one.asset))
}

interface Judged extends Freshness {
  /** What was written down last; undefined where nothing was. */
  readonly before: FreshnessState | undefined
}

interface JudgedRow {
  readonly n: number
  readonly state: FreshnessState
  readonly before: FreshnessState | null
  readonly since: Date | null
  readonly first_seen: Date | null
  readonly materialized_at: Date | null
  /** Of the windows that were asked of the last one that is whole. */
  readonly whole: number | null
  readonly missing: string[] | null
}

/** Whether a partition, `k.key`, is there. As a scalar, which the planner looks up by its key: of EXISTS it makes a join with all partitions of the asset. */
const isThere = `coalesce((SELECT t.materialized_at IS NOT NULL FROM millrace.asset_partition t
  WHERE t.location = p.location AND t.asset = p.asset AND t.partition = k.key), false)`

const question = `
  SELECT p.n, f.state AS before, f.since, f.first_seen, a.materialized_at, w.whole, m.missing,
    CASE
      WHEN p.kind = 'whole' THEN CASE
        WHEN coalesce(a.materialized_at, f.first_seen) < p.overdue_before THEN 'overdue'
        WHEN coalesce(a.materialized_at, f.first_seen) < p.warn_before THEN 'warning'
        WHEN a.materialized_at IS NULL THEN 'unknown' ELSE 'fresh' END
      WHEN w.whole IS NULL AND p.due_at IS NOT NULL THEN
        CASE WHEN a.materialized_at IS NULL AND p.due_at < coalesce(f.first_seen, $2::timestamptz) THEN 'unknown' ELSE 'overdue' END
      WHEN coalesce(w.whole, -1) < p.warn_from THEN 'warning'
      WHEN w.whole IS NULL THEN 'unknown'
      ELSE 'fresh'
    END AS state
  FROM jsonb_to_recordset($1::jsonb) AS p(n int, location text, asset text, kind text, overdue_before timestamptz, warn_before timestamptz,
    windows jsonb, due_at timestamptz, warn_from int)
  LEFT JOIN millrace.asset_freshness f ON f.location = p.location AND f.asset = p.asset
  LEFT JOIN millrace.asset a ON a.location = p.location AND a.key = p.asset
  LEFT JOIN LATERAL (
    SELECT max(v.n)::int - 1 AS whole FROM jsonb_array_elements(p.windows) WITH ORDINALITY v(keys, n)
    WHERE NOT EXISTS (SELECT FROM jsonb_array_elements_text(v.keys) k(key) WHERE NOT ${isThere})
  ) w ON p.kind = 'parts'
  LEFT JOIN LATERAL (
    SELECT array_agg(k.key) AS missing FROM jsonb_array_elements_text(p.windows -> 0) k(key) WHERE NOT ${isThere}
  ) m ON p.kind = 'parts' AND w.whole IS NULL AND p.due_at IS NOT NULL
  ORDER BY p.n`

/** One question for all assets. */
async function judge(db: Database, policies: readonly Policy[], asked?: Date): Promise<Judged[]> {
  if (policies.length === 0) return []
  const now = asked ?? (await databaseTime(db))
  const dynamic = await dynamicKeys(db, policies)
  const bounds = policies.map(({ location, policy, partitions }) => freshnessBounds(policy, partitions, { now, dynamic: dynamic.get(location) ?? (() => []) }))
  const { rows } = await db.query<JudgedRow>(question, [
    JSON.stringify(bounds.map((one, n) => ({ n, location: policies[n]?.location, asset: policies[n]?.asset, ...rowOf(one) }))),
    now.toISOString(),
  ])
  return rows.flatMap((row) => {
    const [policy, bound] = [policies[row.n], bounds[row.n]]
    return policy === undefined || bound === undefined ? [] : [judgedOf(policy, bound, row, now)]
  })
}

function rowOf(bounds: FreshnessBounds): Record<string, unknown> {
  const time = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : ms === -Infinity ? '-infinity' : new Date(ms).toISOString())
  if (bounds.kind === 'whole') return { kind: 'whole', overdue_before: time(bounds.overdueBefore), warn_before: time(bounds.warnBefore) }
  return { kind: 'parts', windows: bounds.windows, due_at: time(bounds.dueAt), warn_from: bounds.warnFrom }
}

function judgedOf({ location, asset, policy }: Policy, bounds: FreshnessBounds, row: JudgedRow, now: Date): Judged {
  const madeAt = row.materialized_at ?? row.first_seen ?? now
  const changes = bounds.kind === 'whole' ? bounds.changesOf(madeAt.getTime()) : bounds.changesOf(row.whole ?? -1)
  // Only what is materialized ends it.
  const next = row.state === 'overdue' ? Infinity : Math.min(...changes.filter((one) => one > now.getTime()))
  return {
    location,
    asset,
    policy,
    state: row.state,
    before: row.before ?? undefined,
    since: row.before === row.state ? (row.since ?? now) : now,
    materializedAt: row.materialized_at ?? undefined,
    changesAt: next === Infinity ? undefined : new Date(next),
    missing: (row.missing ?? []).slice(0, 10),
  }
}

/** The keys of dynamic partitions that are a dimension of what is judged, by location. */
async function dynamicKeys(db: Database, policies: readonly Policy[]): Promise<Map<string, (name: string) => readonly string[]>> {
  const found = new Map<string, (name: string) => readonly string[]>()
  const asked = policies.filter(({ partitions }) => partitions?.kind === 'multi' && partitions.dimensions.some((one) => one.partitions.kind === 'dynamic'))
  for (const [location, own] of Map.groupBy(asked, (one) => one.location)) {
    found.set(
      location,
      (
        await readMoment(
          db,
          location,
          own.map(({ partitions }) => partitions),
        )
      ).dynamic,
    )
  }
  return found
}

function eventOf({ location, asset, policy, state, before, materializedAt, missing, since }: Judged): EventInput {
  const last = materializedAt === undefined ? 'It was never materialized.' : `It was last materialized at ${moment(materializedAt.getTime())}.`
  const why = missing.length === 0 ? last : `There is no ${missing.join(', ')}. ${last}`
  const level = state === 'overdue' ? 'error' : state === 'warning' ? 'warn' : 'info'
  return {
    asset,
    kind: 'freshness',
    level,
    message: `${asset} is ${state} (${describeFreshness(policy)}). ${why}`,
    data: { location, state, before: before ?? null, since: since.toISOString(), missing },
  }
}

import type { Database } from './database.ts'
import { isForgottenSql } from './forgotten.ts'
import { openRunsInSql } from './step-states.ts'

/** How many runs of a kind go on at once. */
export interface RunLimit {
  /** `''`: of all locations together. */
  readonly location: string
  /** `''`: all runs. */
  readonly tag: string
  /** `''`: those of each value by themselves. */
  readonly value: string
  /** Null: as many as there are. */
  readonly runs: number | null
  /** What the definitions in force say; null where they say nothing. */
  readonly declared: number | null
  /** The operator who said otherwise. */
  readonly setBy: string | null
  readonly setAt: Date | null
}

/** The limits: what the definitions in force declare, and what operators say instead. */
export async function readLimits(database: Database): Promise<RunLimit[]> {
  const { rows } = await database.query<RunLimit>(
    `WITH current AS (
       SELECT l.name, m.limits FROM millrace.location l JOIN millrace.manifest m ON m.location = l.name AND m.version = l.version WHERE m.limits IS NOT NULL),
     declared AS (
       SELECT name AS location, '' AS tag, '' AS value, (limits ->> 'runs')::int AS runs FROM current WHERE limits ? 'runs'
       UNION ALL
       SELECT name, t.tag, coalesce(t.value, ''), t.runs FROM current, jsonb_to_recordset(coalesce(limits -> 'tags', '[]')) AS t(tag text, value text, runs int))
     SELECT location, tag, value, CASE WHEN o.set_by IS NULL THEN d.runs ELSE o.runs END AS runs, d.runs AS declared, o.set_by AS "setBy", o.set_at AS "setAt"
     FROM declared d FULL JOIN (SELECT * FROM millrace.run_limit r WHERE NOT ${isForgottenSql('r.location')}) o USING (location, tag, value) ORDER BY location, tag, value`,
  )
  return rows
}

/** Sets a limit over what is declared; null lifts it. */
export async function setLimit(database: Database, limit: Pick<RunLimit, 'location' | 'tag' | 'value' | 'runs'>, by: string): Promise<void> {
  await database.query(
    `INSERT INTO millrace.run_limit (location, tag, value, runs, set_by) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (location, tag, value) DO UPDATE SET runs = excluded.runs, set_by = excluded.set_by, set_at = clock_timestamp()`,
    [limit.location, limit.tag, limit.value, limit.runs, by],
  )
}

/** Goes back to what is declared. False where no operator said otherwise. */
export async function resetLimit(database: Database, { location, tag, value }: Pick<RunLimit, 'location' | 'tag' | 'value'>): Promise<boolean> {
  const { rowCount } = await database.query(`DELETE FROM millrace.run_limit WHERE location = $1 AND tag = $2 AND value = $3`, [location, tag, value])
  return rowCount === 1
}

/** What limits look at. */
export interface Limited {
  readonly location: string
  readonly tags: Readonly<Record<string, string>>
}

/** The runs that go on, counted by what a limit could look at. */
export async function countOpenRuns(database: Database): Promise<(Limited & { readonly runs: number })[]> {
  const { rows } = await database.query<Limited & { runs: number }>(
    `SELECT location, tags, count(*)::int AS runs FROM millrace.run WHERE status IN ${openRunsInSql} GROUP BY location, tags`,
  )
  return rows
}

export interface LimitRead extends RunLimit {
  /** How many runs it counts; where each value has its own count, those of the most frequent one. */
  readonly used: number
}

/** The limits, and how far they are used. */
export async function readLimitUses(database: Database): Promise<LimitRead[]> {
  const limits = await readLimits(database)
  const open = await countOpenRuns(database)
  return limits.map((limit) => {
    const room = createRoom([{ ...limit, runs: limit.runs ?? 0 }], open)
    return { ...limit, used: Math.max(0, ...open.flatMap((run) => room.usesOf(run).map((use) => use.used))) }
  })
}

/** How far a limit is used, by those runs that it counts together with one. */
export interface LimitUse {
  readonly limit: RunLimit & { readonly runs: number }
  /** Where each value has its own count: whose. */
  readonly value: string
  readonly used: number
}

export interface Room {
  /** The limits that a run is counted by. */
  usesOf(run: Limited): LimitUse[]
  /** The limit that holds a run back, if any does. */
  holding(run: Limited): LimitUse | undefined
  take(run: Limited): void
  /** What need not be looked at: every run like it is held back. */
  full(): { readonly locations: readonly string[]; readonly tags: readonly { readonly location: string; readonly tags: Readonly<Record<string, string>> }[] }
}

/** Counts runs against limits. Pure: whoever decides by it holds the queue's lock. */
export function createRoom(limits: readonly RunLimit[], open: readonly (Limited & { readonly runs: number })[]): Room {
  const bounded = limits.filter((one): one is RunLimit & { runs: number } => one.runs !== null)
  const counts = new Map<string, { limit: RunLimit & { runs: number }; value: string; used: number }>()
  const counterOf = (limit: RunLimit & { runs: number }, run: Limited) => {
    const value = limit.tag === '' ? '' : run.tags[limit.tag]
    const counted = (limit.location === '' || limit.location === run.location) && value !== undefined && (limit.value === '' || limit.value === value)
    if (!counted) return undefined
    const key = JSON.stringify([limit.location, limit.tag, limit.value, value])
    const known = counts.get(key) ?? { limit, value, used: 0 }
    counts.set(key, known)
    return known
  }
  const countersOf = (run: Limited) => bounded.flatMap((limit) => counterOf(limit, run) ?? [])
  const add = (run: Limited, runs: number): void => {
    for (const counter of countersOf(run)) counter.used += runs
  }
  for (const run of open) add(run, run.runs)
  return {
    usesOf: (run) => countersOf(run).map((one) => ({ ...one })),
    holding: (run) => countersOf(run).find((one) => one.used >= one.limit.runs),
    take: (run) => add(run, 1),
    full() {
      const full = [...counts.values()].filter((one) => one.used >= one.limit.runs)
      return {
        locations: full.filter((one) => one.limit.tag === '').map((one) => one.limit.location),
        tags: full.filter((one) => one.limit.tag !== '').map(({ limit, value }) => ({ location: limit.location, tags: { [limit.tag]: value } })),
      }
    },
  }
}

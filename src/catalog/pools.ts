import type { Database } from './database.ts'
import { isForgottenSql } from './forgotten.ts'
import { resumeWith } from './resume.ts'
import type { Resumed } from './resume.ts'
import { beginSql, holdsSlotsSql } from './step-states.ts'
import { due, dueColumns, toDue } from './due-step.ts'
import type { DueStep } from './due-step.ts'

/** A pool of a location, and how far it is used. */
export interface PoolRead {
  readonly location: string
  readonly name: string
  readonly slots: number
  /** What the definitions in force say; null where they no longer have it. */
  readonly declared: number | null
  /** The operator who said otherwise. */
  readonly setBy: string | null
  readonly used: number
  /** Steps that are ready, and wait for slots of it. */
  readonly waiting: number
}

/** Most steps of one pool that are looked at together. */
const mostOfPool = 200

// A pool that the definitions in force no longer have is as large as the newest that had it: steps of before may still wait for it.
const sizeOf = (location: string, name: string): string => `coalesce(
  (SELECT o.slots FROM millrace.pool_size o WHERE o.location = ${location} AND o.name = ${name}),
  (SELECT (m.pools ->> ${name})::int FROM millrace.location l JOIN millrace.manifest m ON m.location = l.name AND m.version = l.version WHERE l.name = ${location}),
  (SELECT (m.pools ->> ${name})::int FROM millrace.manifest m WHERE m.location = ${location} AND m.pools ? ${name} ORDER BY m.published_at DESC LIMIT 1),
  1)`

// What is held is counted from the steps that hold it: nothing else could leak.
const usedOf = (location: string, name: string): string =>
  `(SELECT coalesce(sum(h.slots), 0)::int FROM millrace.step h WHERE ${holdsSlotsSql('h')} AND h.location = ${location} AND h.pool = ${name})`

/** Every pool that definitions in force or operators name, or that a step holds or waits for. */
export async function readPools(database: Database): Promise<PoolRead[]> {
  const { rows } = await database.query<PoolRead>(
    `WITH declared AS (
       SELECT l.name AS location, p.key AS name, p.value::int AS slots
       FROM millrace.location l JOIN millrace.manifest m ON m.location = l.name AND m.version = l.version, jsonb_each_text(coalesce(m.pools, '{}')) p),
     named AS (
       SELECT location, name FROM declared UNION SELECT z.location, z.name FROM millrace.pool_size z WHERE NOT ${isForgottenSql('z.location')}
       UNION SELECT s.location, s.pool FROM millrace.step s WHERE ${holdsSlotsSql('s')}
       UNION SELECT s.location, s.pool FROM millrace.step s WHERE s.status = 'waiting' AND s.ready_at IS NOT NULL AND s.pool IS NOT NULL)
     SELECT n.location, n.name, ${sizeOf('n.location', 'n.name')} AS slots, d.slots AS declared, o.set_by AS "setBy", ${usedOf('n.location', 'n.name')} AS used,
       (SELECT count(*)::int FROM millrace.step w WHERE w.status = 'waiting' AND w.ready_at IS NOT NULL AND w.location = n.location AND w.pool = n.name) AS waiting
     FROM named n LEFT JOIN declared d USING (location, name) LEFT JOIN millrace.pool_size o USING (location, name) ORDER BY n.location, n.name`,
  )
  return rows
}

/** Sets how many slots a pool has, over what is declared. */
export async function setPoolSize(database: Database, { location, name, slots }: Pick<PoolRead, 'location' | 'name' | 'slots'>, by: string): Promise<void> {
  await database.query(
    `INSERT INTO millrace.pool_size (location, name, slots, set_by) VALUES ($1, $2, $3, $4)
     ON CONFLICT (location, name) DO UPDATE SET slots = excluded.slots, set_by = excluded.set_by, set_at = clock_timestamp()`,
    [location, name, slots, by],
  )
}

/** Goes back to what is declared. False where no operator said otherwise. */
export async function resetPoolSize(database: Database, { location, name }: Pick<PoolRead, 'location' | 'name'>): Promise<boolean> {
  const { rowCount } = await database.query(`DELETE FROM millrace.pool_size WHERE location = $1 AND name = $2`, [location, name])
  return rowCount === 1
}

export interface Granted {
  readonly due: readonly DueStep[]
  readonly resumed: readonly Resumed[]
  /** There may be more that fit. */
  readonly more: boolean
}

interface Candidate {
  readonly id: string
  readonly runId: string
  readonly location: string
  readonly pool: string | null
  readonly slots: number
  readonly status: 'waiting' | 'retrying'
}

// Ready, and held by a pool or a pause that may be over; or due for their next attempt, for which they need their slots again.
const candidates = `
  SELECT id, run_id, location, pool, slots, status, ready_at AS since FROM millrace.step s
  WHERE status = 'waiting' AND ready_at IS NOT NULL AND NOT EXISTS (SELECT FROM millrace.pause p WHERE p.location IN ('', s.location))
  UNION ALL
  SELECT id, run_id, location, pool, slots, status, next_attempt_at FROM millrace.step
  WHERE status = 'retrying' AND pool IS NOT NULL AND next_attempt_at <= clock_timestamp() + interval '20 ms'`

/**
 * Hands slots that are free to steps that wait for them, by their runs' priority and then by how long they wait; a step that needs more than are
 * free is not passed by smaller ones. In a transaction, which holds a lock until its end, so that no pool ever gives more than it has.
 */
export async function grantSlots(client: Database): Promise<Granted> {
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('millrace pools', 0))`)
  const { rows: pools } = await client.query<{ location: string; pool: string; size: number; used: number }>(
    `SELECT location, pool, ${sizeOf('c.location', 'c.pool')} AS size, ${usedOf('c.location', 'c.pool')} AS used
     FROM (SELECT DISTINCT location, pool FROM (${candidates}) AS any_of WHERE pool IS NOT NULL) c`,
  )
  const open = pools.filter((one) => one.used < one.size)
  const { rows } = await client.query<Candidate>(
    `SELECT id, run_id AS "runId", location, pool, slots, status FROM (
       SELECT c.*, row_number() OVER (PARTITION BY c.location, c.pool ORDER BY r.priority DESC, c.since, c.id) AS n
       FROM (${candidates}) c JOIN millrace.run r ON r.id = c.run_id
       WHERE r.status = 'started' AND (c.pool IS NULL OR (c.location, c.pool) IN (SELECT * FROM unnest($1::text[], $2::text[])))) ranked
     WHERE n <= $3 ORDER BY n`,
    [open.map((one) => one.location), open.map((one) => one.pool), mostOfPool],
  )
  const chosen = choose(rows, open)
  if (chosen.length === 0) return { due: [], resumed: [], more: false }
  return { ...(await begin(client, chosen)), more: rows.length >= mostOfPool }
}

function choose(rows: readonly Candidate[], pools: readonly { location: string; pool: string; size: number; used: number }[]): Candidate[] {
  const nameOf = (location: string, pool: string): string => JSON.stringify([location, pool])
  const room = new Map(pools.map((one) => [nameOf(one.location, one.pool), { size: one.size, free: one.size - one.used }]))
  return rows.filter(({ location, pool, slots }) => {
    if (pool === null) return true
    const own = room.get(nameOf(location, pool))
    if (own === undefined) return false
    // One that asks for more than there are, since the pool was made smaller, gets all of it.
    const needed = Math.min(slots, own.size)
    const fits = needed <= own.free
    // The first that does not fit keeps the rest for itself.
    own.free = fits ? own.free - needed : 0
    return fits && needed > 0
  })
}

async function begin(client: Database, chosen: readonly Candidate[]): Promise<Pick<Granted, 'due' | 'resumed'>> {
  // Ends and cancels of a run lock it too, and first.
  await client.query(`SELECT FROM millrace.run WHERE id = ANY($1) ORDER BY id FOR UPDATE`, [[...new Set(chosen.map((one) => one.runId))]])
  const { rows } = await client.query<Parameters<typeof toDue>[0]>(
    `UPDATE millrace.step s SET status = ${beginSql('kind')}, held_at = clock_timestamp(), ${due}
     WHERE id = ANY($1) AND status = 'waiting' AND EXISTS (SELECT FROM millrace.run r WHERE r.id = s.run_id AND r.status = 'started') RETURNING ${dueColumns}`,
    [chosen.filter((one) => one.status === 'waiting').map((one) => one.id)],
  )
  const resumed: Resumed[] = []
  for (const one of chosen.filter(({ status }) => status === 'retrying')) {
    const again = await resumeWith(client, one.id, true)
    if (again !== undefined) resumed.push(again)
  }
  return { due: rows.map(toDue), resumed }
}

import type pg from 'pg'
import { transaction } from './database.ts'
import type { Database } from './database.ts'
import { bringBack } from './forgotten.ts'

export type ProcessRole = 'worker' | 'producers' | 'board'

export interface ProcessRow {
  readonly id: string
  readonly role: ProcessRole
  readonly host: string
  readonly pid: number
  readonly queues: readonly string[]
  readonly versions: Readonly<Record<string, string>>
  /** The id of the spool it sees. */
  readonly spool?: string | undefined
  /** Why it takes no stage jobs. */
  readonly problem?: string | undefined
  /** It ends with the runs that it has begun, or the one that it was started for: no other may count on it. */
  readonly temporary?: boolean
  /** The same for all sessions of one process; what its queue workers are called. */
  readonly instance?: string
}

/**
 * Writes down a new session of a process. Times are the database's. What it holds of locations that were forgotten is back with it: also a worker that was
 * frozen for longer than its lease, and never published anything again.
 */
export async function registerProcess(pool: pg.Pool, row: ProcessRow, leaseMs: number): Promise<void> {
  const held = Object.keys(row.versions)
  if (held.length === 0) return insertProcess(pool, row, leaseMs)
  await transaction(pool, async (client) => {
    await insertProcess(client, row, leaseMs)
    // Whoever forgets one of them locks it, and then looks who is alive: either he sees this session, or this sees that it was forgotten.
    await client.query(`SELECT FROM millrace.location WHERE name = ANY($1) ORDER BY name FOR NO KEY UPDATE`, [held])
    // One that ends with what it has begun is nobody to launch runs for.
    if (row.temporary !== true) await bringBack(client, row.versions)
  })
}

async function insertProcess(database: Database, row: ProcessRow, leaseMs: number): Promise<void> {
  await database.query(
    `INSERT INTO millrace.process (id, role, host, pid, queues, versions, spool, problem, temporary, instance, lease_ms, lease_until)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::int, clock_timestamp() + $11::int * interval '1 ms')`,
    [
      row.id,
      row.role,
      row.host,
      row.pid,
      row.queues,
      JSON.stringify(row.versions),
      row.spool ?? null,
      row.problem ?? null,
      row.temporary ?? false,
      row.instance ?? null,
      leaseMs,
    ],
  )
}

/** Prolongs a session's lease. False when it ran out already: whatever the session claimed may be somebody else's now. */
export async function renewLease(database: Database, id: string, leaseMs: number): Promise<boolean> {
  const { rowCount } = await database.query(
    `UPDATE millrace.process SET lease_until = clock_timestamp() + $2 * interval '1 ms' WHERE id = $1 AND lease_until > clock_timestamp()`,
    [id, leaseMs],
  )
  return rowCount === 1
}

/** Whether a process lives, by its instance. */
export async function instanceLives(database: Database, instance: string): Promise<boolean> {
  const { rowCount } = await database.query(`SELECT FROM millrace.process WHERE instance = $1 AND lease_until > clock_timestamp() LIMIT 1`, [instance])
  return rowCount === 1
}

/** Notes that a session ends with the runs that it has begun. @param queues whose work it still does */
export async function retireProcess(database: Database, id: string, queues: readonly string[]): Promise<void> {
  await database.query(`UPDATE millrace.process SET temporary = true, queues = $2 WHERE id = $1`, [id, queues])
}

/** Ends a session's lease now, so that what it still claims is free at once. */
export async function endProcess(database: Database, id: string): Promise<void> {
  await database.query(`UPDATE millrace.process SET lease_until = clock_timestamp() WHERE id = $1 AND lease_until > clock_timestamp()`, [id])
}

/** Whether a live worker holds this version of a location and works this kind of queue. */
export async function hasLiveWorker(database: Database, location: string, version: string, queue: string): Promise<boolean> {
  const { rows } = await database.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM millrace.process
       WHERE role = 'worker' AND lease_until > clock_timestamp() AND problem IS NULL AND $3 = ANY(queues) AND versions->>$1 = $2) AS found`,
    [location, version, queue],
  )
  return rows[0]?.found ?? false
}

/** Drops sessions that ended over an hour ago; of each location stays when a worker of it was seen last. */
export async function forgetOldProcesses(database: Database): Promise<void> {
  await database.query(
    `WITH gone AS (DELETE FROM millrace.process WHERE lease_until < clock_timestamp() - interval '1 hour' RETURNING versions, lease_until),
       seen AS (SELECT v.key AS name, max(g.lease_until) AS at FROM gone g, jsonb_object_keys(g.versions) v(key) GROUP BY v.key)
     UPDATE millrace.location l SET seen_at = greatest(l.seen_at, s.at) FROM seen s WHERE s.name = l.name`,
  )
}

/**
 * The id of the spool that the installation's workers share: the first worker's, or the asker's own once no live worker sees the old one.
 */
export async function sharedSpoolId(database: Database, own: string): Promise<string> {
  await database.query(`INSERT INTO millrace.setting (name, value) VALUES ('spool', to_jsonb($1::text)) ON CONFLICT DO NOTHING`, [own])
  await database.query(
    `UPDATE millrace.setting SET value = to_jsonb($1::text) WHERE name = 'spool' AND NOT EXISTS (
       SELECT FROM millrace.process p WHERE p.role = 'worker' AND p.lease_until > clock_timestamp() AND p.spool = setting.value #>> '{}')`,
    [own],
  )
  const { rows } = await database.query<{ id: string }>(`SELECT value #>> '{}' AS id FROM millrace.setting WHERE name = 'spool'`)
  return rows[0]?.id ?? own
}

import { defaultDestination, DestinationSpec } from '../definitions/destination.ts'
import type { Database } from './database.ts'

/** A step or a batch, and the delivery that is at work. */
export type Pointer = { readonly stepId: string; readonly enqueued: number } | { readonly batchId: string; readonly enqueued: number }

/** Where a step's table is. */
export interface StepDestination {
  readonly stepId: string
  readonly runId: string
  readonly location: string
  readonly asset: string
  /** Undefined: the default one. */
  readonly spec: DestinationSpec | undefined
}

/** What a destination is called. */
export function nameOf(spec: DestinationSpec | undefined): string {
  return spec?.name ?? defaultDestination
}

/** The destination of a step, or of a batch's. Undefined when the delivery is stale. */
export async function destinationOf(database: Database, pointer: Pointer): Promise<StepDestination | undefined> {
  const columns = 's.id, s.run_id, s.location, s.asset, s.destination'
  const { rows } = await database.query<{ id: string; run_id: string; location: string; asset: string; destination: unknown }>(
    'batchId' in pointer
      ? `SELECT ${columns} FROM millrace.batch b JOIN millrace.step s ON s.id = b.step_id WHERE b.id = $1 AND b.enqueued = $2`
      : `SELECT ${columns} FROM millrace.step s WHERE s.id = $1 AND s.enqueued = $2`,
    ['batchId' in pointer ? pointer.batchId : pointer.stepId, pointer.enqueued],
  )
  const row = rows[0]
  if (row === undefined) return undefined
  return {
    stepId: row.id,
    runId: row.run_id,
    location: row.location,
    asset: row.asset,
    spec: row.destination === null ? undefined : DestinationSpec.parse(row.destination),
  }
}

/**
 * Puts off a step or batch that nobody has claimed: the next delivery is due after a while, and the sweep does not look for it sooner.
 * Answers its counter, or undefined when this delivery is stale.
 */
export async function postpone(database: Database, pointer: Pointer, delayMs: number): Promise<number | undefined> {
  const { rows } = await database.query<{ enqueued: number }>(
    `UPDATE millrace.${'batchId' in pointer ? 'batch' : 'step'} SET enqueued = enqueued + 1, enqueued_at = clock_timestamp() + $3 * interval '1 ms'
     WHERE id = $1 AND enqueued = $2 AND claimed_by IS NULL RETURNING enqueued`,
    ['batchId' in pointer ? pointer.batchId : pointer.stepId, pointer.enqueued, delayMs],
  )
  return rows[0]?.enqueued
}

export interface Outage {
  readonly location: string
  readonly destination: string
  readonly reason: string
  readonly since: Date
}

/** Writes down, or confirms, what keeps a process from a destination. */
export async function noteOutage(database: Database, process: string, { location, destination, reason, since }: Outage): Promise<void> {
  await database.query(
    `INSERT INTO millrace.outage (process, location, destination, reason, since) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (process, location, destination) DO UPDATE SET reason = excluded.reason, since = excluded.since, seen_at = clock_timestamp()`,
    [process, location, destination, reason, since],
  )
}

/** A process has its destination again. */
export async function endOutage(database: Database, process: string, location: string, destination: string): Promise<void> {
  await database.query(`DELETE FROM millrace.outage WHERE process = $1 AND location = $2 AND destination = $3`, [process, location, destination])
}

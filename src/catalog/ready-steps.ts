import type { Database } from './database.ts'
import { toDue } from './due-step.ts'
import type { DueRow, DueStep } from './due-step.ts'
import { beginSql } from './step-states.ts'

/**
 * How many first steps of branches of one mapping go at once: of 10,000 items the others wait in the catalogue, so that the runs
 * behind them in the queue have their turn too.
 */
const branchesAtOnce = 100

/** Which branch a step is of, as its row says. */
export interface BranchRow {
  template: string | null
  ordinal: number | null
  in_line: boolean
}

/** A step that ended. */
export interface EndedStep {
  readonly asset: string
  /** Of a step of a branch: what it was made from. */
  readonly template?: string | undefined
  readonly ordinal?: number | undefined
}

export const branchOf = ({ template, ordinal }: BranchRow): Pick<EndedStep, 'template' | 'ordinal'> => ({
  template: template ?? undefined,
  ordinal: ordinal ?? undefined,
})

const upstreamIsDone = `NOT EXISTS (SELECT FROM millrace.step u
    WHERE u.run_id = d.run_id AND u.asset = ANY(d.upstream) AND u.status NOT IN ('succeeded', 'superseded'))`
const branchesAreDone = `(d.collects = '{}' OR NOT EXISTS (SELECT FROM millrace.step b
    WHERE b.run_id = d.run_id AND b.template = ANY(d.collects) AND b.status IN ('waiting', 'running', 'retrying', 'failed', 'canceled')))`

/** Steps that begin, and whether there are others that are ready and held. */
export interface Begun {
  readonly due: DueStep[]
  readonly held: boolean
}

export const nobody: Begun = { due: [], held: false }

/** Begins the steps that `chosen` names in SQL. Those that need a slot, or whose location is paused, are held: whoever hands out room begins them. */
async function begin(client: Database, chosen: string, values: readonly unknown[]): Promise<Begun> {
  const { rows } = await client.query<DueRow>(
    `UPDATE millrace.step s SET claimed_by = NULL, status = CASE WHEN w.go THEN ${beginSql('s.kind')} ELSE 'waiting' END,
        ready_at = CASE WHEN w.go THEN NULL ELSE clock_timestamp() END,
        enqueued = s.enqueued + w.go::int, enqueued_at = CASE WHEN w.go THEN clock_timestamp() END
     FROM (SELECT d.id, d.pool IS NULL AND NOT EXISTS (SELECT FROM millrace.pause p WHERE p.location IN ('', d.location)) AS go
           FROM millrace.step d WHERE d.status = 'waiting' AND d.ready_at IS NULL AND ${chosen}) w
     WHERE s.id = w.id AND s.status = 'waiting'
     RETURNING s.id, s.location, s.status, s.enqueued`,
    [...values],
  )
  return { due: rows.filter((row) => row.status !== 'waiting').map(toDue), held: rows.some((row) => row.status === 'waiting') }
}

const both = (one: Begun, other: Begun): Begun => ({ due: [...one.due, ...other.due], held: one.held || other.held })

/** Begins all steps of started runs that nothing of their run is in the way of. The runs are locked, or were written in the same transaction. */
export async function beginReady(client: Database, runIds: readonly string[]): Promise<Begun> {
  let begun = await begin(client, `d.run_id = ANY($1) AND NOT d.in_line AND ${upstreamIsDone} AND ${branchesAreDone}`, [runIds])
  const { rows: lines } = await client.query<{ run_id: string; template: string }>(
    `SELECT DISTINCT run_id, template FROM millrace.step WHERE run_id = ANY($1) AND status = 'waiting' AND in_line`,
    [runIds],
  )
  for (const line of lines) begun = both(begun, await nextInLine(client, line.run_id, line.template))
  return begun
}

interface Ended extends EndedStep {
  readonly runId: string
  /** Steps whose branches may all have ended, besides the one that the step was made from. */
  readonly templates?: readonly string[]
}

/** Begins what waited for a step, once nothing else is left to wait for: of a run of 10,000 steps only what hangs on it is looked at. */
export async function readyAfter(client: Database, ended: Ended): Promise<Begun> {
  const { runId, asset, template, ordinal, templates = [] } = ended
  // Of a branch nothing hangs on another branch's step: what waits in those is not looked at.
  const within = ordinal === undefined ? '' : 'AND (d.ordinal IS NULL OR d.ordinal = $4)'
  let begun = await begin(
    client,
    `d.run_id = $1 AND NOT d.in_line ${within} AND ($2 = ANY(d.upstream) OR d.collects && $3::text[]) AND ${upstreamIsDone} AND ${branchesAreDone}`,
    [runId, asset, template === undefined ? templates : [template, ...templates], ...(ordinal === undefined ? [] : [ordinal])],
  )
  if (ordinal !== undefined) return begun
  const { rows: lines } = await client.query<{ template: string }>(
    `SELECT DISTINCT template FROM millrace.step WHERE run_id = $1 AND status = 'waiting' AND in_line AND $2 = ANY(upstream)`,
    [runId, asset],
  )
  for (const line of lines) begun = both(begun, await nextInLine(client, runId, line.template))
  return begun
}

/** Begins the next branches at one of their first steps, as many as may go. */
export async function nextInLine(client: Database, runId: string, template: string | null): Promise<Begun> {
  if (template === null) return nobody
  return begin(
    client,
    `d.id IN (SELECT d.id FROM millrace.step d WHERE d.run_id = $1 AND d.template = $2 AND d.status = 'waiting' AND d.ready_at IS NULL AND d.in_line AND ${upstreamIsDone}
       ORDER BY d.ordinal LIMIT greatest(0, $3 - (SELECT count(*) FROM millrace.step g
         WHERE g.run_id = $1 AND g.template = $2 AND (g.status IN ('running', 'retrying') OR (g.status = 'waiting' AND g.ready_at IS NOT NULL)))))`,
    [runId, template, branchesAtOnce],
  )
}

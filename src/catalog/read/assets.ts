import * as z from 'zod'
import { redactText } from '../../redact.ts'
import { json, readRows, time } from './row.ts'
import type { Queryable } from './row.ts'

const MaterializationRow = z.object({
  location: z.string(),
  key: z.string(),
  runId: z.uuid().nullable(),
  materializedAt: time,
  metadata: z.record(z.string(), json),
})
export type MaterializationRead = z.output<typeof MaterializationRow>

/** What each asset was last. */
export function readMaterializations(db: Queryable): Promise<MaterializationRead[]> {
  return readRows(db, MaterializationRow, `SELECT location, key, run_id AS "runId", materialized_at AS "materializedAt", metadata FROM millrace.asset`)
}

const CheckResultRow = z.object({
  location: z.string(),
  asset: z.string(),
  name: z.string(),
  runId: z.uuid(),
  passed: z.boolean(),
  blocking: z.boolean(),
  message: z.string().transform(redactText),
  at: time,
})
export type CheckResultRead = z.output<typeof CheckResultRow>

/** The last result of each check; of one run only those that no later run has replaced. */
export function readCheckResults(db: Queryable, runId: string | null = null): Promise<CheckResultRead[]> {
  return readRows(
    db,
    CheckResultRow,
    `SELECT location, asset, name, run_id AS "runId", passed, blocking, message, at FROM millrace.check_result
     WHERE $1::uuid IS NULL OR run_id = $1 ORDER BY location, asset, name`,
    [runId],
  )
}

const OpenStepRow = z.object({ location: z.string(), asset: z.string(), runId: z.uuid(), status: z.string() })
export type OpenStepRead = z.output<typeof OpenStepRow>

/** The steps under way, each with its run; the oldest run first. */
export function readOpenSteps(db: Queryable): Promise<OpenStepRead[]> {
  return readRows(
    db,
    OpenStepRow,
    `SELECT step.location, step.asset, step.run_id AS "runId", step.status FROM millrace.run JOIN millrace.step ON step.run_id = run.id
     WHERE run.status IN ('started', 'canceling') AND step.ended_at IS NULL
       AND step.status NOT IN ('succeeded', 'failed', 'canceled', 'skipped', 'superseded')
     ORDER BY run.created_at, run.id`,
  )
}

import * as z from 'zod'
import { redactText } from '../../redact.ts'
import { failure } from './failure.ts'
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

const ObservationRow = z.object({ location: z.string(), key: z.string(), observedAt: time, metadata: z.record(z.string(), json) })
export type ObservationRead = z.output<typeof ObservationRow>

/** What was seen of each asset last. */
export function readObservations(db: Queryable): Promise<ObservationRead[]> {
  return readRows(db, ObservationRow, `SELECT location, key, observed_at AS "observedAt", metadata FROM millrace.asset_observation WHERE partition = ''`)
}

const FailureRow = z.object({ location: z.string(), asset: z.string(), runId: z.uuid(), step: z.string(), failedAt: time, error: failure })
export type AssetFailureRead = z.output<typeof FailureRow>

/** When each asset was to be made last and was not; of one that another location makes, when it was not there. */
export function readAssetFailures(db: Queryable): Promise<AssetFailureRead[]> {
  return readRows(
    db,
    FailureRow,
    `SELECT told.location, f.asset, f.run_id AS "runId", f.step, f.failed_at AS "failedAt", f.error FROM millrace.asset_failure f CROSS JOIN LATERAL (
       SELECT f.location WHERE NOT EXISTS (SELECT FROM millrace.asset_elsewhere e WHERE e.location = f.location AND e.key = f.asset)
       UNION ALL SELECT e.location FROM millrace.asset_elsewhere e WHERE e.maker = f.location AND e.key = f.asset) told`,
  )
}

const CheckResultRow = z.object({
  location: z.string(),
  asset: z.string(),
  name: z.string(),
  runId: z.uuid(),
  passed: z.boolean(),
  blocking: z.boolean(),
  severity: z.enum(['warn', 'error']),
  message: z.string().transform(redactText),
  metadata: z.record(z.string(), json),
  at: time,
})
export type CheckResultRead = z.output<typeof CheckResultRow>

const columns = `location, asset, name, run_id AS "runId", passed, blocking, severity, message, metadata, at`

/** The last result of each check. */
export function readCheckResults(db: Queryable): Promise<CheckResultRead[]> {
  return readRows(db, CheckResultRow, `SELECT ${columns} FROM millrace.check_result ORDER BY location, asset, name`)
}

/** What the checks of a run found, as far as it is still kept; where a step was tried again, what they found last. */
export function readChecksOfRun(db: Queryable, runId: string): Promise<CheckResultRead[]> {
  return readRows(
    db,
    CheckResultRow,
    `SELECT DISTINCT ON (location, asset, name) ${columns} FROM millrace.check_history WHERE run_id = $1 ORDER BY location, asset, name, id DESC`,
    [runId],
  )
}

/** The last results of one check, the newest first. */
export function readCheckHistory(
  db: Queryable,
  { location, asset, name, limit }: { readonly location: string; readonly asset: string; readonly name: string; readonly limit: number },
): Promise<CheckResultRead[]> {
  return readRows(
    db,
    CheckResultRow,
    `SELECT ${columns} FROM millrace.check_history WHERE location = $1 AND asset = $2 AND name = $3 ORDER BY id DESC LIMIT $4`,
    [location, asset, name, limit],
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

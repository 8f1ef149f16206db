import * as z from 'zod'
import { automationAnswers } from '../automation.ts'
import { failure } from './failure.ts'
import { count, json, readRows, time } from './row.ts'
import type { Queryable } from './row.ts'

const AutomationRow = z.object({
  location: z.string(),
  stopped: z.boolean(),
  evaluatedAt: time.nullable(),
  nextAt: time.nullable(),
  tookMs: count,
  error: failure,
})
export type AutomationRead = z.output<typeof AutomationRow>

/** How the automation of each location stands; nothing of one that was not evaluated yet. */
export function readAutomations(db: Queryable): Promise<AutomationRead[]> {
  return readRows(
    db,
    AutomationRow,
    `SELECT location, stopped, evaluated_at AS "evaluatedAt", next_at AS "nextAt", took_ms AS "tookMs", error FROM millrace.automation ORDER BY location`,
  )
}

const AssetRow = z.object({ location: z.string(), asset: z.string(), answer: z.enum(automationAnswers), reason: z.string(), since: time })
export type AutomatedAssetRead = z.output<typeof AssetRow>

/** What the conditions of assets were found to be last, and since when. */
export function readAutomatedAssets(db: Queryable): Promise<AutomatedAssetRead[]> {
  return readRows(db, AssetRow, `SELECT location, asset, answer, reason, since FROM millrace.automation_asset ORDER BY location, asset`)
}

const OutcomeRow = AssetRow.extend({ outcome: json })

/** The same of one asset, with all that its condition is made of. */
export async function readOutcome(db: Queryable, location: string, asset: string): Promise<z.output<typeof OutcomeRow> | undefined> {
  const rows = await readRows(
    db,
    OutcomeRow,
    `SELECT location, asset, answer, reason, since, outcome FROM millrace.automation_asset WHERE location = $1 AND asset = $2`,
    [location, asset],
  )
  return rows[0]
}

const EvaluationRow = z.object({
  id: z.string(),
  location: z.string(),
  asset: z.string(),
  at: time,
  answer: z.enum(automationAnswers),
  reason: z.string(),
  partitions: z.array(z.string()),
  runs: z.array(z.uuid()),
  outcome: json,
  error: failure,
})
export type EvaluationRead = z.output<typeof EvaluationRow>

const evaluationColumns = `id::text AS id, location, asset, at, answer, reason, partitions, runs, outcome, error`

/** The kept evaluations of an asset, the newest first; `before` is the id of one. */
export function readEvaluations(db: Queryable, location: string, asset: string, limit: number, before?: string): Promise<EvaluationRead[]> {
  return readRows(
    db,
    EvaluationRow,
    `SELECT ${evaluationColumns} FROM millrace.automation_evaluation
     WHERE location = $1 AND asset = $2 AND ($3::bigint IS NULL OR id < $3) ORDER BY automation_evaluation.id DESC LIMIT $4`,
    [location, asset, before ?? null, limit],
  )
}

/** The newest evaluations that asked for something, of all assets. */
export function readLastRequests(db: Queryable, limit: number): Promise<EvaluationRead[]> {
  return readRows(
    db,
    EvaluationRow,
    `SELECT ${evaluationColumns} FROM (SELECT * FROM millrace.automation_evaluation ORDER BY id DESC LIMIT 1000) e
     WHERE answer IN ('requested', 'failed') ORDER BY e.id DESC LIMIT $1`,
    [limit],
  )
}

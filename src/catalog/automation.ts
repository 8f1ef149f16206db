import * as z from 'zod'
import type { Database } from './database.ts'
import { storableJson } from './events.ts'
import { isForgottenSql } from './forgotten.ts'

/** What the conditions of a tree remember, by their places in it: of `newlyTrue` that it was true, of `since` when both sides were so last (milliseconds since 1970). */
const NodeStates = z.record(z.string(), z.union([z.literal(true), z.tuple([z.number().nullable(), z.number().nullable()])]))
export type NodeStates = z.output<typeof NodeStates>

const CellState = z.object({
  nodes: NodeStates,
  /** When the condition was evaluated for the first time. */
  first: z.number().optional(),
  /** When it was asked for last, and by which run. */
  asked: z.object({ at: z.number(), run: z.string() }).optional(),
  /** When something that it hangs on changed last. */
  changed: z.number().optional(),
})
export type CellState = z.output<typeof CellState>

/** What an asset's condition remembers: of each partition that it looks at; by `''` where it has none. */
export const AssetState = z.object({ codeVersion: z.string().optional(), cells: z.record(z.string(), CellState) })
export type AssetState = z.output<typeof AssetState>

/** Locations that are to be evaluated, of those whose definitions in force have conditions. */
export async function dueAutomations(database: Database): Promise<string[]> {
  const { rows } = await database.query<{ location: string }>(
    `SELECT l.name AS location FROM millrace.location l JOIN millrace.manifest m ON m.location = l.name AND m.version = l.version
       LEFT JOIN millrace.automation a ON a.location = l.name
     WHERE m.automated AND a.stopped IS NOT TRUE AND (a.version IS DISTINCT FROM l.version
       OR (a.failed_at IS NULL OR a.failed_at < clock_timestamp() - interval '30 s')
         AND (a.again OR a.next_at <= clock_timestamp() OR EXISTS (SELECT FROM millrace.automation_change c WHERE c.location = a.location)))
     ORDER BY l.name`,
  )
  return rows.map((row) => row.location)
}

export interface LockedAutomation {
  readonly stopped: boolean
  readonly evaluatedAt: Date | null
  /** It is to be evaluated, though nothing has happened. */
  readonly due: boolean
}

/** Makes a location's automation known and locks it; undefined while another has it. */
export async function lockAutomation(client: Database, location: string, version: string): Promise<LockedAutomation | undefined> {
  await client.query(`INSERT INTO millrace.automation (location) VALUES ($1) ON CONFLICT DO NOTHING`, [location])
  const { rows } = await client.query<LockedAutomation>(
    `SELECT stopped, evaluated_at AS "evaluatedAt", again OR version IS DISTINCT FROM $2 OR coalesce(next_at <= clock_timestamp(), false) AS due
     FROM millrace.automation WHERE location = $1 FOR UPDATE SKIP LOCKED`,
    [location, version],
  )
  return rows[0]
}

/** As many changes as one evaluation takes. */
const changesAtOnce = 20_000

export interface TakenChange {
  readonly kind: 'updated' | 'failed' | 'wiped' | 'run' | 'keys'
  readonly asset: string | null
  readonly partition: string | null
  readonly at: Date
  readonly runId: string | null
  /** When the step began that made it. */
  readonly began: Date | null
  readonly runAssets: readonly string[] | null
  readonly runPartitions: readonly string[] | null
}

/** Changes with the runs that made them; what a run of another location makes has nothing to do with the assets of this one. @param from the name of a table, or of a part of the statement, that has the changes' columns */
const changesOf = (from: string): string =>
  `SELECT t.kind, t.asset, t.partition, t.at, t.run_id AS "runId", s.started_at AS began, CASE WHEN r.location = t.location THEN r.assets END AS "runAssets", CASE WHEN r.location = t.location THEN r.partitions END AS "runPartitions"
   FROM ${from} t LEFT JOIN millrace.run r ON t.kind = 'updated' AND r.id = t.run_id
     LEFT JOIN millrace.step s ON t.kind = 'updated' AND s.run_id = t.run_id AND s.asset = t.asset
   WHERE t.location = $1 ORDER BY t.id LIMIT ${String(changesAtOnce)}`

/** Takes what happened since the evaluation before, the oldest first; what is committed later is left to the next one. */
export async function takeChanges(client: Database, location: string): Promise<{ readonly changes: readonly TakenChange[]; readonly more: boolean }> {
  const { rows } = await client.query<TakenChange>(
    `WITH taken AS (DELETE FROM millrace.automation_change WHERE id IN
       (SELECT id FROM millrace.automation_change WHERE location = $1 ORDER BY id LIMIT ${String(changesAtOnce)}) RETURNING *) ${changesOf('taken')}`,
    [location],
  )
  return { changes: rows, more: rows.length === changesAtOnce }
}

/** Looks at the changes without taking them. */
export async function peekChanges(database: Database, location: string): Promise<readonly TakenChange[]> {
  return (await database.query<TakenChange>(changesOf('millrace.automation_change'), [location])).rows
}

export interface KnownAsset {
  readonly asset: string
  readonly condition: string
  readonly state: AssetState
  readonly signature: string
  readonly answer: string
}

/** What the conditions of a location remember. */
export async function readAssetStates(database: Database, location: string): Promise<KnownAsset[]> {
  const { rows } = await database.query<Omit<KnownAsset, 'state'> & { state: unknown }>(
    `SELECT asset, condition, state, signature, answer FROM millrace.automation_asset WHERE location = $1`,
    [location],
  )
  return rows.map((row) => ({ ...row, state: AssetState.parse(row.state) }))
}

export interface SavedAsset extends KnownAsset {
  readonly reason: string
  readonly outcome: unknown
}

/** Writes down what conditions remember, and forgets assets that have none any more. `at` is when they were evaluated. */
export async function saveAssetStates(client: Database, location: string, saved: readonly SavedAsset[], gone: readonly string[], at: Date): Promise<void> {
  if (saved.length > 0) {
    await client.query(
      `INSERT INTO millrace.automation_asset AS a (location, asset, condition, state, signature, answer, reason, outcome, since)
       SELECT $1, s.asset, s.condition, s.state, s.signature, s.answer, s.reason, s.outcome, $3 FROM jsonb_to_recordset($2::jsonb)
         AS s(asset text, condition text, state jsonb, signature text, answer text, reason text, outcome jsonb)
       ON CONFLICT (location, asset) DO UPDATE SET condition = excluded.condition, state = excluded.state, answer = excluded.answer,
         reason = excluded.reason, outcome = excluded.outcome,
         since = CASE WHEN a.signature = excluded.signature THEN a.since ELSE excluded.since END, signature = excluded.signature`,
      [location, storableJson(saved), at],
    )
  }
  if (gone.length > 0) await client.query(`DELETE FROM millrace.automation_asset WHERE location = $1 AND asset = ANY($2)`, [location, gone])
}

export const automationAnswers = ['requested', 'held', 'no', 'failed'] as const
export type AutomationAnswer = (typeof automationAnswers)[number]

export interface Evaluation {
  readonly asset: string
  readonly answer: AutomationAnswer
  readonly reason: string
  readonly partitions: readonly string[]
  readonly runs: readonly string[]
  readonly outcome: unknown
  /** As `storedError` has it. */
  readonly error?: unknown
}

/** Evaluations of an asset that are kept. */
const mostEvaluations = 100

/** Writes evaluations down, and lets go of the oldest of the same assets. */
export async function recordEvaluations(client: Database, location: string, evaluations: readonly Evaluation[], at: Date): Promise<void> {
  if (evaluations.length === 0) return
  await client.query(
    `INSERT INTO millrace.automation_evaluation (location, asset, at, answer, reason, partitions, runs, outcome, error)
     SELECT $1, e.asset, $3, e.answer, e.reason, array(SELECT jsonb_array_elements_text(e.partitions)), array(SELECT jsonb_array_elements_text(e.runs)::uuid), e.outcome, e.error
     FROM jsonb_to_recordset($2::jsonb) AS e(asset text, answer text, reason text, partitions jsonb, runs jsonb, outcome jsonb, error jsonb)`,
    [location, storableJson(evaluations), at],
  )
  await client.query(
    `DELETE FROM millrace.automation_evaluation e USING unnest($2::text[]) one(asset)
     WHERE e.location = $1 AND e.asset = one.asset AND e.id <= (SELECT id FROM millrace.automation_evaluation o
       WHERE o.location = $1 AND o.asset = one.asset ORDER BY id DESC OFFSET ${String(mostEvaluations)} LIMIT 1)`,
    [location, evaluations.map(({ asset }) => asset)],
  )
}

export interface SettledAutomation {
  readonly version: string
  readonly at: Date
  readonly nextAt: Date | undefined
  readonly again: boolean
  readonly assets: number
  readonly tookMs: number
}

/** Ends an evaluation, in its transaction. */
export async function settleAutomation(client: Database, location: string, { version, at, nextAt, again, assets, tookMs }: SettledAutomation): Promise<void> {
  await client.query(
    `UPDATE millrace.automation SET version = $2, evaluated_at = $3, next_at = $4, again = $5, assets = $6, took_ms = $7, error = NULL, failed_at = NULL WHERE location = $1`,
    [location, version, at, nextAt ?? null, again, assets, tookMs],
  )
}

/** Says why an evaluation came to nothing; it is tried again in half a minute, or when its definitions change. What happened is kept until then. */
export async function failAutomation(database: Database, location: string, version: string, error: unknown): Promise<void> {
  await database.query(
    `INSERT INTO millrace.automation AS a (location, version, again, error, failed_at) VALUES ($1, $2, true, $3, clock_timestamp())
     ON CONFLICT (location) DO UPDATE SET version = excluded.version, again = true, error = excluded.error, failed_at = excluded.failed_at`,
    [location, version, storableJson(error)],
  )
}

/** Stops a location's automation, or starts it. What happens meanwhile is kept for the first evaluation after. False where the location has no conditions. */
export async function setAutomationStopped(database: Database, location: string, stopped: boolean): Promise<boolean> {
  const { rowCount } = await database.query(
    `INSERT INTO millrace.automation AS a (location, stopped)
     SELECT l.name, $2 FROM millrace.location l JOIN millrace.manifest m ON m.location = l.name AND m.version = l.version WHERE l.name = $1 AND m.automated
     ON CONFLICT (location) DO UPDATE SET stopped = excluded.stopped, again = a.again OR NOT excluded.stopped`,
    [location, stopped],
  )
  return rowCount === 1
}

/** Has a location evaluated in the leader's next round. False where it has no automation, or it is stopped. */
export async function askForAutomation(database: Database, location: string): Promise<boolean> {
  const { rowCount } = await database.query(
    `UPDATE millrace.automation a SET again = true WHERE location = $1 AND NOT stopped AND NOT ${isForgottenSql('a.location')}`,
    [location],
  )
  return rowCount === 1
}

/** Days that the evaluations of an asset stay that has no condition any more. */
const daysOfGone = 30

/** Whether a location has conditions, in SQL; one that was forgotten may come back with them. */
const isAutomatedSql = (location: string): string =>
  `(${isForgottenSql(location)} OR EXISTS (SELECT FROM millrace.location l JOIN millrace.manifest m ON m.location = l.name AND m.version = l.version WHERE l.name = ${location} AND m.automated))`

/** Lets go of what a stopped location need not keep, and of what is known of locations and assets without conditions; what was stopped is stopped when it has some again. */
export async function tidyAutomation(database: Database): Promise<void> {
  await database.query(`DELETE FROM millrace.automation a WHERE NOT a.stopped AND NOT ${isAutomatedSql('a.location')}`)
  await database.query(
    `DELETE FROM millrace.automation_change c WHERE NOT EXISTS (SELECT FROM millrace.automation a WHERE a.location = c.location)
       OR NOT ${isAutomatedSql('c.location')}
       OR (EXISTS (SELECT FROM millrace.automation a WHERE a.location = c.location AND a.stopped) AND (c.kind IN ('run', 'keys')
         OR EXISTS (SELECT FROM millrace.automation_change n WHERE n.location = c.location AND n.asset = c.asset AND n.partition IS NOT DISTINCT FROM c.partition AND n.id > c.id)))`,
  )
  await database.query(
    `DELETE FROM millrace.automation_asset o WHERE NOT EXISTS (SELECT FROM millrace.automation a WHERE a.location = o.location) OR NOT ${isAutomatedSql('o.location')}`,
  )
  await database.query(
    `DELETE FROM millrace.automation_evaluation e WHERE e.at < clock_timestamp() - make_interval(days => $1)
       AND NOT EXISTS (SELECT FROM millrace.automation_asset o WHERE o.location = e.location AND o.asset = e.asset)`,
    [daysOfGone],
  )
}

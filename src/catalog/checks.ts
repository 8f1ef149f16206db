import type pg from 'pg'
import * as z from 'zod'
import { isStopped } from '../definitions/check-outcome.ts'
import type { CheckOutcome } from '../definitions/check-outcome.ts'
import type { CheckSpec } from '../definitions/check-spec.ts'
import { redact, redactText } from '../redact.ts'
import type { Database } from './database.ts'
import { insertEvents, storableJson } from './events.ts'

interface CheckedStep {
  readonly run_id: string
  readonly location: string
  readonly asset: string
}

/** How many results of each check are kept. */
const keptResults = 100

/** Writes down what checks found in a step: the last result of each, its history, and an event. */
export async function recordChecks(client: pg.ClientBase, step: CheckedStep, outcomes: readonly CheckOutcome[] = []): Promise<void> {
  for (const [asset, own] of Map.groupBy(outcomes, (one) => one.asset ?? step.asset)) await recordOf(client, { ...step, asset }, own)
}

async function recordOf(client: pg.ClientBase, step: CheckedStep, outcomes: readonly CheckOutcome[]): Promise<void> {
  // In the order of their names: two runs of one asset that end at once wait for each other, and never both.
  const byName = new Map(outcomes.map((one) => [one.name, one]))
  const rows = [...byName.values()]
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((one) => ({ ...one, severity: one.severity ?? 'error', message: redactText(one.message).slice(0, 10_000), metadata: redact(one.metadata ?? {}) }))
  await client.query(
    `WITH result AS (SELECT * FROM jsonb_to_recordset($4::jsonb) AS r (name text, passed boolean, blocking boolean, severity text, message text, metadata jsonb)),
       last AS (INSERT INTO millrace.check_result (location, asset, name, run_id, passed, blocking, severity, message, metadata)
         SELECT $1, $2, name, $3::uuid, passed, blocking, severity, message, metadata FROM result
         ON CONFLICT (location, asset, name) DO UPDATE SET run_id = excluded.run_id, passed = excluded.passed, blocking = excluded.blocking,
           severity = excluded.severity, message = excluded.message, metadata = excluded.metadata, at = clock_timestamp()),
       gone AS (DELETE FROM millrace.check_history h USING result r WHERE h.location = $1 AND h.asset = $2 AND h.name = r.name
         AND h.id <= (SELECT o.id FROM millrace.check_history o WHERE o.location = $1 AND o.asset = $2 AND o.name = r.name ORDER BY o.id DESC OFFSET $5 LIMIT 1))
     INSERT INTO millrace.check_history (location, asset, name, run_id, passed, blocking, severity, message, metadata)
     SELECT $1, $2, name, $3::uuid, passed, blocking, severity, message, metadata FROM result`,
    [step.location, step.asset, step.run_id, storableJson(rows), keptResults - 1],
  )
  await insertEvents(
    client,
    outcomes.map((check) => ({
      runId: step.run_id,
      asset: step.asset,
      kind: 'check',
      level: check.passed ? ('info' as const) : check.blocking ? ('error' as const) : ('warn' as const),
      message: `Check ${check.name} ${check.passed ? 'passed' : 'failed'}: ${check.message}`,
      data: { ...check },
    })),
  )
}

/** Why what is downstream of a failed step does not run: the checks that stopped it, or its failure. */
export function reasonOf(asset: string, outcomes: readonly CheckOutcome[] = []): string {
  const stopped = outcomes.filter(isStopped)
  const names = stopped.map(({ name, asset: of }) => (of === undefined ? name : `${name} of ${of}`))
  if (names.length === 0) return `${asset} failed`
  return `the ${names.length === 1 ? 'check' : 'checks'} ${names.join(', ')}${stopped.some((one) => one.asset !== undefined) ? '' : ` of ${asset}`} failed`
}

const ComparedRow = z.object({ name: z.string(), columns: z.array(z.object({ name: z.string(), type: z.string() })) })
type ComparedColumns = z.infer<typeof ComparedRow>['columns']

/** The columns that `schemaUnchanged` compares with, by the check's name: those of its last result, or, where that one kept the load back, those that were expected then. */
export async function readSchemas(
  database: Database,
  { location, asset }: { readonly location: string; readonly asset: string },
  checks: readonly CheckSpec[],
): Promise<Record<string, ComparedColumns>> {
  if (!checks.some(({ kind }) => kind === 'schema-unchanged')) return {}
  const { rows } = await database.query(
    `SELECT name, CASE WHEN passed OR NOT blocking THEN metadata -> 'columns' ELSE metadata -> 'expected' END AS columns
     FROM millrace.check_result WHERE location = $1 AND asset = $2 AND metadata ? 'columns'`,
    [location, asset],
  )
  return Object.fromEntries(rows.flatMap((row) => ComparedRow.safeParse(row).data ?? []).map(({ name, columns }) => [name, columns]))
}

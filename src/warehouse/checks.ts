import type pg from 'pg'
import type { CheckSpec } from '../definitions/check.ts'
import { DataError } from '../errors.ts'
import { quoteIdentifier } from './identifier.ts'

export interface CheckOutcome {
  readonly name: string
  readonly passed: boolean
  readonly blocking: boolean
  readonly message: string
}

/** A blocking check failed: what was there before stays. Carries every outcome, so that they can be shown. */
export class CheckFailedError extends DataError {
  readonly outcomes: readonly CheckOutcome[]
  constructor(asset: string, outcomes: readonly CheckOutcome[], hint: string) {
    const failed = outcomes.filter((one) => !one.passed && one.blocking)
    super(failed.map((one) => `The check ${one.name} of ${asset} failed: ${one.message}`).join(' '), {
      code: 'CHECK_FAILED',
      hint,
    })
    this.outcomes = outcomes
  }
}

/**
 * Runs checks against a relation, in the caller's transaction.
 * @param relation quoted name of the table or view that holds the rows
 */
export async function runChecks(client: pg.ClientBase, checks: readonly CheckSpec[], relation: string): Promise<CheckOutcome[]> {
  const outcomes: CheckOutcome[] = []
  for (const check of checks) outcomes.push({ name: check.name, blocking: check.blocking, ...(await runCheck(client, check, relation)) })
  return outcomes
}

const nothingPublished = 'Nothing was published; the rows from before stay readable. Mend the source or the check and run again.'

/** @throws CheckFailedError when a blocking one failed */
export function refuseFailed(asset: string, outcomes: readonly CheckOutcome[], hint = nothingPublished): void {
  if (outcomes.some((one) => !one.passed && one.blocking)) throw new CheckFailedError(asset, outcomes, hint)
}

interface Verdict {
  readonly passed: boolean
  readonly message: string
}

async function runCheck(client: pg.ClientBase, check: CheckSpec, relation: string): Promise<Verdict> {
  return check.kind === 'not-empty' ? isNotEmpty(client, relation) : isUnique(client, check.columns, relation)
}

async function isNotEmpty(client: pg.ClientBase, relation: string): Promise<Verdict> {
  const { rows } = await client.query<{ found: boolean }>(`SELECT EXISTS (SELECT FROM ${relation}) AS found`)
  return rows[0]?.found === true ? { passed: true, message: 'there are rows.' } : { passed: false, message: 'there is no row.' }
}

async function isUnique(client: pg.ClientBase, names: readonly string[], relation: string): Promise<Verdict> {
  const columns = names.map(quoteIdentifier)
  const { rows } = await client.query<{ value: unknown; n: string }>(
    `SELECT jsonb_build_array(${columns.map((one) => `${one}::text`).join(', ')}) AS value, count(*) AS n FROM ${relation}
     WHERE ${columns.map((one) => `${one} IS NOT NULL`).join(' AND ')} GROUP BY ${columns.join(', ')} HAVING count(*) > 1 LIMIT 3`,
  )
  if (rows.length === 0) return { passed: true, message: `every ${names.join(', ')} is there once.` }
  const found = rows.map((row) => `${JSON.stringify(row.value)} ${row.n} times`).join(', ')
  return { passed: false, message: `${names.join(', ')} is there more than once, for one ${found}.` }
}

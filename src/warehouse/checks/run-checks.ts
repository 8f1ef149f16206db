import type pg from 'pg'
import type { CheckOutcome } from '../../definitions/check-outcome.ts'
import type { CheckSpec, TableCheckSpec } from '../../definitions/check-spec.ts'
import { wrongTypeOf } from '../../definitions/checks-of.ts'
import { ask } from './ask.ts'
import { askCustomSql } from './custom-sql.ts'
import { askReferences, askUnique } from './keys.ts'
import { measureOf } from './measures.ts'
import type { Measure } from './measures.ts'
import { readTypes } from './rows.ts'
import type { CheckedRows, Verdict } from './rows.ts'
import { judgeSchema } from './schema-unchanged.ts'
import type { SchemaShape } from './schema-unchanged.ts'

export interface CheckRequest extends CheckedRows {
  readonly asset: string
  readonly checks: readonly CheckSpec[]
  /** By the name of the check that compares with it. */
  readonly schemas?: Readonly<Record<string, SchemaShape>> | undefined
}

/**
 * Asks checks of a relation's rows, in the caller's transaction, in which they change nothing. All that aggregates answer share one scan, and
 * none is needed where only the number of rows is asked and known. What Postgres refuses is a check that failed.
 */
export async function runChecks(client: pg.ClientBase, request: CheckRequest): Promise<CheckOutcome[]> {
  const checks = request.checks.filter((check) => check.kind !== 'function')
  if (checks.length === 0) return []
  const types = checks.some((check) => 'columns' in check || check.kind === 'schema-unchanged')
    ? await readTypes(client, request.relation)
    : new Map<string, string>()
  const verdicts = new Map<TableCheckSpec, Verdict>()
  const measures = new Map<TableCheckSpec, Measure>()
  for (const check of checks) {
    const wrong = wrongColumn(check, types)
    const measure = wrong === undefined ? measureOf(check, request, types) : undefined
    if (wrong !== undefined) verdicts.set(check, wrong)
    else if (measure !== undefined) measures.set(check, measure)
  }
  for (const [check, verdict] of await measureTogether(client, request, measures)) verdicts.set(check, verdict)
  const outcomes: CheckOutcome[] = []
  for (const check of checks) {
    const { name, blocking, severity } = check
    const verdict = verdicts.get(check) ?? (await askAlone(client, check, request, types))
    outcomes.push({ name, blocking, ...(severity === undefined ? {} : { severity }), ...verdict })
  }
  return outcomes
}

/** Of a SQL asset, only Postgres knows the columns. */
function wrongColumn(check: TableCheckSpec, types: ReadonlyMap<string, string>): Verdict | undefined {
  if (!('columns' in check)) return undefined
  const columns = [...types.keys()]
  for (const column of check.columns) {
    const type = types.get(column)
    if (type === undefined) return { passed: false, message: `there is no column ${column}. The columns are: ${columns.join(', ')}.`, metadata: { columns } }
    const wanted = wrongTypeOf(check.kind, type)
    if (wanted !== undefined) return { passed: false, message: `${column} is a column of type ${type}; it must be ${wanted}.`, metadata: {} }
  }
  return undefined
}

function askAlone(client: pg.ClientBase, check: TableCheckSpec, request: CheckRequest, types: ReadonlyMap<string, string>): Promise<Verdict> {
  if (check.kind === 'unique') return ask(client, () => askUnique(client, check, request))
  if (check.kind === 'references') return ask(client, () => askReferences(client, check, request, request.asset))
  if (check.kind === 'custom-sql') return askCustomSql(client, check, request)
  return Promise.resolve(judgeSchema(types, request.schemas?.[check.name]))
}

interface Scanned {
  readonly count: number
  readonly found: readonly (string | null)[]
}

/** One scan for all of them. */
async function measureTogether(
  client: pg.ClientBase,
  rows: CheckRequest,
  measures: ReadonlyMap<TableCheckSpec, Measure>,
): Promise<Map<TableCheckSpec, Verdict>> {
  const verdicts = new Map<TableCheckSpec, Verdict>()
  if (measures.size === 0) return verdicts
  if (rows.count === undefined && [...measures.keys()].every(({ kind }) => kind === 'not-empty')) {
    const verdict = await ask(client, () => askNotEmpty(client, rows.relation))
    return new Map([...measures.keys()].map((check) => [check, verdict]))
  }
  const aggregates = [...measures.values()].flatMap((one) => one.aggregates)
  let scanned: Scanned | undefined
  const failed = await ask(client, async () => {
    scanned = await scan(client, rows, aggregates)
    return { passed: true, message: '', metadata: {} }
  })
  let at = 0
  for (const [check, { aggregates: own, judge }] of measures) {
    const found = scanned?.found.slice(at, at + own.length) ?? []
    const { count } = scanned ?? { count: 0 }
    verdicts.set(check, scanned === undefined ? failed : await ask(client, () => judge(client, count, found)))
    at += own.length
  }
  return verdicts
}

/** The first row says it; the number of the others is nobody's question. */
async function askNotEmpty(client: pg.ClientBase, relation: string): Promise<Verdict> {
  const { rows } = await client.query<{ found: boolean }>(`SELECT EXISTS (SELECT FROM ${relation}) AS found`)
  const passed = rows[0]?.found === true
  return { passed, message: passed ? 'there are rows.' : 'there is no row.', metadata: {} }
}

async function scan(client: pg.ClientBase, { relation, count }: CheckRequest, aggregates: readonly string[]): Promise<Scanned> {
  if (aggregates.length === 0 && count !== undefined) return { count, found: [] }
  const { rows } = await client.query<{ n: string; found: (string | null)[] }>(
    `SELECT count(*)::text AS n, ARRAY[${aggregates.map((one) => `(${one})::text`).join(', ')}]::text[] AS found FROM ${relation}`,
  )
  return { count: Number(rows[0]?.n ?? 0), found: rows[0]?.found ?? [] }
}

import type pg from 'pg'
import type { TableCheckSpec } from '../../definitions/check-spec.ts'
import type { JsonObject } from '../../definitions/json.ts'
import { ask } from './ask.ts'
import { countOf, mostExamples } from './rows.ts'
import type { CheckedRows, Verdict } from './rows.ts'

type CustomSql = Extract<TableCheckSpec, { kind: 'custom-sql' }>

// A name that no column has: by it, all of a row is meant.
const wholeRow = 'millrace_row'
const prefix = `SELECT count(*)::text AS n, jsonb_agg(to_jsonb(found)) FILTER (WHERE at <= $1) AS examples FROM (SELECT ${wholeRow} AS found, row_number() OVER () AS at FROM (\n`
const suffix = `\n) ${wholeRow}) numbered`

/** Counts the rows that a user's query answers. It can neither write nor leave anything behind, and is one statement. */
export function askCustomSql(client: pg.ClientBase, check: CustomSql, rows: CheckedRows): Promise<Verdict> {
  const query = expand(check.query, rows.relation)
  const question = async (): Promise<Verdict> => {
    // Both end with the savepoint. Within it, Postgres lets nobody go back to writing.
    await client.query(`SET LOCAL statement_timeout = ${String(Math.ceil(check.timeoutMs))}`)
    await client.query('SET LOCAL transaction_read_only = on')
    // With a parameter Postgres takes no second statement.
    const found = await client.query<{ n: string; examples: JsonObject[] | null }>(prefix + query.text + suffix, [mostExamples])
    const { n = '0', examples } = found.rows[0] ?? {}
    if (n === '0') return { passed: true, message: 'its query finds no row.', metadata: { rows: 0 } }
    const shown = (examples ?? []).map((one) => shorten(one, rows.hidden ?? []))
    return {
      passed: false,
      message: `its query finds ${countOf(n)}, for one ${JSON.stringify(shown[0] ?? {}).slice(0, 300)}.`,
      metadata: { rows: Number(n), examples: shown },
    }
  }
  return ask(client, question, { limitMs: check.timeoutMs, explain: (error) => `${error.message}${placeOf(check.query, query, error)}` })
}

/** A query with the rows' name put in, and how far each place is from where it stood. */
interface Expanded {
  readonly text: string
  /** From which character of `text` on, how many characters it has more than the query. */
  readonly shifts: readonly { readonly from: number; readonly by: number }[]
}

function expand(query: string, relation: string): Expanded {
  let text = ''
  let rest = 0
  const shifts: { from: number; by: number }[] = []
  for (const { 0: mark, index } of query.matchAll(/\{\{\s*table\s*\}\}/g)) {
    text += query.slice(rest, index) + relation
    rest = index + mark.length
    shifts.push({ from: text.length, by: text.length - rest })
  }
  // A semicolon that only ends it does no harm; any other is a second statement, and Postgres says so.
  return { text: (text + query.slice(rest)).replace(/[;\s]+$/, ''), shifts }
}

/** Where in the user's query Postgres found fault. */
function placeOf(query: string, { shifts }: Expanded, { position }: pg.DatabaseError): string {
  if (position === undefined) return ''
  const at = Number(position) - 1 - prefix.length
  const { by } = shifts.findLast(({ from }) => from <= at) ?? { by: 0 }
  const before = query.slice(0, Math.max(0, at - by)).split('\n')
  return `, at line ${String(before.length)}, column ${String((before.at(-1)?.length ?? 0) + 1)} of the query`
}

const longestShown = 100

/** A row as an example: without what nobody may see, long values cut. */
function shorten(row: JsonObject, hidden: readonly string[]): JsonObject {
  return Object.fromEntries(
    Object.entries(row)
      .filter(([name]) => !hidden.includes(name))
      .slice(0, 20)
      .map(([name, value]) => {
        const text = typeof value === 'string' ? value : JSON.stringify(value)
        return [name, text.length > longestShown ? `${text.slice(0, longestShown)}…` : value]
      }),
  )
}

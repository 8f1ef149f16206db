import type pg from 'pg'
import type { TableCheckSpec } from '../../definitions/check-spec.ts'
import type { Json } from '../../definitions/json.ts'
import { DataError } from '../../errors.ts'
import { quoteIdentifier, quoteTable } from '../identifier.ts'
import { countOf, mostExamples, readTypes } from './rows.ts'
import type { CheckedRows, Verdict } from './rows.ts'

type Of<Kind extends TableCheckSpec['kind']> = Extract<TableCheckSpec, { kind: Kind }>

interface Found {
  /** How many combinations of values. */
  readonly values: string
  readonly rows: string
  readonly examples: readonly { readonly value: Json; readonly n: string }[]
}

/**
 * What of a grouping is to be told: how much it has, and some of it. Read once, though it is asked thrice.
 * @param select what is grouped: from its FROM to its HAVING
 */
function tellSql(columns: readonly string[], select: string, order = ''): string {
  // Names of our own, as a column may have any.
  const named = columns.map((_, at) => `c${String(at)}`)
  return `WITH odd AS MATERIALIZED (SELECT ${columns.map((one, at) => `${one} AS c${String(at)}`).join(', ')}, count(*) AS times ${select})
   SELECT (SELECT count(*) FROM odd)::text AS values, (SELECT coalesce(sum(times), 0) FROM odd)::text AS rows,
     (SELECT coalesce(jsonb_agg(jsonb_build_object('value', jsonb_build_array(${named.map((one) => `left(${one}::text, 100)`).join(', ')}), 'n', times::text)), '[]')
      FROM (SELECT * FROM odd${order} LIMIT ${String(mostExamples)}) shown) AS examples`
}

async function tell(client: pg.ClientBase, sql: string): Promise<Found> {
  const { rows } = await client.query<Found>(sql)
  return rows[0] ?? { values: '0', rows: '0', examples: [] }
}

/** Whether values of these columns may be shown. */
const areShown = (rows: CheckedRows, columns: readonly string[]): boolean => !columns.some((column) => rows.hidden?.includes(column) === true)

const notNull = (columns: readonly string[], alias = ''): string => columns.map((one) => `${alias}${one} IS NOT NULL`).join(' AND ')

export async function askUnique(client: pg.ClientBase, { columns: names }: Of<'unique'>, rows: CheckedRows): Promise<Verdict> {
  const columns = names.map(quoteIdentifier)
  const list = columns.join(', ')
  const found = await tell(
    client,
    tellSql(columns, `FROM ${rows.relation} WHERE ${notNull(columns)} GROUP BY ${list} HAVING count(*) > 1`, ' ORDER BY times DESC'),
  )
  const what = names.join(', ')
  if (found.values === '0') return { passed: true, message: `every ${what} is there once.`, metadata: { repeated: 0 } }
  const shown = areShown(rows, names)
  const examples = shown ? found.examples.map(({ value, n }) => ({ value, times: Number(n) })) : []
  const some = examples.slice(0, 3).map(({ value, times }) => `${JSON.stringify(value)} ${String(times)} times`)
  return {
    passed: false,
    message: `${what} is there more than once, ${shown ? `for one ${some.join(', ')}` : `${found.values} of its values`}.`,
    metadata: { repeated: Number(found.values), rows: Number(found.rows), ...(shown ? { examples } : {}) },
  }
}

export async function askReferences(client: pg.ClientBase, { columns: names, to }: Of<'references'>, rows: CheckedRows, own: string): Promise<Verdict> {
  if (to.table === undefined) throw new DataError(`The check does not know the table of ${to.asset}.`, { code: 'CHECK_INVALID', hint: 'Restart the workers.' })
  // What refers to its own asset refers to the rows that are asked, published or not.
  const relation = to.asset === own ? rows.relation : quoteTable(to.table)
  const types = await readTypes(client, relation)
  const expected = `${to.asset} (${to.columns.join(', ')})`
  if (types.size === 0) return { passed: false, message: `${to.asset} is not there yet: materialize it first, and name it in deps.`, metadata: { expected } }
  const missing = to.columns.find((column) => !types.has(column))
  if (missing !== undefined) {
    return { passed: false, message: `${to.asset} has no column ${missing}. Its columns are: ${[...types.keys()].join(', ')}.`, metadata: { expected } }
  }
  const columns = names.map(quoteIdentifier)
  const list = columns.join(', ')
  const ignored = rows.ignored === undefined ? '' : ` AND r.${quoteIdentifier(rows.ignored)} IS NOT TRUE`
  const same = columns.map((column, at) => `o.${quoteIdentifier(to.columns[at] ?? '')} = r.${column}`).join(' AND ')
  const found = await tell(
    client,
    tellSql(
      columns,
      `FROM ${rows.relation} r WHERE ${notNull(columns, 'r.')}${ignored} AND NOT EXISTS (SELECT FROM ${relation} o WHERE ${same}) GROUP BY ${list}`,
    ),
  )
  const what = names.join(', ')
  if (found.values === '0') return { passed: true, message: `every ${what} is there in ${expected}.`, metadata: { missing: 0, rows: 0, expected } }
  const shown = areShown(rows, names)
  const some = shown
    ? `, for one ${found.examples
        .slice(0, 3)
        .map(({ value }) => JSON.stringify(value))
        .join(', ')}`
    : ''
  return {
    passed: false,
    message: `${what} of ${countOf(found.rows)} is not there in ${expected}${some}.`,
    metadata: {
      missing: Number(found.values),
      rows: Number(found.rows),
      expected,
      ...(shown ? { examples: found.examples.map(({ value, n }) => ({ value, times: Number(n) })) } : {}),
    },
  }
}

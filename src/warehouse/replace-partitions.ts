import type pg from 'pg'
import { joinBounds } from '../definitions/partitions/partition-bounds.ts'
import type { ColumnBounds, PartitionBounds } from '../definitions/partitions/partition-bounds.ts'
import { DataError } from '../errors.ts'
import { quoteIdentifier, quoteLiteral, quoteTable } from './identifier.ts'
import { wholeTable } from './replace-parts.ts'
import type { ReplacedParts, ReplacePartsRequest } from './replace-parts.ts'

export interface ReplacePartitionsRequest extends ReplacePartsRequest {
  readonly asset: string
  readonly partitions: readonly PartitionBounds[]
}

/**
 * Has the rows of staging take the place of those of the run's partitions, inside the caller's transaction: also where a partition has none any more.
 * Order is kept partition by partition: what a newer load has published is left as it is.
 * @throws DataError `ROWS_OUTSIDE_PARTITION` where staging has rows of other partitions: to replace those was not asked for
 */
export async function replacePartitions(client: pg.ClientBase, request: ReplacePartitionsRequest): Promise<ReplacedParts> {
  const { table, stepId, order, partitions } = request
  const [target, source] = [quoteTable(table), quoteTable(request.staging)]
  await refuseOutside(client, request, source)
  const values = new Map(partitions.map((one) => [JSON.stringify([one.key]), one]))
  const { rows: newer } = await client.query<{ value: string }>(
    `SELECT v.value FROM unnest($3::text[]) AS v(value) WHERE EXISTS (SELECT FROM millrace_load.part p
       WHERE p.target_schema = $1 AND p.target_name = $2 AND p.load_order > $4 AND p.value IN (v.value::jsonb, $5::jsonb))`,
    [table.schema, table.name, [...values.keys()], order, wholeTable],
  )
  const left = newer.flatMap(({ value }) => values.get(value) ?? [])
  for (const { value } of newer) values.delete(value)
  const dropped = left.length === 0 ? 0 : ((await client.query(`DELETE FROM ${source} t WHERE ${anyOf(left)}`)).rowCount ?? 0)
  if (values.size > 0) await client.query(`DELETE FROM ${target} t WHERE ${anyOf([...values.values()])}`)
  const names = table.columns.map((column) => quoteIdentifier(column.name)).join(', ')
  await client.query(`INSERT INTO ${target} (${names}) SELECT ${names} FROM ${source}`)
  await client.query(
    `INSERT INTO millrace_load.part AS p (target_schema, target_name, value, load_order, step_id, published_at)
     SELECT $1, $2, value::jsonb, $3::bigint, $4::uuid, clock_timestamp() FROM unnest($5::text[]) AS v(value)
     ON CONFLICT (target_schema, target_name, value) DO UPDATE SET load_order = excluded.load_order, step_id = excluded.step_id, published_at = excluded.published_at`,
    [table.schema, table.name, order, stepId, [...values.keys()]],
  )
  await client.query(`DROP TABLE ${source}`)
  return { parts: values.size, newer: left.length, newerRows: dropped }
}

async function refuseOutside(client: pg.ClientBase, { asset, partitions }: ReplacePartitionsRequest, source: string): Promise<void> {
  const { rows } = await client.query<{ count: string; example: Readonly<Record<string, unknown>> }>(
    `SELECT count(*) OVER () AS count, to_jsonb(o) AS example FROM (SELECT ${columnsOf(partitions)} FROM ${source} t WHERE (${anyOf(partitions)}) IS NOT TRUE) o LIMIT 1`,
  )
  const found = rows[0]
  if (found === undefined) return
  const [first, last] = [partitions[0]?.key ?? '', partitions.at(-1)?.key ?? '']
  const made = partitions.length === 1 ? `the partition ${first}` : `the partitions ${first} to ${last}`
  throw new DataError(`${found.count} rows for ${made} of ${asset} are of other ones: the first has ${JSON.stringify(found.example)}. Nothing was published.`, {
    code: 'ROWS_OUTSIDE_PARTITION',
    hint: 'Have `extract` fetch what `context.partitions` says, or leave out in `transform` what is of other partitions.',
  })
}

const columnsOf = (partitions: readonly PartitionBounds[]): string =>
  (partitions[0]?.columns ?? []).map(({ column }) => `t.${quoteIdentifier(column)}`).join(', ')

const anyOf = (partitions: readonly PartitionBounds[]): string =>
  joinBounds(partitions)
    .map((columns) => `(${columns.map(conditionOf).join(' AND ')})`)
    .join(' OR ')

function conditionOf(bounds: ColumnBounds): string {
  const name = `t.${quoteIdentifier(bounds.column)}`
  const literal = (text: string): string => `${quoteLiteral(text)}::${bounds.type}`
  return 'equals' in bounds ? `${name} = ${literal(bounds.equals)}` : `${name} >= ${literal(bounds.from)} AND ${name} < ${literal(bounds.to)}`
}

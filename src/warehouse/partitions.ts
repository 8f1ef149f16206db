import { createHash } from 'node:crypto'
import type pg from 'pg'
import { longestIdentifier } from '../definitions/asset-key.ts'
import type { TableSpec } from '../definitions/column-spec.ts'
import type { PartitionBy } from '../definitions/table-options.ts'
import { DataError } from '../errors.ts'
import { nameWithSuffix, storageSql } from './create-table.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'

/** A slice of time, by the dates of its ends. */
interface Period {
  /** `20260131`, `202601` or `2026`. */
  readonly label: string
  readonly begins: string
  readonly ends: string
}

const labels = { day: 'YYYYMMDD', month: 'YYYYMM', year: 'YYYY' } as const

// A load of a month of days is 31. Thousands come of times that are wrong: a year 1, a year 9999.
const mostPartitions = 1000

/** The table of one period. */
function partitionName(table: TableSpec, label: string): string {
  const suffix = `_p${label}`
  if (Buffer.byteLength(table.name + suffix) <= longestIdentifier) return table.name + suffix
  return nameWithSuffix(table.name, `_${createHash('sha256').update(table.name).digest('hex').slice(0, 8)}${suffix}`)
}

/** @param points a query of one column, `p`, of timestamps without time zone, in UTC */
function periodsSql({ every }: PartitionBy, points: string): string {
  return `SELECT to_char(p, '${labels[every]}') || CASE WHEN extract(year FROM p) < 0 THEN 'bc' ELSE '' END AS label, p::date::text AS begins,
      (p + interval '1 ${every}')::date::text AS ends
    FROM (SELECT DISTINCT date_trunc('${every}', p) AS p FROM (${points}) points) periods WHERE isfinite(p) ORDER BY p LIMIT ${String(mostPartitions + 1)}`
}

const present = `date_trunc('day', now() AT TIME ZONE 'UTC')`

async function partitionsOf(client: pg.ClientBase, table: TableSpec): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass($1)`,
    [quoteTable(table)],
  )
  return new Set(rows.map((row) => row.name))
}

/** A bound as SQL writes it: the first moment of a day, in UTC. */
function boundOf(date: string, type: string): string {
  if (!type.startsWith('timestamp')) return `'${date}'`
  const [day = date, era] = date.split(' ')
  return `'${day} 00:00:00${type.includes('with time zone') ? '+00' : ''}${era === undefined ? '' : ` ${era}`}'`
}

function createPartitionSql(table: TableSpec, partitionBy: PartitionBy, { label, begins, ends }: Period): string[] {
  const name = quoteTable({ schema: table.schema, name: partitionName(table, label) })
  const parent = quoteTable(table)
  const type = table.columns.find((column) => column.name === partitionBy.column)?.type ?? 'date'
  const { unlogged, ...kept } = table.storage ?? {}
  return [
    // Attached, not made in place: that would lock out the readers of the whole table.
    `CREATE ${unlogged === true ? 'UNLOGGED ' : ''}TABLE ${name} (LIKE ${parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING STORAGE)${storageSql(kept)}`,
    `ALTER TABLE ${parent} ATTACH PARTITION ${name} FOR VALUES FROM (${boundOf(begins, type)}) TO (${boundOf(ends, type)})`,
  ]
}

/** Statements that make the partitions of the present and of what is ahead of it. */
export async function planPartitionsAhead(client: pg.ClientBase, table: TableSpec): Promise<string[]> {
  const { partitionBy } = table
  if (partitionBy === undefined) return []
  const { every, ahead } = partitionBy
  const points = `SELECT p FROM generate_series(${present}, ${present} + interval '${String(ahead)} ${every}', interval '1 ${every}') p`
  return planPeriods(client, table, partitionBy, points)
}

export interface LoadedTimes {
  /** Quoted, of the staging table. */
  readonly source: string
  /** When the load's run began, ISO 8601. */
  readonly at: string
}

/** Statements that make the partitions for the rows of a load. @throws DataError `PARTITIONS_TOO_MANY` */
export async function planPartitionsFor(client: pg.ClientBase, table: TableSpec, load: LoadedTimes): Promise<string[]> {
  const { partitionBy } = table
  return partitionBy === undefined ? [] : planPeriods(client, table, partitionBy, pointsOf(table, partitionBy, load))
}

/** The times of a load's rows, in UTC: of its own column, or of the one that publishing adds. */
function pointsOf(table: TableSpec, { column }: PartitionBy, { source, at }: LoadedTimes): string {
  const name = quoteIdentifier(column)
  const run = `SELECT timestamptz '${new Date(at).toISOString()}' AT TIME ZONE 'UTC' AS p`
  if (column === table.snapshot?.at) return run
  // A history never goes back: a run whose clock does begins right after the newest row.
  if (column === table.scd2?.from) return `${run} UNION ALL SELECT (max(${name}) + interval '1 microsecond') AT TIME ZONE 'UTC' FROM ${quoteTable(table)}`
  const type = table.columns.find((one) => one.name === column)?.type ?? ''
  return `SELECT ${type.includes('with time zone') ? `${name} AT TIME ZONE 'UTC'` : `${name}::timestamp`} AS p FROM ${source}`
}

async function planPeriods(client: pg.ClientBase, table: TableSpec, partitionBy: PartitionBy, points: string): Promise<string[]> {
  const { rows: periods } = await client.query<Period>(periodsSql(partitionBy, points))
  const [first, last] = [periods[0], periods.at(-1)]
  if (periods.length > mostPartitions) {
    throw new DataError(
      `The rows for ${table.schema}.${table.name} are of more than ${String(mostPartitions)} ${partitionBy.every}s, from ${first?.begins ?? ''} to ${last?.begins ?? ''} and on: each would be a partition.`,
      { code: 'PARTITIONS_TOO_MANY', hint: `Look for wrong times in ${partitionBy.column}, or partition by month or year.` },
    )
  }
  if (periods.length === 0) return []
  const there = await partitionsOf(client, table)
  return periods.filter(({ label }) => !there.has(partitionName(table, label))).flatMap((period) => createPartitionSql(table, partitionBy, period))
}

/** The label of the oldest period that is kept. */
async function oldestKept(client: pg.ClientBase, { every }: PartitionBy, keep: number): Promise<Period | undefined> {
  const { rows } = await client.query<Period>(periodsSql({ column: '', every, ahead: 0 }, `SELECT ${present} - interval '${String(keep)} ${every}' AS p`))
  return rows[0]
}

/** Statements that drop the partitions, made by us, of periods that are no longer kept. */
export async function planExpired(client: pg.ClientBase, table: TableSpec): Promise<string[]> {
  const { partitionBy } = table
  if (partitionBy?.keep === undefined) return []
  const oldest = await oldestKept(client, partitionBy, partitionBy.keep)
  const names = [...(await partitionsOf(client, table))].filter((name) => {
    const label = /_p(\d+(?:bc)?)$/.exec(name)?.[1]
    if (label === undefined || oldest === undefined || name !== partitionName(table, label)) return false
    return label.endsWith('bc') || (label.length === oldest.label.length && label < oldest.label)
  })
  return names.toSorted().map((name) => `DROP TABLE ${quoteTable({ schema: table.schema, name })}`)
}

/** How many rows of a load are of periods that are no longer kept. */
export async function countExpired(client: pg.ClientBase, table: TableSpec, load: LoadedTimes): Promise<number> {
  const { partitionBy } = table
  if (partitionBy?.keep === undefined) return 0
  const oldest = await oldestKept(client, partitionBy, partitionBy.keep)
  const { rows } = await client.query<{ n: string }>(`SELECT count(*) AS n FROM (${pointsOf(table, partitionBy, load)}) points WHERE p < $1::date`, [
    oldest?.begins ?? '-infinity',
  ])
  return Number(rows[0]?.n ?? 0)
}

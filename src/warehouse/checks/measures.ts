import type pg from 'pg'
import type { TableCheckSpec } from '../../definitions/check-spec.ts'
import type { JsonObject } from '../../definitions/json.ts'
import { quoteIdentifier } from '../identifier.ts'
import { countOf, findExamples } from './rows.ts'
import type { CheckedRows, Verdict } from './rows.ts'

/** What one check asks of a scan that it shares with others. */
export interface Measure {
  /** Aggregates over all rows. */
  readonly aggregates: readonly string[]
  /** Judges by how many rows there are and what the aggregates gave, as text. */
  readonly judge: (client: pg.ClientBase, count: number, found: readonly (string | null)[]) => Promise<Verdict>
}

type Of<Kind extends TableCheckSpec['kind']> = Extract<TableCheckSpec, { kind: Kind }>

/** The measure of a check that aggregates can answer; undefined of the others. */
export function measureOf(check: TableCheckSpec, rows: CheckedRows, types: ReadonlyMap<string, string>): Measure | undefined {
  if (check.kind === 'not-empty') return { aggregates: [], judge: async (_, count) => judgeNotEmpty(count) }
  if (check.kind === 'row-count') return { aggregates: [], judge: async (_, count) => judgeCount(check, count) }
  if (check.kind === 'not-null') return measureNulls(check, rows)
  if (check.kind === 'in-range') return measureRange(check, rows, types)
  return check.kind === 'fresh' ? measureAge(check, rows, types) : undefined
}

function judgeNotEmpty(count: number): Verdict {
  return { passed: count > 0, message: count > 0 ? `there ${count === 1 ? 'is' : 'are'} ${countOf(count)}.` : 'there is no row.', metadata: { rows: count } }
}

function judgeCount({ min, max }: Of<'row-count'>, count: number): Verdict {
  const metadata = { expected: { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) }, rows: count }
  const there = `there ${count === 1 ? 'is' : 'are'} ${countOf(count)}`
  if (min !== undefined && count < min) return { passed: false, message: `${there}, fewer than ${String(min)}.`, metadata }
  if (max !== undefined && count > max) return { passed: false, message: `${there}, more than ${String(max)}.`, metadata }
  return { passed: true, message: `${there}.`, metadata }
}

/** Says a predicate of rows that are asked about their values. */
const ofAsked = (predicate: string, { ignored }: CheckedRows): string =>
  ignored === undefined ? `(${predicate})` : `(${predicate}) AND ${quoteIdentifier(ignored)} IS NOT TRUE`

const countWhere = (predicate: string): string => `count(*) FILTER (WHERE ${predicate})`

function measureNulls({ columns }: Of<'not-null'>, rows: CheckedRows): Measure {
  const predicates = columns.map((column) => ofAsked(`${quoteIdentifier(column)} IS NULL`, rows))
  return {
    aggregates: predicates.map(countWhere),
    judge: async (client, count, found) => {
      const nulls = columns.flatMap((column, at) => (found[at] === '0' ? [] : [[column, Number(found[at])] as const]))
      const metadata = { rows: count, nulls: Object.fromEntries(nulls) }
      if (nulls.length === 0) return { passed: true, message: `${columns.join(', ')}: no NULL in ${countOf(count)}.`, metadata }
      const message = `${nulls.map(([column, many]) => `${column} is NULL in ${String(many)}`).join(', ')} of ${countOf(count)}.`
      return {
        passed: false,
        message,
        metadata: { ...metadata, ...(await findExamples(client, rows, predicates.map((one) => `(${one})`).join(' OR '), columns)) },
      }
    },
  }
}

function measureRange({ columns: [column = ''], min, max }: Of<'in-range'>, rows: CheckedRows, types: ReadonlyMap<string, string>): Measure {
  const name = quoteIdentifier(column)
  const type = types.get(column) ?? ''
  const [least, greatest] = [boundSql(min, type), boundSql(max, type)]
  const outside = [
    ...(least === undefined ? [] : [`${name} < ${least}`]),
    ...(greatest === undefined ? [] : [`${name} > ${greatest}`]),
    ...(/^(numeric|real|double precision)$/.test(type) ? [`${name} = 'NaN'`] : []),
  ].join(' OR ')
  const predicate = ofAsked(outside, rows)
  const seen = rows.hidden?.includes(column) !== true
  return {
    aggregates: [countWhere(predicate), ...(seen ? [`min(${name})`, `max(${name})`] : [])],
    judge: async (client, count, [out, lowest = null, highest = null]) => {
      const expected: JsonObject = { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) }
      const range = min === undefined ? `at most ${max ?? ''}` : max === undefined ? `at least ${min}` : `${min} to ${max}`
      const metadata = { rows: count, outOfRange: Number(out), expected, ...(seen ? { found: { min: lowest, max: highest } } : {}) }
      const extent = seen && lowest !== null ? `; its values go from ${lowest} to ${String(highest)}` : ''
      if (out === '0') return { passed: true, message: `${column} is in its range (${range})${extent}.`, metadata }
      const message = `${column} is out of its range (${range}) in ${String(out)} of ${countOf(count)}${extent}.`
      return { passed: false, message, metadata: { ...metadata, ...(await findExamples(client, rows, predicate, [column])) } }
    },
  }
}

/** A bound as a value to compare with: of a float's own type, so that 0.1 is the 0.1 of that type; else a decimal. */
function boundSql(bound: string | undefined, type: string): string | undefined {
  if (bound === undefined) return undefined
  if (type !== 'real' && type !== 'double precision') return `'${bound}'::numeric`
  // What the type cannot hold, Postgres refuses to read.
  const value = type === 'real' ? Math.fround(Number(bound)) : Number(bound)
  const text = value === 0 ? '0' : Number.isFinite(value) ? bound : value > 0 ? 'Infinity' : '-Infinity'
  return `'${text}'::${type}`
}

function measureAge({ columns: [column = ''], maxAgeMs }: Of<'fresh'>, rows: CheckedRows, types: ReadonlyMap<string, string>): Measure {
  const type = types.get(column) ?? ''
  const newest = type === 'timestamp with time zone' ? `max(${quoteIdentifier(column)})` : `max(${quoteIdentifier(column)})::timestamp AT TIME ZONE 'UTC'`
  const seen = rows.hidden?.includes(column) !== true
  return {
    aggregates: [
      `coalesce(${newest} >= clock_timestamp() - ${String(maxAgeMs)} * interval '1 millisecond', false)`,
      `coalesce(to_char(${newest} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), (${newest})::text)`,
      `CASE WHEN isfinite(${newest}) THEN round(extract(epoch FROM clock_timestamp() - ${newest})) END`,
    ],
    judge: async (_, count, [young, at = null, age = null]) => {
      const ageSeconds = age === null ? null : Number(age)
      const metadata = { rows: count, expected: { maxAgeSeconds: maxAgeMs / 1000 }, ageSeconds, ...(seen ? { newest: at } : {}) }
      if (at === null) return { passed: false, message: `there is no ${column}, so nothing is fresh.`, metadata }
      const old = `the newest ${column}${seen ? `, ${at},` : ''} is ${ageSeconds === null ? 'infinite' : `${ageText(ageSeconds)} old`}`
      return { passed: young === 'true', message: young === 'true' ? `${old}.` : `${old}; it may be ${ageText(maxAgeMs / 1000)} old.`, metadata }
    },
  }
}

function ageText(seconds: number): string {
  if (Math.abs(seconds) < 120) return `${String(seconds)} s`
  if (Math.abs(seconds) < 7200) return `${String(Math.round(seconds / 60))} min`
  return Math.abs(seconds) < 172_800 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86_400).toFixed(1)} days`
}

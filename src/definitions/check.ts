import { checkSettingsOf, checkShape } from './check-settings.ts'
import type { CheckOptions } from './check-settings.ts'
import { TableCheckSpec } from './check-spec.ts'
import { DefinitionError } from './definition-error.ts'
import { keyOf, referenceKind } from './dependency.ts'
import type { AssetReference } from './dependency.ts'
import { aNumber, aText, fitting, listOf, oneOf, textOrTexts } from './option-kinds.ts'
import { isGiven, named, refuseWrong, refuseWrongValue, required } from './option-shape.ts'
import type { Kind, OptionShape } from './option-shape.ts'

export interface TableCheckOptions extends CheckOptions {
  /**
   * Which rows are asked: those of the load, before anything is published, or the whole table as it will be, in the publishing transaction.
   * Default `table` for `unique`, `references` and `fresh`, else `load`. Where a load is all of a table, they are the same.
   */
  readonly of?: 'load' | 'table'
}

const tableCheckShape: OptionShape<TableCheckOptions> = { ...checkShape, of: oneOf('load', 'table') }

/** Of a table or SQL asset. */
export const tableChecksKind: Kind = listOf(
  fitting(TableCheckSpec, "a check of a table, as notEmpty() or unique('id') answers it"),
  "a list of checks, as [notEmpty(), unique('id')]",
)

type Fields = string | readonly string[]

const namesOf = (fields: Fields): string[] => (typeof fields === 'string' ? [fields] : [...fields])

const whatOf = (given: CheckOptions, ownName: string): string => (isGiven(given, 'name') ? named('check', given, 'name') : `The check ${ownName}`)

/** @throws DefinitionError when the settings cannot be */
function settingsOf(given: TableCheckOptions, ownName: string) {
  refuseWrong(whatOf(given, ownName), given, tableCheckShape)
  const { of, ...options } = given
  return { ...checkSettingsOf(options, ownName), ...(of === undefined ? {} : { of }) }
}

const aField = aText('id')

function columnsOf(fields: Fields, what: string): string[] {
  refuseWrongValue(`What ${what}() is handed`, fields, textOrTexts('id'))
  const columns = namesOf(fields)
  if (columns.length === 0) throw new DefinitionError(`The check ${what} names no column.`)
  return columns
}

/** The load brings at least one row. */
export function notEmpty(options: TableCheckOptions = {}): TableCheckSpec {
  return { kind: 'not-empty', ...settingsOf(options, 'not_empty') }
}

/** No two rows of the table have the same values in these fields (named as in the schema, or as columns). NULLs are distinct, as in a unique index. */
export function unique(fields: Fields, options: TableCheckOptions = {}): TableCheckSpec {
  const columns = columnsOf(fields, 'unique')
  return { kind: 'unique', ...settingsOf(options, `unique_${columns.join('_')}`), columns }
}

/** None of these fields is NULL in any row. */
export function notNull(fields: Fields, options: TableCheckOptions = {}): TableCheckSpec {
  const columns = columnsOf(fields, 'notNull')
  return { kind: 'not-null', ...settingsOf(options, `not_null_${columns.join('_')}`), columns }
}

/** The load brings at least `min` and at most `max` rows; either may be left out. */
export function rowCountBetween(min: number | undefined, max: number | undefined, options: TableCheckOptions = {}): TableCheckSpec {
  for (const bound of [min, max]) {
    if (bound !== undefined && !(Number.isSafeInteger(bound) && bound >= 0)) {
      throw new DefinitionError(`rowCountBetween takes whole numbers from 0, and ${String(bound)} is none.`)
    }
  }
  if (min === undefined && max === undefined) throw new DefinitionError('rowCountBetween wants a least or a greatest number of rows.')
  if (min !== undefined && max !== undefined && min > max) {
    throw new DefinitionError(`rowCountBetween(${String(min)}, ${String(max)}) can never pass: the least number of rows is above the greatest.`)
  }
  return { kind: 'row-count', ...settingsOf(options, 'row_count'), ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) }
}

type FreshOptions = TableCheckOptions & { readonly maxAgeMs: number }
const freshShape: OptionShape<FreshOptions> = { ...tableCheckShape, maxAgeMs: required(aNumber) }

/** The newest value of a time or date is at most `maxAgeMs` old, by the clock of the database. A table without any is not fresh. */
export function fresh(field: string, given: FreshOptions): TableCheckSpec {
  refuseWrongValue('What fresh() is handed', field, aField)
  refuseWrong(`The check fresh(${JSON.stringify(field)})`, given, freshShape)
  const { maxAgeMs, ...options } = given
  if (!(maxAgeMs > 0 && maxAgeMs < 1e13)) throw new DefinitionError(`fresh(${JSON.stringify(field)}) wants a positive maxAgeMs, in milliseconds.`)
  return { kind: 'fresh', ...settingsOf(options, `fresh_${field}`), columns: [field], maxAgeMs }
}

/** A bound of a numeric range; decimal text where a number would lose digits. */
export type Bound = number | bigint | string

/**
 * A number lies between `min` and `max`, both included; either may be left out. Compared exactly, as decimals; NULL is in every range, NaN in none.
 * @throws DefinitionError where a bound is no number, or has lost digits, or nothing lies between
 */
export function inRange(field: string, min: Bound | undefined, max: Bound | undefined, options: TableCheckOptions = {}): TableCheckSpec {
  refuseWrongValue('What inRange() is handed', field, aField)
  const bounds = { ...(min === undefined ? {} : { min: decimalOf(field, min) }), ...(max === undefined ? {} : { max: decimalOf(field, max) }) }
  if (min === undefined && max === undefined) throw new DefinitionError(`inRange(${JSON.stringify(field)}) wants a least or a greatest value.`)
  if (bounds.min !== undefined && bounds.max !== undefined && compareDecimals(bounds.min, bounds.max) > 0) {
    throw new DefinitionError(`inRange(${JSON.stringify(field)}) can never pass: its least value, ${bounds.min}, is above its greatest, ${bounds.max}.`)
  }
  return { kind: 'in-range', ...settingsOf(options, `in_range_${field}`), columns: [field], ...bounds }
}

function decimalOf(field: string, bound: Bound): string {
  if (typeof bound === 'number' && Number.isInteger(bound) && !Number.isSafeInteger(bound)) {
    throw new DefinitionError(
      `A bound of inRange(${JSON.stringify(field)}), ${String(bound)}, may have lost digits as a number: write it as text, or as a bigint.`,
    )
  }
  const text = String(bound)
  // More digits than these Postgres' numeric does not take either.
  if (/^-?\d{1,1000}(\.\d{1,1000})?(e[+-]?\d{1,3})?$/i.test(text)) return text
  throw new DefinitionError(`A bound of inRange(${JSON.stringify(field)}) is ${JSON.stringify(text)}, which is no number.`)
}

/** Both as whole numbers of the finer one's last place. */
function compareDecimals(a: string, b: string): number {
  const [left, right] = [scaledOf(a), scaledOf(b)]
  const places = Math.min(left.power, right.power)
  const [x, y] = [left, right].map(({ digits, power }) => digits * 10n ** BigInt(power - places)) as [bigint, bigint]
  return x < y ? -1 : x > y ? 1 : 0
}

function scaledOf(text: string): { digits: bigint; power: number } {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  return { digits: BigInt(whole + fraction), power: Number(exponent) - fraction.length }
}

/**
 * Every value of these fields is there in another table asset of the location and its database, as with a foreign key; a row with a NULL in one of them refers to nothing.
 * Name the other asset in `deps` too where one run loads both.
 */
export function references(fields: Fields, to: AssetReference, toFields: Fields, options: TableCheckOptions = {}): TableCheckSpec {
  const columns = columnsOf(fields, 'references')
  const others = columnsOf(toFields, 'references')
  refuseWrongValue('What references() is handed', to, referenceKind)
  if (columns.length !== others.length) {
    throw new DefinitionError(`references(${columns.join(', ')}) names ${String(others.length)} columns of ${keyOf(to)} for its ${String(columns.length)}.`)
  }
  return { kind: 'references', ...settingsOf(options, `references_${columns.join('_')}`), columns, to: { asset: keyOf(to), columns: others } }
}

/** The columns and their types are those of the last load that was published with this check. The first time there is nothing to compare with. */
export function schemaUnchanged(options: CheckOptions = {}): TableCheckSpec {
  refuseWrong(whatOf(options, 'schema_unchanged'), options, checkShape)
  return { kind: 'schema-unchanged', ...checkSettingsOf(options, 'schema_unchanged') }
}

const tenMinutes = 600_000
type SqlOptions = Omit<TableCheckOptions, 'name'> & { readonly timeoutMs?: number }
const { name: _, ...unnamedShape } = tableCheckShape
const sqlShape: OptionShape<SqlOptions> = { ...unnamedShape, timeoutMs: aNumber }

/**
 * A `SELECT` that answers the offending rows, so that none is well. `{{table}}` in it stands for the rows that it is asked of: staged, as long as nothing is published.
 * It runs read-only; a query that Postgres refuses, or that takes longer than `timeoutMs` (default ten minutes), has failed.
 */
export function customSql(name: string, query: string, options: SqlOptions = {}): TableCheckSpec {
  refuseWrongValue('The name that customSql() is handed', name, aText('no_orphans'))
  refuseWrongValue(`The query of the check ${name}`, query, aText('SELECT * FROM {{table}} WHERE amount < 0'))
  refuseWrong(`The check ${name}`, options, sqlShape)
  const { timeoutMs = tenMinutes, ...rest } = options
  const settings = settingsOf({ ...rest, name }, name)
  const marks = [...query.matchAll(/\{\{(.*?)\}\}/gs)].map(([, inside = '']) => inside.trim())
  const unknown = marks.find((one) => one !== 'table')
  if (unknown !== undefined) throw new DefinitionError(`The query of the check ${name} has {{${unknown}}}; all it can have is {{table}}.`)
  if (marks.length === 0) {
    throw new DefinitionError(`The query of the check ${name} does not read {{table}}, the rows that it is asked of: SELECT … FROM {{table}} WHERE ….`)
  }
  if (!(timeoutMs > 0 && timeoutMs < 2 ** 31)) throw new DefinitionError(`The check ${name} wants a positive timeoutMs, in milliseconds.`)
  return { kind: 'custom-sql', ...settings, query, timeoutMs }
}

import { isAskedOfTable } from './check-place.ts'
import type { CheckSpec, TableCheckSpec } from './check-spec.ts'
import type { ColumnSpec, TableSpec } from './column-spec.ts'
import { DefinitionError } from './definition-error.ts'
import { defaultDestination } from './destination.ts'
import type { DestinationSpec } from './destination.ts'
import { targetOf } from './target.ts'
import { typeOf } from './write-spec.ts'

/** @throws DefinitionError where two checks of an asset have one name: a result belongs to a name */
export function refuseSameNames(key: string, checks: readonly { readonly name: string }[]): void {
  const names = checks.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) throw new DefinitionError(`Two checks of ${key} are called ${twice}. Give one of the two another \`name\`.`)
}

/**
 * A table's checks, with columns for fields.
 * @throws DefinitionError where one names a column that is not there, or of the wrong type, or has another's name
 */
export function tableChecksOf(key: string, checks: readonly TableCheckSpec[], table: TableSpec): TableCheckSpec[] {
  refuseSameNames(key, checks)
  return checks.map((check) => {
    if (!('columns' in check)) return check
    const { columns } = isAskedOfTable(check, table) ? targetOf(table) : table
    const named = check.columns.map((field) => columnOf(key, check.name, columns, field))
    for (const column of named) refuseWrongType(key, check, column)
    return { ...check, columns: named.map(({ name }) => name) }
  })
}

function columnOf(key: string, check: string, columns: readonly ColumnSpec[], field: string, whose = 'its columns do'): ColumnSpec {
  const column = columns.find((one) => one.field === field || one.name === field)
  if (column !== undefined) return column
  throw new DefinitionError(
    `The check ${check} of ${key} names ${JSON.stringify(field)}, which ${whose} not have. They are: ${columns.map((one) => one.field).join(', ')}.`,
  )
}

const wanted = {
  'in-range': { types: /^(smallint|integer|bigint|numeric|real|double precision)/, what: 'a number' },
  fresh: { types: /^(timestamp|date)/, what: 'a time or a date' },
} as const

/** What type a check wants of its column, where it is the wrong one. */
export function wrongTypeOf(kind: TableCheckSpec['kind'], type: string): string | undefined {
  if (kind !== 'in-range' && kind !== 'fresh') return undefined
  const { types, what } = wanted[kind]
  return types.test(type) && !type.endsWith('[]') ? undefined : what
}

function refuseWrongType(key: string, check: TableCheckSpec, column: ColumnSpec): void {
  const what = wrongTypeOf(check.kind, typeOf(column))
  if (what === undefined) return
  throw new DefinitionError(`The check ${check.name} of ${key} names ${column.field}, a column of type ${typeOf(column)}; it must be ${what}.`)
}

/** As much of an asset's spec as references go by. */
type Referable = { readonly key: string; readonly checks: readonly CheckSpec[]; readonly destination?: DestinationSpec | undefined } & (
  | { readonly kind: 'table'; readonly table: TableSpec }
  | { readonly kind: 'sql'; readonly schema: string; readonly name: string }
  | { readonly kind: 'function' }
  | { readonly kind: 'external' }
)

/**
 * Says of each reference which table it goes to.
 * @throws DefinitionError where that is none, is in another database, or lacks a column
 */
export function resolveReferences<Spec extends Referable>(assets: readonly Spec[]): Spec[] {
  return assets.map((asset) => ({
    ...asset,
    checks: asset.checks.map((check) => (check.kind === 'references' ? { ...check, to: resolve(assets, asset, check) } : check)),
  }))
}

const databaseOf = (destination: DestinationSpec | undefined): string => destination?.name ?? defaultDestination

type Reference = Extract<TableCheckSpec, { kind: 'references' }>

function resolve(assets: readonly Referable[], { key, destination }: Referable, { name, to }: Reference): Reference['to'] {
  const other = assets.find((one) => one.key === to.asset)
  if (other === undefined || other.kind === 'function' || other.kind === 'external') {
    throw new DefinitionError(
      `The check ${name} of ${key} refers to ${to.asset}, which is ${other === undefined ? 'not an asset of its location' : `${other.kind === 'function' ? 'a function' : 'an external'} asset and has no table`}.`,
    )
  }
  if (databaseOf(other.destination) !== databaseOf(destination)) {
    throw new DefinitionError(`The check ${name} of ${key} refers to ${to.asset}, which is in another database: ${databaseOf(other.destination)}.`)
  }
  // What columns a query has, only Postgres knows.
  if (other.kind === 'sql') return { ...to, table: { schema: other.schema, name: other.name } }
  const { schema, name: table, columns } = targetOf(other.table)
  return {
    asset: to.asset,
    columns: to.columns.map((field) => columnOf(key, name, columns, field, `the columns of ${to.asset} do`).name),
    table: { schema, name: table },
  }
}

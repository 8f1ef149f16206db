import type { ColumnSpec, TableSpec } from '../definitions/column-spec.ts'
import { baseTypeOf, modifiersOf } from '../definitions/postgres-type.ts'
import { schemaContractOf } from '../definitions/schema-contract.ts'
import type { ColumnLimit } from './column-limits.ts'
import { allowedConstraintName, allowedConstraintSql, columnCommentSql, columnSql, isNotNull, typeSql } from './create-table.ts'
import type { ExistingColumn } from './existing-columns.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'
import type { QualifiedName } from './identifier.ts'

/** What makes a table fit its definition. With a problem there are no statements. */
export interface SchemaChange {
  readonly statements: readonly string[]
  /** What the table stays without, where its contract leaves it as it is. */
  readonly limits: readonly ColumnLimit[]
  /** Why the table cannot become what its definition says: each column, both types, and what to do. */
  readonly problem?: string
  /** Whether its contract alone is against it. */
  readonly frozen?: boolean
}

export interface SchemaChangeOptions {
  /** Default: the table that the spec names. */
  readonly target?: QualifiedName
  /** Whether the table is known to hold no row; then columns may be added that allow no NULL. Default false. */
  readonly empty?: boolean
  /** Columns that must be in the table as they are defined, whatever its contract. */
  readonly required?: readonly string[]
}

const widerTypes: Readonly<Record<string, readonly string[]>> = {
  smallint: ['integer', 'bigint'],
  integer: ['bigint'],
  real: ['double precision'],
  'character varying': ['text'],
}

/** Whether every value of one type is, unchanged, a value of the other. */
function isWider(from: string, to: string): boolean {
  const [fromBase, toBase] = [baseTypeOf(from), baseTypeOf(to)]
  if (fromBase !== toBase) return widerTypes[fromBase]?.includes(to) ?? false
  const [toSize, toScale = 0] = modifiersOf(to)
  const [fromSize, fromScale = 0] = modifiersOf(from)
  if (fromBase === 'numeric') {
    if (toSize === undefined) return true
    return fromSize !== undefined && toScale >= fromScale && toSize - toScale >= fromSize - fromScale
  }
  return fromBase === 'character varying' && (toSize === undefined || (fromSize !== undefined && toSize >= fromSize))
}

type Step = { readonly actions: readonly string[] } | { readonly problem: string }

const nothing: Step = { actions: [] }

function typeStep(column: ColumnSpec, existing: ExistingColumn): Step {
  if (existing.type === column.type && existing.array === column.array) return nothing
  if (existing.array === column.array && isWider(existing.type, column.type)) {
    return { actions: [`ALTER COLUMN ${quoteIdentifier(column.name)} TYPE ${typeSql(column)}`] }
  }
  return {
    problem:
      `The column ${column.name} is ${typeSql(existing)} in the table and ${typeSql(column)} in the definition, which is not a widening change. ` +
      `Give the field its old type, or change the table yourself: ALTER TABLE … ALTER COLUMN ${quoteIdentifier(column.name)} TYPE ${typeSql(column)} USING ….`,
  }
}

function allowedStep(column: ColumnSpec, existing: ExistingColumn, empty: boolean): Step {
  const drop = `DROP CONSTRAINT ${quoteIdentifier(allowedConstraintName(column.name))}`
  const { allowed } = column
  if (allowed === undefined) return existing.allowed === undefined ? nothing : { actions: [drop] }
  const add = `ADD ${allowedConstraintSql(column, allowed)}`
  const before = existing.allowed
  if (before === undefined && !empty) {
    return {
      problem:
        `The column ${column.name} holds any ${typeSql(existing)} in the table; the definition allows only ${allowed.join(', ')}. ` +
        `See that all rows have one of these, then: ALTER TABLE … ${add}.`,
    }
  }
  const gone = before?.filter((value) => !allowed.includes(value)) ?? []
  if (gone.length > 0 && !empty) {
    return {
      problem:
        `The column ${column.name} allows ${gone.join(', ')} in the table and no longer in the definition. ` +
        `Keep the value in the definition, or change the rows that have it and then the constraint ${allowedConstraintName(column.name)}.`,
    }
  }
  if (before !== undefined && gone.length === 0 && before.length === allowed.length) return nothing
  return { actions: before === undefined ? [add] : [drop, add] }
}

/** A new column, where the contract lets the table have it. */
function addStep(column: ColumnSpec, spec: TableSpec, empty: boolean): Step {
  if (isNotNull(column, spec) && !empty) {
    return {
      problem:
        `The new column ${column.name} (${typeSql(column)}) allows no NULL, but the table has rows already, which would have none. ` +
        'Make the field .nullable(), or add the column yourself and fill it.',
    }
  }
  return { actions: [`ADD COLUMN ${columnSql(column, spec)}`] }
}

/** A column that table and definition both have, where the contract lets the table change. */
function alterStep(column: ColumnSpec, existing: ExistingColumn, spec: TableSpec, empty: boolean): Step {
  const type = typeStep(column, existing)
  if ('problem' in type) return type
  const allowed = allowedStep(column, existing, empty)
  if ('problem' in allowed) return allowed
  // A table that allows NULL where the definition does not is left so: nothing that we write needs it.
  const nulls = !isNotNull(column, spec) && !existing.nullable ? [`ALTER COLUMN ${quoteIdentifier(column.name)} DROP NOT NULL`] : []
  return { actions: [...type.actions, ...nulls, ...allowed.actions] }
}

/** A column that only the table has: new rows have NULL there, or its default. */
function orphanStep(column: ExistingColumn, evolves: boolean, isKey: boolean): Step {
  if (column.nullable || column.hasDefault) return nothing
  const drop = `ALTER COLUMN ${quoteIdentifier(column.name)} DROP NOT NULL`
  if (evolves && !isKey) return { actions: [drop] }
  return {
    problem:
      `The table's column ${column.name} (${typeSql(column)}) allows no NULL and has no default, and the definition has no field for it: no row could be inserted. ` +
      `Give the definition the field, or: ALTER TABLE … ${drop}.`,
  }
}

/** How the two differ, in words; undefined where they do not. */
function differenceOf(column: ColumnSpec, existing: ExistingColumn, spec: TableSpec): string | undefined {
  const where = (table: string, definition: string): string => `the column ${column.name} is ${table} in the table and ${definition} in the definition`
  if (existing.type !== column.type || existing.array !== column.array) return where(typeSql(existing), typeSql(column))
  const values = (allowed: readonly string[] | undefined): string => (allowed === undefined ? typeSql(column) : `one of ${allowed.join(', ')}`)
  if (values(existing.allowed?.toSorted()) !== values(column.allowed?.toSorted())) return where(values(existing.allowed), values(column.allowed))
  if (!isNotNull(column, spec) && !existing.nullable) return where(`${typeSql(existing)} NOT NULL`, `${typeSql(column)} or NULL`)
  return undefined
}

function limitOf(column: ColumnSpec, mode: 'discard_row' | 'discard_value', existing: ExistingColumn | undefined): ColumnLimit {
  const { name, field } = column
  const discard = mode === 'discard_row' ? 'row' : 'value'
  if (existing === undefined) return { name, field, discard, found: null }
  const { type, array, nullable, allowed } = existing
  return { name, field, discard, found: { type, array, nullable, ...(allowed === undefined ? {} : { allowed: [...allowed] }) } }
}

/** Everything that was found, column by column. */
interface Findings {
  readonly actions: string[]
  readonly problems: string[]
  readonly frozen: string[]
  readonly limits: ColumnLimit[]
}

function findColumn(findings: Findings, column: ColumnSpec, existing: ExistingColumn | undefined, spec: TableSpec, options: SchemaChangeOptions): void {
  const contract = spec.contract ?? schemaContractOf(undefined)
  const mode = existing === undefined ? contract.newColumns : contract.types
  if (mode === 'evolve') {
    const empty = options.empty ?? false
    const step = existing === undefined ? addStep(column, spec, empty) : alterStep(column, existing, spec, empty)
    if ('problem' in step) findings.problems.push(step.problem)
    else findings.actions.push(...step.actions)
    return
  }
  const difference =
    existing === undefined ? `the column ${column.name} is not in the table and ${typeSql(column)} in the definition` : differenceOf(column, existing, spec)
  if (difference === undefined) return
  if (mode === 'freeze') findings.frozen.push(difference)
  else if (options.required?.includes(column.name) === true)
    findings.problems.push(`Its contract says ${mode}, but ${difference}, and the asset cannot be written or checked without it.`)
  else findings.limits.push(limitOf(column, mode, existing))
}

/**
 * How an existing table becomes what its definition says: new columns are added, widening changes made, columns that only the table has are kept.
 * Anything else is a problem that names the column and both types. Where the contract leaves the table as it is, it says what it cannot take.
 * One ALTER TABLE for all, so that a large table is rewritten once.
 */
export function planSchemaChange(existing: readonly ExistingColumn[], spec: TableSpec, options: SchemaChangeOptions = {}): SchemaChange {
  const target = options.target ?? spec
  const byName = new Map(existing.map((column) => [column.name, column]))
  const findings: Findings = { actions: [], problems: [], frozen: [], limits: [] }
  for (const column of spec.columns) findColumn(findings, column, byName.get(column.name), spec, options)
  const known = new Set(spec.columns.map(({ name }) => name))
  const dropped = spec.contract?.droppedColumns ?? 'evolve'
  for (const column of existing.filter(({ name }) => !known.has(name))) {
    if (dropped === 'freeze') {
      findings.frozen.push(`the column ${column.name} is ${typeSql(column)} in the table and not in the definition`)
      continue
    }
    const step = orphanStep(column, dropped === 'evolve', column.primaryKey ?? false)
    if ('problem' in step) findings.problems.push(step.problem)
    else findings.actions.push(...step.actions)
  }
  const { actions, problems, frozen, limits } = findings
  if (problems.length > 0) return { statements: [], limits: [], problem: problems.join(' ') }
  if (frozen.length > 0) return { statements: [], limits: [], problem: `Its schema is frozen, and ${frozen.join('; ')}.`, frozen: true }
  const alter = actions.length === 0 ? [] : [`ALTER TABLE ${quoteTable(target)}\n  ${actions.join(',\n  ')}`]
  const limited = new Set(limits.filter(({ found }) => found === null).map(({ name }) => name))
  const described = spec.columns.filter(
    ({ name, description }) => !limited.has(name) && description !== undefined && byName.get(name)?.description !== description,
  )
  return { statements: [...alter, ...described.flatMap((column) => columnCommentSql(target, column))], limits }
}

import type { ColumnSpec, TableSpec } from '../definitions/column-spec.ts'
import { baseTypeOf, modifiersOf } from '../definitions/postgres-type.ts'
import { allowedConstraintName, allowedConstraintSql, columnCommentSql, columnSql, isNotNull, typeSql } from './create-table.ts'
import type { ExistingColumn } from './existing-columns.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'
import type { QualifiedName } from './identifier.ts'

/** What makes a table fit its definition. With a problem there are no statements. */
export interface SchemaChange {
  readonly statements: readonly string[]
  /** Why the table cannot become what its definition says: the column, both types, and what to do. */
  readonly problem?: string
}

export interface SchemaChangeOptions {
  /** Default: the table that the spec names. */
  readonly target?: QualifiedName
  /** Whether the table is known to hold no row; then columns may be added that allow no NULL. Default false. */
  readonly empty?: boolean
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

function stepFor(column: ColumnSpec, existing: ExistingColumn | undefined, spec: TableSpec, empty: boolean): Step {
  if (existing === undefined) {
    if (isNotNull(column, spec) && !empty) {
      return {
        problem:
          `The new column ${column.name} (${typeSql(column)}) allows no NULL, but the table has rows already, which would have none. ` +
          'Make the field .nullable(), or add the column yourself and fill it.',
      }
    }
    return { actions: [`ADD COLUMN ${columnSql(column, spec)}`] }
  }
  const type = typeStep(column, existing)
  if ('problem' in type) return type
  const allowed = allowedStep(column, existing, empty)
  if ('problem' in allowed) return allowed
  // A table that allows NULL where the definition does not is left so: nothing that we write needs it.
  const nulls = !isNotNull(column, spec) && !existing.nullable ? [`ALTER COLUMN ${quoteIdentifier(column.name)} DROP NOT NULL`] : []
  return { actions: [...type.actions, ...nulls, ...allowed.actions] }
}

/**
 * How an existing table becomes what its definition says: new columns are added, widening changes made, columns that only the table has are kept.
 * Anything else is a problem that names the column and both types. One ALTER TABLE for all, so that a large table is rewritten once.
 */
export function planSchemaChange(existing: readonly ExistingColumn[], spec: TableSpec, options: SchemaChangeOptions = {}): SchemaChange {
  const target = options.target ?? spec
  const empty = options.empty ?? false
  const byName = new Map(existing.map((column) => [column.name, column]))
  const actions: string[] = []
  for (const column of spec.columns) {
    const step = stepFor(column, byName.get(column.name), spec, empty)
    if ('problem' in step) return { statements: [], problem: step.problem }
    actions.push(...step.actions)
  }
  const known = new Set(spec.columns.map(({ name }) => name))
  const orphan = existing.find((column) => !known.has(column.name) && !column.nullable && !column.hasDefault)
  if (orphan !== undefined) {
    return {
      statements: [],
      problem:
        `The table's column ${orphan.name} (${typeSql(orphan)}) allows no NULL and has no default, and the definition has no field for it: no row could be inserted. ` +
        `Give the definition the field, or: ALTER TABLE … ALTER COLUMN ${quoteIdentifier(orphan.name)} DROP NOT NULL.`,
    }
  }
  const added = spec.columns.filter(({ name }) => !byName.has(name))
  const alter = actions.length === 0 ? [] : [`ALTER TABLE ${quoteTable(target)}\n  ${actions.join(',\n  ')}`]
  return { statements: [...alter, ...added.flatMap((column) => columnCommentSql(target, column))] }
}

import type * as z from 'zod'
import { longestIdentifier } from './asset-key.ts'
import { descriptionOf, shapeOf } from './column-shape.ts'
import type { ColumnSpec } from './column-spec.ts'
import { DefinitionError } from './definition-error.ts'

// Names that every Postgres table has already.
const systemColumns = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid'])

// Postgres' limit for a table.
const mostColumns = 1600

/** A field's name as a column: `lastSeenIP` is `last_seen_ip`. */
export function columnNameOf(field: string): string {
  return field
    .normalize('NFC')
    .replaceAll(/[^\p{L}\p{M}\p{N}_]+/gu, '_')
    .replaceAll(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1_$2')
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1_$2')
    .toLowerCase()
}

/** A description as Postgres keeps it as a comment: an empty one is none. */
export function storableComment(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text.toWellFormed().replaceAll('\0', '\u2400')
}

function columnOf(field: string, schema: z.core.$ZodType): ColumnSpec {
  const name = columnNameOf(field)
  if (name === '') throw new DefinitionError('leaves no name for a column. Rename it.')
  if (systemColumns.has(name)) throw new DefinitionError(`would be the column ${name}, which every Postgres table has already. Rename it.`)
  if (new TextEncoder().encode(name).length > longestIdentifier) {
    throw new DefinitionError(`would be the column ${name}, but Postgres keeps only ${String(longestIdentifier)} bytes of a name. Shorten it.`)
  }
  const shape = shapeOf(schema)
  const description = storableComment(descriptionOf(schema))
  if (shape.allowed?.some((value) => value.includes('\0') || !value.isWellFormed()) === true) {
    throw new DefinitionError('allows a text that Postgres cannot store: one with a NUL byte or half a character. Take it out.')
  }
  return {
    name,
    field,
    type: shape.type,
    array: shape.array,
    nullable: shape.undefined || shape.null,
    ...(shape.allowed === undefined ? {} : { allowed: [...shape.allowed] }),
    ...(description === undefined ? {} : { description }),
  }
}

/**
 * The columns that a table's zod object stands for, in its order.
 * @throws DefinitionError naming the field, where it has no column type, where two fields collide, and where a name is too long or taken.
 */
export function columnsOf(schema: z.ZodObject): ColumnSpec[] {
  const columns = Object.entries(schema.shape).map(([field, type]) => {
    try {
      return columnOf(field, type)
    } catch (error) {
      if (error instanceof DefinitionError) throw new DefinitionError(`The field ${JSON.stringify(field)} ${error.message}`, { cause: error })
      throw error
    }
  })
  if (columns.length === 0) throw new DefinitionError('A table needs at least one column.')
  if (columns.length > mostColumns) {
    throw new DefinitionError(`A table of ${String(columns.length)} columns cannot be: Postgres allows ${String(mostColumns)}.`)
  }
  const byName = new Map<string, string>()
  for (const { name, field } of columns) {
    const other = byName.get(name)
    if (other !== undefined) {
      throw new DefinitionError(`The fields ${JSON.stringify(other)} and ${JSON.stringify(field)} would both be the column ${name}. Rename one.`)
    }
    byName.set(name, field)
  }
  return columns
}

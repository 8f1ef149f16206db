import type { SchemaElement, SchemaTree } from 'hyparquet'
import { isListLike } from 'hyparquet/src/schema.js'
import type { InferredColumn } from './columns.ts'

interface DeclaredType {
  readonly code: string
  readonly kind: InferredColumn['kind']
}

/** The zod expression of a column that a Parquet schema declares. */
export function parquetCode(tree: SchemaTree): DeclaredType {
  const { element, children } = tree
  if (element.logical_type?.type === 'VARIANT') return { code: 'z.json()', kind: 'json' }
  if (isList(tree)) return listCode(children[0])
  if (children.length > 0) return { code: 'z.record(z.string(), z.unknown())', kind: 'json' }
  const leaf = leafCode(element)
  return element.repetition_type === 'REPEATED' ? { code: `z.array(${leaf.code})`, kind: 'array' } : leaf
}

function isList(tree: SchemaTree): boolean {
  const marked = tree.element.logical_type?.type === 'LIST' ? { ...tree, element: { ...tree.element, converted_type: 'LIST' as const } } : tree
  return tree.children.length > 0 && isListLike(marked)
}

function listCode(child: SchemaTree | undefined): DeclaredType {
  const element = child?.children.length === 1 ? child.children[0] : child
  if (element === undefined || element.children.length > 0) return { code: 'z.array(z.unknown())', kind: 'json' }
  const { code } = leafCode(element.element)
  return { code: `z.array(${code}${element.element.repetition_type === 'OPTIONAL' ? '.nullable()' : ''})`, kind: 'array' }
}

function leafCode(element: SchemaElement): DeclaredType {
  const { type, converted_type: converted, logical_type: logical } = element
  const kind = logical?.type
  if (kind === 'DECIMAL' || converted === 'DECIMAL') {
    const scale = element.scale ?? (logical?.type === 'DECIMAL' ? logical.scale : 0)
    const precision = element.precision ?? (logical?.type === 'DECIMAL' ? logical.precision : 38)
    return { code: `decimal(${String(precision)}, ${String(scale)})`, kind: 'decimal' }
  }
  if (logical?.type === 'TIMESTAMP') return { code: logical.isAdjustedToUTC ? 'z.iso.datetime()' : 'z.iso.datetime({ local: true })', kind: 'moment' }
  if (converted?.startsWith('TIMESTAMP') === true || type === 'INT96') return { code: 'z.iso.datetime()', kind: 'moment' }
  if (kind === 'DATE' || converted === 'DATE') return { code: 'z.iso.date()', kind: 'date' }
  if (kind === 'TIME' || converted?.startsWith('TIME_') === true) return { code: 'z.iso.time()', kind: 'time' }
  if (converted === 'INTERVAL') return { code: "z.string().meta({ postgres: 'interval' })", kind: 'text' }
  if (kind === 'UUID') return { code: 'z.guid()', kind: 'guid' }
  if (kind === 'JSON' || converted === 'JSON') return { code: 'z.json()', kind: 'json' }
  if (converted === 'UTF8' || converted === 'ENUM' || kind === 'STRING' || kind === 'ENUM') return { code: 'z.string()', kind: 'text' }
  const unsigned = converted?.startsWith('UINT_') === true || (logical?.type === 'INTEGER' && !logical.isSigned)
  if (type === 'INT64') return unsigned ? { code: "z.bigint().meta({ postgres: 'numeric(20,0)' })", kind: 'bigint' } : { code: 'z.bigint()', kind: 'bigint' }
  if (type === 'INT32') return unsigned ? { code: 'z.int()', kind: 'int' } : { code: 'z.int32()', kind: 'int32' }
  if (type === 'BOOLEAN') return { code: 'z.boolean()', kind: 'boolean' }
  if (type === 'FLOAT' || type === 'DOUBLE' || kind === 'FLOAT16') return { code: 'z.number()', kind: 'number' }
  return { code: 'bytes()', kind: 'any' }
}

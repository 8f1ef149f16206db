import type { ColumnSpec } from '../../definitions/column-spec.ts'
import { baseTypeOf } from '../../definitions/postgres-type.ts'
import { kindOf } from './value-kind.ts'
import type { ValueKind } from './value-kind.ts'

const read: readonly string[] = ['smallint', 'integer', 'bigint', 'real', 'double precision', 'boolean', 'text', 'character varying', 'citext']

/** How a column's values are looked at where they come as text: numbers, booleans and text are read, others only told apart. */
export function textKindOf(column: Pick<ColumnSpec, 'type' | 'array'>): ValueKind {
  const kind = kindOf(column)
  return kind === 'counted' || read.includes(baseTypeOf(column.type)) ? kind : 'opaque'
}

/**
 * Lines of text COPY as tuples of the binary one, so that one way of looking at values does for both. Only tables with a column that nobody but
 * Postgres can write in binary are loaded by text, so this may take its time.
 */
export function tuplesOfText(lines: Uint8Array, kinds: readonly ValueKind[]): Buffer {
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength)
  const parts: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf('\n', at)
    parts.push(sized(2, (two) => two.writeInt16BE(kinds.length)))
    for (const kind of kinds) {
      const tab = bytes.indexOf('\t', at)
      const stop = tab < 0 || tab > end ? end : tab
      const text = bytes.toString('utf8', at, stop)
      const value = text === '\\N' ? undefined : valueOf(kind, text)
      parts.push(sized(4, (four) => four.writeInt32BE(value?.length ?? -1)))
      if (value !== undefined) parts.push(value)
      at = stop + 1
    }
  }
  return Buffer.concat(parts)
}

function sized(length: number, write: (bytes: Buffer) => unknown): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  write(bytes)
  return bytes
}

const escapes: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', b: '\b', f: '\f', v: '\v' }

function valueOf(kind: ValueKind, text: string): Buffer {
  switch (kind) {
    case 'int2':
      return sized(2, (bytes) => bytes.writeInt16BE(Number(text)))
    case 'int4':
      return sized(4, (bytes) => bytes.writeInt32BE(Number(text)))
    case 'int8':
      return sized(8, (bytes) => bytes.writeBigInt64BE(BigInt(text)))
    case 'float4':
      return sized(4, (bytes) => bytes.writeFloatBE(Number(text)))
    case 'float8':
      return sized(8, (bytes) => bytes.writeDoubleBE(Number(text)))
    case 'boolean':
      return Buffer.from([text === 't' ? 1 : 0])
    case 'text':
    case 'opaque':
    case 'counted':
    case 'numeric':
      break
  }
  return Buffer.from(text.includes('\\') ? text.replaceAll(/\\(.)/gs, (_, one: string) => escapes[one] ?? one) : text)
}

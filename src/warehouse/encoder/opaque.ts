import type { CellWriter, FromBytes } from './cell-writer.ts'
import { copyPlain, copyText, text, textRefusal, writeText } from './text.ts'

// What Postgres' input functions take: text as it is, an array or an object as JSON (a pgvector is `[1,2,3]`).
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? undefined : value.toISOString()
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}

/** A type that only Postgres knows: we see to it that the text is text. */
export const opaque: CellWriter = {
  write(sink, value) {
    const written = textOf(value)
    return written !== undefined && writeText(sink, written)
  },
  refusal(value) {
    const written = textOf(value)
    return written === undefined ? `is a ${typeof value} that has no text form` : textRefusal(written)
  },
  text: (value) => textOf(value) ?? '',
}

const isPrintable = (byte = 0): boolean => byte > 0x20 && byte < 0x7f

// Whoever reads texts as columns want them takes white space off such a value, and writes a moment as ISO 8601 does.
const trimmed: FromBytes['write'] = (sink, bytes, start, end) => isPrintable(bytes[start]) && isPrintable(bytes[end - 1]) && copyText(sink, bytes, start, end)

/** Text of a type that only Postgres knows. */
export function opaqueText(type: string): CellWriter {
  const write: FromBytes['write'] = type.startsWith('timestamp') ? () => false : trimmed
  return { ...text, fromBytes: { token: 'string', write, writePlain: copyPlain } }
}

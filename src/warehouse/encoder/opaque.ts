import type { CellWriter } from './cell-writer.ts'
import { textRefusal, writeText } from './text.ts'

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

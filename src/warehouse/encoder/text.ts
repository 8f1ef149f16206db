import { modifiersOf } from '../../definitions/postgres-type.ts'
import { shown } from './cell-writer.ts'
import type { CellWriter, FromBytes } from './cell-writer.ts'
import { endOfPlain, plainBytes } from './json-scan.ts'
import { putInt32, reserve } from './sink.ts'
import type { Sink } from './sink.ts'

// Up to here a loop over the characters is quicker than calling into the engine, see bench/encode.ts.
const shortText = 96

/** Writes the cell of a text. False for a NUL byte or a lone surrogate. */
export function writeText(sink: Sink, value: string): boolean {
  const length = value.length
  reserve(sink, 4 + length * 3)
  const { bytes } = sink
  const start = sink.at + 4
  if (length <= shortText) {
    let index = 0
    for (; index < length; index++) {
      const code = value.charCodeAt(index)
      // 1 to 127 in one comparison.
      if ((code - 1) >>> 0 > 126) break
      bytes[start + index] = code
    }
    if (index === length) {
      putInt32(bytes, sink.at, length)
      sink.at = start + length
      return true
    }
  }
  if (value.includes('\0') || !value.isWellFormed()) return false
  const written = bytes.write(value, start, 'utf8')
  putInt32(bytes, sink.at, written)
  sink.at = start + written
  return true
}

export function textRefusal(value: unknown): string {
  if (typeof value !== 'string') return `is not text but ${value === null ? 'null' : typeof value}`
  if (value.includes('\0')) return 'contains a NUL byte, which Postgres text cannot hold'
  return `has a lone surrogate at character ${String([...value].findIndex((one) => !one.isWellFormed()) + 1)}, which UTF-8 cannot hold`
}

/** Copies the bytes of a text that is UTF-8 and has no NUL. */
export function copyText(sink: Sink, bytes: Buffer, start: number, end: number): boolean {
  const length = end - start
  reserve(sink, 4 + length)
  const target = sink.bytes
  const first = sink.at + 4
  if (length <= shortText) for (let index = 0; index < length; index++) target[first + index] = bytes[start + index] ?? 0
  else bytes.copy(target, first, start, end)
  putInt32(target, sink.at, length)
  sink.at = first + length
  return true
}

/** The same up to the first byte that a JSON string cannot hold as it is: looking and copying at once. */
export function copyPlain(sink: Sink, bytes: Buffer, start: number): number {
  reserve(sink, 4 + shortText)
  const target = sink.bytes
  const first = sink.at + 4
  let length = 0
  for (; length < shortText; length++) {
    const byte = bytes[start + length] ?? 0
    if (plainBytes[byte] === 0) {
      putInt32(target, sink.at, length)
      sink.at = first + length
      return start + length
    }
    target[first + length] = byte
  }
  const end = endOfPlain(bytes, start + length)
  copyText(sink, bytes, start, end)
  return end
}

/** `text`, and the types whose binary form is text's. */
export const text: CellWriter = {
  write: (sink, value) => typeof value === 'string' && writeText(sink, value),
  refusal: textRefusal,
  text: String,
  fromBytes: { token: 'string', write: copyText, writePlain: copyPlain },
}

/** `character varying(n)`: Postgres counts characters, not bytes, and would fail the whole COPY. */
export function varchar(type: string): CellWriter {
  const [most] = modifiersOf(type)
  if (most === undefined) return text
  const fits = (value: string): boolean => value.length <= most || (value.length <= 2 * most && [...value].length <= most)
  // No text has more characters than bytes.
  const fromBytes: FromBytes = { token: 'string', write: (sink, bytes, start, end) => end - start <= most && copyText(sink, bytes, start, end) }
  return {
    fromBytes,
    write: (sink, value) => typeof value === 'string' && fits(value) && writeText(sink, value),
    refusal: (value) =>
      typeof value === 'string' && !fits(value) ? `has ${String([...value].length)} characters, and ${type} keeps ${String(most)}` : textRefusal(value),
    text: String,
  }
}

/** A text of which a CHECK allows only some values. */
export function oneOf(allowed: readonly string[]): CellWriter {
  const values = new Set<unknown>(allowed)
  return {
    write: (sink, value) => values.has(value) && writeText(sink, value as string),
    refusal: (value) =>
      typeof value === 'string' && !values.has(value) ? `is none of ${allowed.slice(0, 20).join(', ')}: ${shown(value)}` : textRefusal(value),
    text: String,
  }
}

import type { Sink } from './sink.ts'

/** Writes the cell of the JSON value that begins at `at`: where it ends, or -1 where the cell does not take it or it is no JSON. */
export type JsonCell = (sink: Sink, bytes: Buffer, at: number) => number

/**
 * Writes values as they lie in a source's bytes, so that no JavaScript value is made of them. Of what it takes, Postgres' text input must read the same value.
 */
export interface FromBytes {
  /** What JSON writes such values as. */
  readonly token: 'string' | 'number' | 'boolean'
  /**
   * Writes the cell of the value whose text stands from `start` to `end`: UTF-8, without escapes, no control characters within.
   * False where that is not plainly such a value; the sink is then as it was, nothing is said of the value, and it is to be read and given to `write`.
   */
  readonly write: (sink: Sink, bytes: Buffer, start: number, end: number) => boolean
  /** How many bytes most such values have, where no byte of one can end a JSON string: then its end need not be looked for. */
  readonly sizes?: readonly number[]
  /** Of text: writes the cell of what stands from `start` up to the first byte that a JSON string cannot hold as it is, and answers where that is. */
  readonly writePlain?: (sink: Sink, bytes: Buffer, start: number) => number
}

/** Writes one type's values, never null, as binary COPY cells: a length and the bytes. */
export interface CellWriter {
  /** False when the value is not one of the type; the sink may then hold a part of the cell, and the row is taken back. */
  readonly write: (sink: Sink, value: unknown) => boolean
  /** Why `write` refused: a phrase that goes on after the column's name ("is not a date: 2023-02-30"). */
  readonly refusal: (value: unknown) => string
  /** The same value as Postgres' text input takes it. Only of values that `write` took. */
  readonly text: (value: unknown) => string
  readonly fromBytes?: FromBytes
  /** Of an array: what its elements are. */
  readonly elements?: ArrayElements
}

export interface ArrayElements {
  readonly writer: CellWriter
  readonly oid: number
  /** Whether an element may be null. */
  readonly nulls: boolean
}

/** A value as part of a phrase. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : describeValue(value)
  return (text.length > 60 ? `${text.slice(0, 60)}…` : text).toWellFormed()
}

/** The most of a value that an issue keeps, in UTF-16 code units. */
const longestValue = 200

/** A value as an issue shows it: JSON, cut short, always storable. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, longestValue)).slice(0, longestValue).toWellFormed()
  if (value instanceof Uint8Array) return `${String(value.length)} bytes`
  if (value === undefined || typeof value === 'number' || typeof value === 'bigint') return String(value)
  try {
    return (JSON.stringify(value) ?? typeof value).slice(0, longestValue).toWellFormed()
  } catch {
    return `an ${typeof value} that JSON cannot show`
  }
}

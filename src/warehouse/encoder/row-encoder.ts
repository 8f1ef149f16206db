import type { RowNotes } from '../row-notes.ts'
import type { RowOfText, TextRow, TextSource } from './text-row.ts'

/** One thing wrong with a row. */
export interface ColumnIssue {
  /** The column's name; `(row)` where it is the row itself. */
  readonly column: string
  /** What is wrong, as a sentence's end or zod's own message. */
  readonly message: string
  /** The value as JSON, at most 200 characters. */
  readonly value: string
  /** Whether it ends the load, wherever bad records go. */
  readonly frozen?: true
}

/** How far a stream had come, up to the next take. */
export interface RowMark {
  readonly rows: number
  readonly at: number
  /** What was left out of rows in hand. */
  readonly notes: number
  /** Fields of rows that the definition does not have. */
  readonly unknown: number
}

/** Turns rows into a COPY stream. Not to be shared between two streams at a time. */
export interface RowEncoder {
  /** What `COPY … FROM STDIN (FORMAT …)` must say. */
  readonly format: 'binary' | 'text'
  /** Checks a row and adds it. When there are issues nothing of the row is written, and every wrong column is named. */
  encode(row: unknown): readonly ColumnIssue[] | null
  /** The same for the rows of one record: all of them or none. */
  encodeAll(rows: readonly unknown[]): readonly ColumnIssue[] | null
  /** Whether rows can be encoded from their bytes: whether `encodeJson` and `textRow` are of use. */
  readonly readsBytes: boolean
  /**
   * Checks and adds the record whose JSON begins at `at` of UTF-8, from its bytes: where it ends. -1 where that does not go, and nothing is written: it is to be parsed
   * and given to `encode`, which says what is wrong with it, and to `meet`.
   */
  encodeJson(bytes: Buffer, at: number): number
  /** Takes in the names of a record that had to be parsed, so that those like it need not be. */
  meet(record: unknown): void
  /** How rows of text are written whose values are in one order; undefined where records must be made of them. `quote`: what stands doubled in values. */
  textRow(sourceOf: (field: string) => TextSource | undefined, quote: string): TextRow | undefined
  /** Checks and adds a row of text. False where it does not fit: nothing is written, and its record is to be given to `encode`. */
  encodeText(row: TextRow, values: RowOfText): boolean
  /** How far the stream has come. */
  mark(): RowMark
  /** Takes back all rows since a mark. */
  back(mark: RowMark): void
  /** Adds rows as they are: whole tuples of binary COPY, of the table's own types, `count` of them. Only where `format` is binary. */
  addTuples(tuples: Uint8Array, count: number): void
  /** Rows in the stream so far, those already taken included. */
  readonly rows: number
  /** What of the rows in the stream the table did not take, since the last call. Ask before `finish`. */
  notes(): RowNotes | undefined
  /** Bytes that `take` would give. */
  readonly bufferedBytes: number
  /** The stream's bytes since the last take; the header comes with the first. They are the caller's to keep. */
  take(): Uint8Array
  /** What is left and the trailer; a stream of no rows is a valid one too. Afterwards the encoder begins another stream; the bytes are good until then. */
  finish(): Uint8Array
  /** Lets others have its buffer until it is used again. The bytes that `finish` gave are no longer good. */
  rest(): void
}

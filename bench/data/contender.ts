import type { Effort } from './run-process.ts'

/** One way of moving a part's rows into a table. */
export interface Contender {
  readonly name: string
  /** The part of the rows that it is given, 0 to 1: less where all of them would take it minutes. Default all. */
  readonly share?: number
  /** What it fills: `schema.name`. Dropped before each turn; of a peer the whole schema, which is its own. */
  readonly table: string
  /** Columns for its table, where it wants one that is there. */
  readonly columns?: string
  /** Its rows, with the columns of the reference, where its own table has others. */
  readonly query?: string
  /** Whether it is Millrace: then a row that differs, or a failure, ends the bench. */
  readonly ours: boolean
  /** Moves that many rows. @throws Error when it cannot */
  load(rows: number): Promise<Effort>
}

/** What all are measured against: it fills `public.copied_<rows>`, and is right by definition. */
export interface Reference {
  readonly name: string
  readonly columns: string
  /** Makes what the contenders are given of so many rows; not measured. */
  prepare(rows: number): Promise<void>
  load(rows: number, table: string): Promise<Effort>
}

export const referenceTable = (rows: number): string => `public.copied_${String(rows)}`

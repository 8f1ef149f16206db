import type { DataError } from '../../errors.ts'

/** A line or row that is no record. */
export interface RecordFault {
  /** Within its page, from 0. */
  readonly line: number
  readonly error: DataError
  /** As it came, without its line break. */
  readonly text: string
}

/** Takes what is no record, so that the rest of its page is read. */
export type KeepFault = (fault: RecordFault) => void

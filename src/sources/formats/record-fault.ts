import type { PageFormat } from '../../definitions/page.ts'
import type { DataError } from '../../errors.ts'

/** A line, row or element that is no record. */
export interface RecordFault {
  /** Within its page, from 0. */
  readonly line: number
  readonly error: DataError
  /** As it came, without its line break; of one that is too large, its beginning. */
  readonly text: string
  /** As it came, where that is no UTF-8: `text` has U+FFFD in place of what is none. */
  readonly bytes?: Uint8Array
  /** How to read `text` again, where not as its page. */
  readonly format?: PageFormat
  /** Where it is, for messages, where lines do not say it: `record 3`. */
  readonly place?: string
}

/** Takes what is no record, so that the rest of its page is read. */
export type KeepFault = (fault: RecordFault) => void

import type { QueueBackend } from '../../src/queues/connection.ts'

/** What the parts of the bench are asked for. */
export interface DataOptions {
  /** Measured rounds, after one that warms up. */
  readonly tries: number
  readonly backend: QueueBackend
  /** Rows in place of each part's own number, for a quick look. */
  readonly rows: number | undefined
  /** Only the contenders whose name has one of these texts in it; none: all of them. */
  readonly only: readonly string[]
}

/** One measured part: interleaves its contenders, checks what each has written, and says its table, with ratios. */
export interface DataPart {
  readonly name: string
  readonly about: string
  measure(options: DataOptions, say: (line: string) => void): Promise<void>
}

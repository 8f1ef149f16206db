import { MillraceError } from '../errors.ts'

/** Bytes that a batch refers to are gone, or not what was written. */
export class SpoolLostError extends MillraceError {
  override readonly name = 'SpoolLostError'
  constructor(name: string, what: string, cause?: unknown) {
    super(`The spool file ${name} ${what}.`, {
      code: 'SPOOL_LOST',
      retryable: true,
      hint: 'The rows are made again from the source. If it happens often, look at the disk, and whether all workers mount the same spool.',
      cause,
    })
  }
}

import { MillraceError } from '../errors.ts'

/** The spool is full or does not answer, which says nothing about the bytes in it: whoever needs it waits. */
export class SpoolUnavailableError extends MillraceError {
  override readonly name = 'SpoolUnavailableError'
  constructor(message: string, options: { readonly code: 'SPOOL_FULL' | 'SPOOL_FAILED'; readonly hint: string; readonly cause?: unknown }) {
    super(message, { ...options, retryable: true })
  }

  get full(): boolean {
    return this.code === 'SPOOL_FULL'
  }
}

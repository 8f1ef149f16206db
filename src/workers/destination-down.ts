import pg from 'pg'
import { MillraceError } from '../errors.ts'
import type { DownKind, Hold } from './breaker.ts'
import { isConnectionLoss } from './failure.ts'

/** The destination is down: the work is given back until it is up again, and no attempt is counted. */
export class DestinationDownError extends MillraceError {
  override readonly name = 'DestinationDownError'
  readonly hold: Hold
  constructor(hold: Hold, cause: unknown) {
    super(`The destination is down: ${hold.reason}`, { code: 'DESTINATION_DOWN', retryable: true, cause })
    this.hold = hold
  }
}

/** A full disk, and a server that takes no writes: a standby, or one that was made read-only. */
const refusals: ReadonlySet<string> = new Set(['53100', '25006'])

/** Whether an error of a destination's statement says that the destination is down, and how. */
export function downKindOf(error: unknown): DownKind | undefined {
  if (error instanceof pg.DatabaseError && refusals.has(error.code ?? '')) return 'refusing'
  return isConnectionLoss(error) ? 'unreachable' : undefined
}

import { MillraceError } from '../errors.ts'
import { reasonOf } from '../postgres.ts'
import { isConnectionLoss } from '../workers/failure.ts'

/** What a command whose database or queue went away in its midst ends with, in place of what the socket said. */
export function tellAway(error: unknown): unknown {
  if (error instanceof MillraceError || !isConnectionLoss(error)) return error
  return new MillraceError(`The database or the queue does not answer: ${reasonOf(error)}`, {
    code: 'DATABASE_UNAVAILABLE',
    retryable: true,
    hint: 'What was launched goes on once it answers and a worker runs: see `millrace runs list`. `millrace doctor` looks at the whole installation.',
    cause: error,
  })
}

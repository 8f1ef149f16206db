import pg from 'pg'

/** What a user's function threw: told apart from what happens to us, because a lost database of theirs is a failed attempt and one of ours is not. */
export class UserCodeError extends Error {
  override readonly name = 'UserCodeError'
  constructor(cause: unknown) {
    super('user code threw', { cause })
  }
}

/** Runs a user's function; whatever it throws comes out marked as the user's. */
export async function callUserCode<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw new UserCodeError(error)
  }
}

const lostCodes = /^(08...|57P0[123]|53300|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|EAI_AGAIN)$/
const lostMessages =
  /Connection terminated|Query read timeout|connection timeout|timeout exceeded when trying to connect|Client has encountered a connection error|Connection is closed|the database system is/i

/** Whether a database of ours went away: the work is given back and tried again, and no attempt is counted. */
export function isConnectionLoss(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  // What a statement says of yet another server, one behind a foreign table, is an error like any other.
  if (error instanceof pg.DatabaseError && error.severity === 'ERROR' && code.startsWith('08')) return false
  return lostCodes.test(code) || lostMessages.test(error.message) || (error instanceof AggregateError && error.errors.some(isConnectionLoss))
}

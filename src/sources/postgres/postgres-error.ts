import { ConfigError, MillraceError, SourceError } from '../../errors.ts'
import { redactAnswer } from '../redact.ts'

/** Where something went wrong, for messages. */
export interface PostgresPlace {
  /** The server and its database, without credentials. */
  readonly name: string
  /** What must not be shown. */
  readonly secrets: readonly string[]
}

interface Verdict {
  readonly code: string
  readonly said: string
  readonly retryable: boolean
  readonly hint: string
}

const lost: Verdict = {
  code: 'POSTGRES_LOST',
  said: 'The connection was lost',
  retryable: true,
  hint: 'The step is tried again. If it happens often, look at the log of that server, and at proxies and firewalls on the way.',
}
const unreachable: Verdict = {
  code: 'POSTGRES_UNREACHABLE',
  said: 'It cannot be reached',
  retryable: true,
  hint: 'Look whether the server runs, and whether its address and port are right and open from here.',
}
const refused: Verdict = {
  code: 'POSTGRES_AUTH',
  said: 'It does not let us in',
  retryable: false,
  hint: 'Look at user, password, database and pg_hba.conf.',
}
const insecure: Verdict = {
  code: 'POSTGRES_TLS',
  said: 'No TLS connection came about',
  retryable: false,
  hint: 'Give the certificate of the authority as `connection: { ssl: { ca } }`, or, where the server has no TLS, no `ssl` and no `sslmode`.',
}
const timedOut: Verdict = {
  code: 'POSTGRES_TIMEOUT',
  said: 'A statement was cancelled by the server',
  retryable: true,
  hint: 'Raise `statementTimeoutMs`, or help the query by an index.',
}
const busy: Verdict = {
  code: 'POSTGRES_BUSY',
  said: 'It cannot do this now',
  retryable: true,
  hint: 'The step is tried again. If it happens often, look at the log of that server: its connections, memory, disk, or replication.',
}
const wrongQuery: Verdict = {
  code: 'POSTGRES_QUERY',
  said: 'It refuses the query',
  retryable: false,
  hint: 'Run the query in psql as this user, and mend it there.',
}

const tlsCodes = /^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/
const unreachableCodes = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOENT'])

/** By SQLSTATE or the system's code; else by the driver's words. */
function verdictOf(code: string, message: string): Verdict {
  if (tlsCodes.test(code) || /does not support SSL|SSL connection/i.test(message)) return insecure
  if (unreachableCodes.has(code) || /timeout expired|timeout exceeded/i.test(message)) return unreachable
  if (/^28|^3D/.test(code) || /SASL|SCRAM|password/i.test(message)) return refused
  if (code === '57014') return timedOut
  // Admin shutdown, crash shutdown, a session's own time-outs, class 08.
  if (/^57P0[125]|^25P0[34]|^08/.test(code)) return lost
  if (/^(?:53|55|57|58|40|XX)/.test(code)) return busy
  return /^[0-9A-Z]{5}$/.test(code) ? wrongQuery : lost
}

/** What a driver or server said, as an error of the source: without secrets, and with whether trying again can help. Errors of ours stay. */
export function postgresError(error: unknown, { name, secrets }: PostgresPlace): MillraceError {
  if (error instanceof MillraceError) return error
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  // Several addresses were tried in vain: the message is that of each.
  const text = error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : messageOf(error)
  const shown = redactAnswer(text, secrets)
  const { said, ...options } = verdictOf(code, text)
  const cause = Object.assign(new Error(shown), code === '' ? {} : { code })
  return new SourceError(`${name}: ${said}: ${shown || code}${/^[0-9A-Z]{5}$/.test(code) ? ` (${code})` : ''}`, { ...options, cause })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Nothing came for too long. */
export function silentError({ name }: PostgresPlace, idleTimeoutMs: number): SourceError {
  return new SourceError(`${name} has sent nothing for ${String(idleTimeoutMs / 1000)} s.`, {
    code: 'POSTGRES_SILENT',
    hint: 'If its query works that long before the first row, raise `idleTimeoutMs`; else look why it hangs (pg_stat_activity, locks).',
  })
}

/** The options ask for what cannot be. */
export function optionError(code: string, message: string, hint: string): ConfigError {
  return new ConfigError(message, { code, hint })
}

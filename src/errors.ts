/** What every error of Millrace carries besides its message. */
export interface ErrorOptions {
  /** Stable, upper case, for programs: `SOURCE_HTTP_STATUS`. */
  readonly code: string
  /** Whether the same step may succeed when tried again. */
  readonly retryable?: boolean
  /** What to do next, as one sentence. */
  readonly hint?: string
  /** Milliseconds before which another try is useless (a server's Retry-After). */
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

/** An error that says what happened, where, and what to do. Its class decides whether the step is tried again. */
export class MillraceError extends Error {
  override readonly name: string = 'MillraceError'
  readonly code: string
  readonly retryable: boolean
  readonly hint: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(message: string, options: ErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = options.code
    this.retryable = options.retryable ?? false
    this.hint = options.hint
    this.retryAfterMs = options.retryAfterMs
  }
}

/** The source answered badly or not at all. Retryable unless said otherwise. */
export class SourceError extends MillraceError {
  override readonly name = 'SourceError'
  constructor(message: string, options: ErrorOptions) {
    super(message, { retryable: true, ...options })
  }
}

/** A record does not fit its table: trying again changes nothing. */
export class DataError extends MillraceError {
  override readonly name = 'DataError'
}

/** The installation is set up wrongly: a variable, a file, a port. */
export class ConfigError extends MillraceError {
  override readonly name = 'ConfigError'
}

/** This worker's claim is no longer the current one; whatever it was doing is somebody else's now. */
export class FencedError extends MillraceError {
  override readonly name = 'FencedError'
  constructor(what: string) {
    super(`The claim on ${what} is no longer this worker's.`, { code: 'FENCED' })
  }
}

/** The form in which an error is stored and shown. */
export interface StoredError {
  readonly name: string
  readonly code: string
  readonly message: string
  readonly hint?: string
  readonly stack?: string
  readonly cause?: StoredError
}

/** An error and its chain of causes as plain data. NUL bytes and lone surrogates, which jsonb refuses, are replaced. */
export function storedError(error: unknown, depth = 0): StoredError {
  if (!(error instanceof Error)) return { name: 'Error', code: 'UNKNOWN', message: storableText(String(error)) }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN'
  const hint = 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined
  return {
    name: error.name,
    code,
    message: storableText(error.message),
    ...(hint === undefined ? {} : { hint: storableText(hint) }),
    ...(error.stack === undefined ? {} : { stack: storableText(error.stack) }),
    ...(error.cause === undefined || depth >= 5 ? {} : { cause: storedError(error.cause, depth + 1) }),
  }
}

/** Text that Postgres can store: no NUL, no lone surrogate. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\u2400').toWellFormed()
}

export function isRetryable(error: unknown): boolean {
  // An error of the user's own, or of a library, may pass by itself; ours say whether they can.
  return error instanceof MillraceError ? error.retryable : true
}

/** With a full stop, where what somebody threw has none. */
export function sentence(text: string): string {
  return /[.!?…]$/.test(text.trimEnd()) ? text : `${text}.`
}

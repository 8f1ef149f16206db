import type { Response } from 'express'
import * as z from 'zod'
import { MillraceError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { redactText } from '../redact.ts'

/** An error as the API answers it: problem details (RFC 9457) with a stable code. */
export const Problem = z
  .object({
    type: z.literal('about:blank').default('about:blank'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string().meta({ description: 'Stable, upper case, for programs.' }),
    hint: z.string().optional().meta({ description: 'What to do next.' }),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'What of the request is wrong, one by one.' }),
  })
  .meta({ id: 'Problem' })
export type Problem = z.output<typeof Problem>

/** HTTP status → its title; only these are answered as problems. */
const titles = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
} as const
export type ProblemStatus = keyof typeof titles

/** A refusal by the web server itself. */
export class HttpError extends MillraceError {
  override readonly name = 'HttpError'
  readonly status: ProblemStatus
  readonly errors: Problem['errors']
  constructor(status: ProblemStatus, code: string, message: string, options: { hint?: string; errors?: Problem['errors']; cause?: unknown } = {}) {
    super(message, { code, ...(options.hint === undefined ? {} : { hint: options.hint }), ...(options.cause === undefined ? {} : { cause: options.cause }) })
    this.status = status
    this.errors = options.errors
  }
}

/** Errors of ours that say to a caller what he needs, by code. */
const statusOfCode: Readonly<Record<string, ProblemStatus>> = {
  UNKNOWN_ASSET: 404,
  ASSET_EXTERNAL: 422,
  METADATA_INVALID: 422,
  IDEMPOTENCY_KEY_USED: 409,
  NOT_AUTOMATED: 404,
  UNKNOWN_JOB: 404,
  RUN_NOT_FAILED: 409,
  RUN_NOT_ENDED: 409,
  RUN_REDRIVES: 409,
  RUN_UNKNOWN: 404,
  RUN_KEY_INVALID: 422,
  TAG_INVALID: 422,
  TEXT_INVALID: 422,
  SELECTION_INVALID: 422,
  CONFIG_INVALID: 422,
  LOCATION_NOT_LOADED: 409,
  LOCATION_AMBIGUOUS: 409,
  LOCATION_UNKNOWN: 404,
  LOCATION_IN_USE: 409,
  MANIFEST_UNREADABLE: 409,
  NO_PARTITIONS: 422,
  ONE_PARTITION_PER_RUN: 422,
  JOB_OF_ASSETS: 422,
  PARTITION_NEEDED: 422,
  PARTITIONS_DIFFER: 422,
  PARTITION_RANGE_INVALID: 422,
  PARTITION_KEY_INVALID: 422,
  TOO_MANY_PARTITIONS: 422,
  REDRIVE_NO_TABLE: 422,
  REDRIVE_PARTITIONS: 422,
  REFRESH_EACH_BATCH: 422,
  REFRESH_PARTITIONS: 422,
  UNKNOWN_PARTITION: 422,
  UNKNOWN_PARTITIONS: 404,
  NOTHING_TO_BACKFILL: 422,
  BACKFILL_INVALID: 422,
  BACKFILL_CANCELING: 409,
  BACKFILL_NOT_FAILED: 409,
  UNKNOWN_BACKFILL: 404,
  QUEUE_UNAVAILABLE: 503,
}

// SQLSTATE classes 08, 57P and 53 and what the socket says while Postgres is away.
const databaseAway = /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EPIPE|ETIMEDOUT|08\w{3}|57P0[1-5]|53\w{3})$/

/** What went wrong, as the caller may see it. Whatever is not his doing says no more than that it is logged. */
export function problemOf(error: unknown): Problem {
  if (error instanceof HttpError) {
    return problem(error.status, error.code, error.message, { hint: error.hint, errors: error.errors })
  }
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const known = code === undefined ? undefined : statusOfCode[code]
  if (error instanceof MillraceError && known !== undefined) return problem(known, error.code, error.message, { hint: error.hint })
  if (
    (code !== undefined && databaseAway.test(code)) ||
    (error instanceof Error && /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout)/.test(error.message))
  ) {
    return problem(503, 'DATABASE_UNAVAILABLE', 'The database does not answer.', { hint: 'See /readyz, and try again.' })
  }
  // character_not_in_repertoire and untranslatable_character: what came by a way that did not look for them.
  if (code === '22021' || code === '22P05') return problem(422, 'TEXT_INVALID', 'The request has text that Postgres cannot store, as the character NUL.')
  const body = bodyProblem(error)
  if (body !== undefined) return problem(body.status, 'BODY_INVALID', body.detail, { hint: body.hint })
  return problem(500, 'INTERNAL', 'Something failed inside the board.', { hint: 'Its log says what.' })
}

/** What the parser of bodies throws. */
function bodyProblem(error: unknown): { readonly status: ProblemStatus; readonly detail: string; readonly hint?: string } | undefined {
  if (!(error instanceof Error) || !('type' in error) || !('status' in error)) return undefined
  if (error.status === 413) {
    const most = 'limit' in error && typeof error.limit === 'number' ? `the ${error.limit.toLocaleString('en')} bytes that are taken` : 'is taken'
    return { status: 413, detail: `The body is larger than ${most}.`, hint: 'Send less at once, or where it is instead of all of it.' }
  }
  if (error.type === 'entity.parse.failed')
    return { status: 400, detail: `The body is no JSON object or array: ${error.message}.`, hint: 'See /api/openapi.json.' }
  return error.status === 400 || error.status === 415 ? { status: error.status, detail: error.message } : undefined
}

function problem(status: ProblemStatus, code: string, detail: string, more: { hint?: string | undefined; errors?: Problem['errors'] } = {}): Problem {
  return {
    type: 'about:blank',
    title: titles[status],
    status,
    detail: redactText(detail),
    code,
    ...(more.hint === undefined ? {} : { hint: more.hint }),
    ...(more.errors === undefined ? {} : { errors: more.errors }),
  }
}

/** Answers with a problem; logs what is not the caller's doing. */
export function sendProblem(response: Response, error: unknown, logger: Logger): void {
  const answer = problemOf(error)
  if (answer.status >= 500 && answer.status !== 503) logger.error({ err: error }, 'request failed')
  if (response.headersSent) {
    response.end()
    return
  }
  response.status(answer.status).type('application/problem+json').send(JSON.stringify(answer))
}

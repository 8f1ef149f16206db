import * as z from 'zod'
import { SourceError } from '../errors.ts'
import { bytesAt, valueAt } from './formats/json-array.ts'
import type { FetchedPage } from './paging.ts'
import { redactAnswer, redactUrl } from './redact.ts'

export interface GraphqlGuardOptions {
  /** The way to the connection or list. */
  readonly list: readonly string[]
  /** Whether it must have a `pageInfo`. */
  readonly relay: boolean
  /** Hidden in what the server says. */
  readonly secrets: readonly string[]
}

/** Errors that a message shows, and characters of each. */
const shownErrors = 3
const shownMessage = 300

/** Codes of errors that asking again does not mend (by custom: `extensions.code`). */
const lasting =
  /^(?:GRAPHQL_.*|BAD_USER_INPUT|UNAUTHENTICATED|UNAUTHORIZED|FORBIDDEN|NOT_FOUND|PERSISTED_QUERY_.*|OPERATION_RESOLUTION_FAILURE|BAD_REQUEST|MAX_COST_EXCEEDED|undefinedField|missingRequiredArguments)$/

const GraphqlError = z.object({
  message: z.string(),
  path: z.array(z.union([z.string(), z.number()])).nullish(),
  extensions: z.looseObject({ code: z.string().optional() }).nullish(),
  /** GitHub's place for it. */
  type: z.string().optional(),
})

/** Looks at an answer before it is used: GraphQL says 200 to what failed, wholly or in part. */
export function graphqlGuard(options: GraphqlGuardOptions): (page: FetchedPage) => void {
  return (page) => {
    refuseErrors(page, options.secrets)
    const found = bytesAt(page.body, options.list)
    if (found === undefined || found[0] === 0x6e) throw nothingThere(page, options.list, found === undefined)
    if (!options.relay || typeof valueAt(page.body, [...options.list, 'pageInfo', 'hasNextPage']) === 'boolean') return
    // Taken for the last page, it would leave the others out without a word.
    throw new SourceError(`POST ${redactUrl(page.url)} answered without ${[...options.list, 'pageInfo', 'hasNextPage'].join('.')}`, {
      code: 'GRAPHQL_PAGE_INFO',
      retryable: false,
      hint: 'Ask for `pageInfo { hasNextPage endCursor }` in the connection, or say another paging.',
    })
  }
}

function refuseErrors(page: FetchedPage, secrets: readonly string[]): void {
  const errors = valueAt(page.body, ['errors'])
  if (errors === undefined || errors === null || (Array.isArray(errors) && errors.length === 0)) return
  const told = (Array.isArray(errors) ? errors : [errors]).map((error: unknown) => GraphqlError.safeParse(error).data ?? { message: JSON.stringify(error) })
  const shown = told.slice(0, shownErrors).map(({ message, path }) => {
    const text = redactAnswer(message, secrets).replaceAll(/\s+/g, ' ').trim()
    const short = `${text.slice(0, shownMessage)}${text.length > shownMessage ? '…' : ''}`
    return path === undefined || path === null ? short : `${short} (at ${path.join('.')})`
  })
  const more = told.length > shownErrors ? `; and ${String(told.length - shownErrors)} more` : ''
  const codes = told.map((error) => error.extensions?.code ?? error.type ?? '')
  throw new SourceError(`POST ${redactUrl(page.url)} answered with errors: ${shown.join('; ')}${more}`, {
    code: 'GRAPHQL_ERRORS',
    retryable: !codes.some((code) => lasting.test(code)),
    hint: 'Nothing of this answer was used. Mend the query, its variables or the rights of the credentials; what the server could not do may pass.',
  })
}

function nothingThere(page: FetchedPage, list: readonly string[], missing: boolean): SourceError {
  return new SourceError(`POST ${redactUrl(page.url)} answered with ${missing ? 'nothing' : 'null'} at ${list.join('.')}`, {
    code: 'GRAPHQL_PATH',
    retryable: false,
    hint: 'Compare `path` with the query and its aliases. null is often what does not exist, or what the credentials may not see.',
  })
}

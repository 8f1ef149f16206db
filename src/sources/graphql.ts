import type { Json, JsonObject } from '../definitions/json.ts'
import type { RawPage } from '../definitions/page.ts'
import { graphqlGuard } from './graphql-answer.ts'
import { secretsOfAuth } from './http-auth.ts'
import type { HttpClient, HttpClientOptions } from './http.ts'
import type { Paging } from './paging.ts'
import { rest } from './rest.ts'

/**
 * How the next page is asked for. `relay`: by the cursor of `pageInfo { hasNextPage endCursor }`, which the query must ask for, in a variable (default `after`).
 * `offset`: by a variable that counts records, until an empty page or, with `total`, up to the number at that path below `data`. `none`: there is but one page.
 */
export type GraphqlPaging =
  | { readonly kind: 'relay'; readonly variable?: string }
  | {
      readonly kind: 'offset'
      readonly variable: string
      readonly size: { readonly variable: string; readonly value: number }
      readonly total?: readonly string[]
    }
  | { readonly kind: 'none' }

export interface GraphqlOptions extends HttpClientOptions {
  /** Where queries are posted to. */
  readonly url: string | URL
  readonly query: string
  readonly variables?: JsonObject
  readonly operationName?: string
  /** The way below `data` to the connection, or to the list of records: `['repository', 'issues']`. */
  readonly path: readonly string[]
  /** Default `relay`. */
  readonly paging?: GraphqlPaging
  /** What a connection's records are: its `nodes` (default), or its `edges`, which hold each node with its cursor. */
  readonly records?: 'nodes' | 'edges'
  /** How many pages may be under way, where their number is known. Default 1. */
  readonly concurrency?: number
  /** An HTTP client in place of one from these options: a resource's. */
  readonly client?: HttpClient
  readonly signal?: AbortSignal
  /** `context.position`: where an earlier attempt stopped. */
  readonly position?: Json | undefined
  /** Handed to `transform` with every page. */
  readonly extra?: Json
}

/**
 * Fetches a connection or list of a GraphQL API page by page. Each page carries the position to go on from, so the asset may say `resumable: true`.
 * An answer with errors is never loaded, not even the part of it that is there.
 * @throws SourceError as `rest` does; `GRAPHQL_ERRORS` with their messages and paths; `GRAPHQL_PATH` where nothing is at the path, `GRAPHQL_PAGE_INFO`
 */
export async function* graphql(options: GraphqlOptions): AsyncGenerator<RawPage, void, undefined> {
  const { path, query, variables = {}, operationName, paging = { kind: 'relay' }, records = 'nodes', ...common } = options
  const list = ['data', ...path]
  yield* rest({
    ...common,
    method: 'POST',
    accept: 'application/graphql-response+json, application/json;q=0.9',
    body: { query, variables, ...(operationName === undefined ? {} : { operationName }) },
    path: paging.kind === 'relay' ? [...list, records] : list,
    paging: restPaging(paging, list),
    inspect: graphqlGuard({ list, relay: paging.kind === 'relay', secrets: secretsOfAuth(options.auth) }),
  })
}

function restPaging(paging: GraphqlPaging, list: readonly string[]): Paging {
  if (paging.kind === 'none') return paging
  if (paging.kind === 'relay') {
    const info = [...list, 'pageInfo']
    return { kind: 'cursor', from: [...info, 'endCursor'], more: [...info, 'hasNextPage'], parameter: ['variables', paging.variable ?? 'after'] }
  }
  return {
    kind: 'offset',
    parameter: ['variables', paging.variable],
    size: { parameter: ['variables', paging.size.variable], value: paging.size.value },
    ...(paging.total === undefined ? {} : { total: ['data', ...paging.total] }),
  }
}

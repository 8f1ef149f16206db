import type { Json, JsonObject } from '../definitions/json.ts'
import type { HttpClient, HttpClientOptions } from './http.ts'
import type { ListRequest } from './page-request.ts'
import type { FetchedPage, Paging } from './paging.ts'
import type { PagedList } from './walk-pages.ts'

/** A list of an API: how it is asked for, and how it comes. */
export interface RestList {
  /** Default GET, or POST where there is a body. A POST is taken for a search: it is sent again where a GET would be. */
  readonly method?: 'GET' | 'POST'
  /** The kind of answer that is asked for, where no header says so. Default `application/json`. */
  readonly accept?: string
  /** Query parameters, besides those of the address. */
  readonly query?: Readonly<Record<string, string | number | boolean>>
  /** Where the array of records is in a page: `['data', 'orders']`. Default: the page is the array. */
  readonly path?: readonly string[]
  /** How to find the next page. Default: there is only the one. */
  readonly paging?: Paging
}

/** The list whose records' own lists are asked for. */
export interface RestParent extends RestList {
  readonly url: string | URL
  /** Posted as JSON. */
  readonly body?: JsonObject
  /** The fields that are handed to `transform` as `context.page`. Default: all of them. */
  readonly fields?: readonly string[]
}

interface RestCommon extends HttpClientOptions, RestList {
  /** What is at `path` is one record, not an array of them. */
  readonly single?: boolean
  /** How many requests may be under way: pages, where it is known how many there are, and children. Default 1. Pages come in their order all the same. */
  readonly concurrency?: number
  /** An HTTP client in place of one from these options: a resource's. */
  readonly client?: HttpClient
  /** Looks at each page before it is used; throws where it is none. */
  readonly inspect?: (page: FetchedPage) => void
  readonly signal?: AbortSignal
  /** `context.position`: where an earlier attempt stopped. */
  readonly position?: Json | undefined
}

export interface RestListOptions extends RestCommon {
  readonly url: string | URL
  /** Posted as JSON. */
  readonly body?: JsonObject
  /** Handed to `transform` with every page. */
  readonly extra?: Json
  readonly parent?: undefined
}

export interface RestChildrenOptions extends RestCommon {
  readonly parent: RestParent
  /** A child's address, relative or whole: with fields of its parent in braces, `/orders/{id}/lines`, or a function of the parent. */
  readonly url: string | ((parent: JsonObject) => string | URL)
  /** Posted as JSON. */
  readonly body?: JsonObject | ((parent: JsonObject) => JsonObject)
  /** Whether a child that is not there (404) counts as one without records. Default: it is an error. */
  readonly skipMissing?: boolean
}

export type RestOptions = RestListOptions | RestChildrenOptions

/** What all lists of one extraction share. */
export type ListCommon = Pick<PagedList, 'client' | 'signal' | 'ahead' | 'secrets'>

export function pagedList(list: RestList & Pick<RestCommon, 'inspect'>, request: ListRequest, common: ListCommon): PagedList {
  const { paging = { kind: 'none' }, path = [], inspect } = list
  return { request, paging, path, ...common, ...(inspect === undefined ? {} : { inspect }) }
}

export function listRequest(list: RestList, url: URL, body: JsonObject | undefined): ListRequest {
  const asked = new URL(url)
  for (const [name, value] of Object.entries(list.query ?? {})) asked.searchParams.set(name, String(value))
  // Headers are the client's: they go with every request.
  return { url: asked, method: list.method, body, headers: {}, ...(list.accept === undefined ? {} : { accept: list.accept }) }
}

import type { Json, JsonObject } from '../definitions/json.ts'
import { SourceError } from '../errors.ts'
import { withoutSecrets } from './http-auth.ts'
import type { HttpRequest } from './http-exchange.ts'
import { firstPlace } from './paging.ts'
import type { FetchedPage, Paging, RequestField } from './paging.ts'
import { redactUrl } from './redact.ts'

/** The request for the first page of a list. */
export interface ListRequest {
  readonly url: URL
  /** Default GET, or POST where there is a body. */
  readonly method: 'GET' | 'POST' | undefined
  /** Posted as JSON. */
  readonly body: JsonObject | undefined
  readonly headers: Readonly<Record<string, string>>
  /** The kind of answer. Default `application/json`. */
  readonly accept?: string
}

/** Whether a paging's places are addresses. */
export function isByAddress(paging: Paging): boolean {
  return paging.kind === 'link' || paging.kind === 'url' || paging.kind === 'next'
}

/** The request for a page; undefined as its place means the first one. */
export function pageRequest(list: ListRequest, paging: Paging, place: Json | undefined): HttpRequest & { readonly url: URL } {
  const { url, body } = fieldsOf(paging, place).reduce(withField, { url: addressOf(list.url, paging, place), body: list.body })
  const method = list.method ?? (body === undefined ? 'GET' : 'POST')
  const posted = body === undefined ? {} : { body: JSON.stringify(body), contentType: 'application/json' }
  return { url, method, accept: list.accept ?? 'application/json', headers: list.headers, repeatable: true, ...posted }
}

function addressOf(first: URL, paging: Paging, place: Json | undefined): URL {
  if (!isByAddress(paging) || typeof place !== 'string') return new URL(first)
  const url = new URL(place, first)
  // They are neither stored with a place nor written in links.
  url.username = first.username
  url.password = first.password
  return url
}

type Field = readonly [RequestField, Json]

function fieldsOf(paging: Paging, place: Json | undefined): Field[] {
  if (paging.kind === 'cursor') return place === undefined ? [] : [[paging.parameter, place]]
  if (paging.kind !== 'number' && paging.kind !== 'offset') return []
  const size: Field[] = paging.size === undefined ? [] : [[paging.size.parameter, paging.size.value]]
  return [[paging.parameter, place ?? firstPlace(paging)], ...size]
}

interface Parts {
  readonly url: URL
  readonly body: JsonObject | undefined
}

function withField({ url, body }: Parts, [field, value]: Field): Parts {
  if (typeof field !== 'string') return { url, body: withValue(body ?? {}, field, value) }
  url.searchParams.set(field, typeof value === 'string' ? value : JSON.stringify(value))
  return { url, body }
}

/** A copy with a value at a path. */
function withValue(holder: JsonObject, [name, ...rest]: readonly string[], value: Json): JsonObject {
  if (name === undefined) return holder
  const inner = holder[name]
  const known = typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? (inner as JsonObject) : {}
  return { ...holder, [name]: rest.length === 0 ? value : withValue(known, rest, value) }
}

/**
 * The place of the next page as it is stored: an address whole and without secrets.
 * @throws SourceError `SOURCE_NEXT_PAGE` where it is this very page, or on another server
 */
export function checkedPlace(paging: Paging, here: Json | undefined, next: Json, page: FetchedPage, secrets: readonly string[]): Json {
  if (!isByAddress(paging)) {
    if (JSON.stringify(next) === JSON.stringify(here)) throw nextPageError(page, 'cursor', JSON.stringify(next), 'the one it was asked with')
    return next
  }
  const url = typeof next === 'string' ? URL.parse(next, page.url) : null
  if (url === null) throw nextPageError(page, 'page', typeof next === 'string' ? redactUrl(next) : JSON.stringify(next), 'no address')
  const own = new URL(page.url)
  if (url.origin !== own.origin) throw nextPageError(page, 'page', redactUrl(url), 'on another server')
  url.username = ''
  url.password = ''
  url.hash = ''
  const clean = withoutSecrets(url, secrets)
  own.username = ''
  own.password = ''
  if (clean.href === withoutSecrets(own, secrets).href) throw nextPageError(page, 'page', redactUrl(url), 'the page itself')
  return clean.href
}

export function nextPageError(page: FetchedPage, what: 'cursor' | 'page', named: string, problem: string): SourceError {
  return new SourceError(`${redactUrl(page.url)} names as its next ${what} ${named}, which is ${problem}`, {
    code: 'SOURCE_NEXT_PAGE',
    retryable: false,
    // Credentials would go there as well.
    hint: 'See how this API pages. A next page on another server is not followed.',
  })
}

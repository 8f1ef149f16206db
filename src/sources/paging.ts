import type { Json } from '../definitions/json.ts'
import { SourceError } from '../errors.ts'
import { isEmptyArrayAt, valueAt } from './formats/json-array.ts'
import { nextLink } from './link-header.ts'
import { redactUrl } from './redact.ts'

/** A page as a paging rule sees it. */
export interface FetchedPage {
  readonly url: string
  /** How many pages came before, plus one. */
  readonly number: number
  readonly headers: Headers
  /** The body as it came, in order. */
  readonly parts: readonly Uint8Array[]
  /** The body in one piece; put together when first asked for. */
  readonly body: Buffer
  /** The page parsed, once, when asked for. Costs what it costs; where headers say enough, use them. */
  readonly json: () => unknown
}

/** Where a request says which page it wants: a query parameter, or a path into the body that is posted. */
export type RequestField = string | readonly string[]

/** Where an answer says something: a path into it, which is read without parsing the rest, or a function. */
export type AnswerField<Value> = readonly string[] | ((page: FetchedPage) => Value | undefined)

/** Counted pages: what chooses one, and when to stop. */
interface Counted {
  /** What carries the number or offset. */
  readonly parameter: RequestField
  /** The first number (default 1) or offset (default 0). */
  readonly first?: number
  /** How many pages or, for offsets, records there are in all. Without it, the pages end with an empty one. */
  readonly total?: AnswerField<number>
}

interface PageSize {
  readonly parameter: RequestField
  readonly value: number
}

/**
 * How to find the next page.
 * `none`: there is but one. `link`: by the header `Link: rel="next"`. `number`, `offset`: by counting, until an empty page or a known count; `totalRecords` is
 * a count of records where pages are numbered. `cursor`: by a value in the answer, which the next request repeats, until there is none, or `more` is false.
 * `url`: by an address in the answer. `next`: by a function that answers the next page's address, relative or whole, undefined after the last.
 */
export type Paging =
  | { readonly kind: 'none' }
  | { readonly kind: 'link' }
  | (Counted & { readonly kind: 'number'; readonly size?: PageSize })
  | (Omit<Counted, 'total'> & { readonly kind: 'number'; readonly size: PageSize; readonly totalRecords: AnswerField<number>; readonly total?: never })
  | (Counted & { readonly kind: 'offset'; readonly size: PageSize })
  | { readonly kind: 'cursor'; readonly from: AnswerField<Json>; readonly parameter: RequestField; readonly more?: AnswerField<boolean> }
  | { readonly kind: 'url'; readonly from: readonly string[] }
  | { readonly kind: 'next'; readonly next: (page: FetchedPage) => string | undefined }

export type CountedPaging = Extract<Paging, { kind: 'number' | 'offset' }>

/** Where the next page is: its address, number, offset or cursor. `end`: this one is the last; `empty`: this one has no records and so ends the count. */
export type NextPlace = 'end' | 'empty' | { readonly place: Json }

/** @throws SourceError `SOURCE_NEXT_PAGE` where a page says that there are more, but not where. */
export function nextPlace(paging: Paging, path: readonly string[], page: FetchedPage, place: Json | undefined): NextPlace {
  if (paging.kind === 'none') return 'end'
  if (paging.kind === 'link') return placeOrEnd(nextLink(page.headers.get('link')))
  if (paging.kind === 'next') return placeOrEnd(paging.next(page))
  if (paging.kind === 'url') return placeOrEnd(valueAt(page.body, paging.from))
  return paging.kind === 'cursor' ? nextCursor(paging, page) : nextCount(paging, path, page, place)
}

function placeOrEnd(place: Json | undefined): NextPlace {
  return place === undefined || place === null || place === '' || place === false ? 'end' : { place }
}

function nextCursor(paging: Extract<Paging, { kind: 'cursor' }>, page: FetchedPage): NextPlace {
  const more = paging.more === undefined ? undefined : answered(paging.more, page)
  if (more === false) return 'end'
  const next = placeOrEnd(answered(paging.from, page))
  if (next !== 'end' || more !== true) return next
  throw new SourceError(`${redactUrl(page.url)} says that there are more pages, but has no cursor for the next one`, {
    code: 'SOURCE_NEXT_PAGE',
    retryable: false,
    hint: 'See how this API pages, and where its answers have the cursor.',
  })
}

function nextCount(paging: CountedPaging, path: readonly string[], page: FetchedPage, place: Json | undefined): NextPlace {
  const first = firstPlace(paging)
  const here = typeof place === 'number' ? place : first
  const step = stepOf(paging)
  const end = endOf(paging, page)
  if (end !== undefined) return here + step >= end ? 'end' : { place: here + step }
  const empty = isEmptyArrayAt(page.parts[0] ?? page.body, path) ?? isEmptyArrayAt(page.body, path)
  // No array there at all: the last page, for whoever parses it to say what is wrong.
  if (empty === undefined) return 'end'
  return empty ? 'empty' : { place: here + step }
}

/** The first number or offset that is no page any more, where the answer says so. */
export function endOf(paging: CountedPaging, page: FetchedPage): number | undefined {
  const byRecords = 'totalRecords' in paging ? numberOf(answered(paging.totalRecords, page)) : undefined
  if (byRecords !== undefined) return firstPlace(paging) + Math.ceil(byRecords / (paging.size?.value ?? 1))
  const total = paging.total === undefined ? undefined : numberOf(answered(paging.total, page))
  return total === undefined ? undefined : firstPlace(paging) + total
}

/** The number or offset of the first page. */
export function firstPlace(paging: CountedPaging): number {
  return paging.first ?? (paging.kind === 'number' ? 1 : 0)
}

/** From one page's number or offset to the next one's. */
export function stepOf(paging: CountedPaging): number {
  return paging.kind === 'number' ? 1 : paging.size.value
}

function answered<Value>(field: AnswerField<Value>, page: FetchedPage): Value | Json | undefined {
  return typeof field === 'function' ? field(page) : valueAt(page.body, field)
}

function numberOf(value: Json | undefined): number | undefined {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined
}

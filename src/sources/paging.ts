import { isEmptyArrayAt } from './formats/json-array.ts'
import { nextLink } from './link-header.ts'

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

/** Counted pages: the query parameters that choose one, and when to stop. */
interface Counted {
  /** The query parameter that carries the number or offset. */
  readonly parameter: string
  /** The first number (default 1) or offset (default 0). */
  readonly first?: number
  /** How many pages or, for offsets, records there are in all. Without it, the pages end with an empty one. */
  readonly total?: (page: FetchedPage) => number | undefined
}

/**
 * How to find the next page: none; by the header `Link: rel="next"`; by a page number or an offset, until an empty page or a known count;
 * or by a function that answers the next page's address (relative or whole), undefined after the last.
 */
export type Paging =
  | { readonly kind: 'none' }
  | { readonly kind: 'link' }
  | (Counted & { readonly kind: 'number'; readonly size?: { readonly parameter: string; readonly value: number } })
  | (Counted & { readonly kind: 'offset'; readonly size: { readonly parameter: string; readonly value: number } })
  | { readonly kind: 'next'; readonly next: (page: FetchedPage) => string | undefined }

/** The address, number or offset of the next page; undefined after the last; `empty` where this one has no records and so ends the count. */
export function nextPlace(paging: Paging, path: readonly string[], page: FetchedPage, place: string | number | undefined): string | number | undefined {
  if (paging.kind === 'none') return undefined
  if (paging.kind === 'link') return nextLink(page.headers.get('link'))
  if (paging.kind === 'next') return paging.next(page)
  const first = firstPlace(paging)
  const here = typeof place === 'number' ? place : first
  const step = paging.kind === 'number' ? 1 : paging.size.value
  const total = paging.total?.(page)
  if (total !== undefined) return here - first + step >= total ? undefined : here + step
  const empty = isEmptyArrayAt(page.parts[0] ?? page.body, path) ?? isEmptyArrayAt(page.body, path)
  // No array there at all: the last page, for whoever parses it to say what is wrong.
  if (empty === undefined) return undefined
  return empty ? 'empty' : here + step
}

/** The number or offset of the first page. */
export function firstPlace(paging: Extract<Paging, { kind: 'number' | 'offset' }>): number {
  return paging.first ?? (paging.kind === 'number' ? 1 : 0)
}

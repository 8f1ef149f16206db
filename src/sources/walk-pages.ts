import type { Json } from '../definitions/json.ts'
import { SourceError } from '../errors.ts'
import { bracketsOf } from './formats/json-array.ts'
import { parseDocument } from './formats/json.ts'
import type { HttpClient } from './http.ts'
import { checkedPlace, isByAddress, nextPageError, pageRequest } from './page-request.ts'
import type { ListRequest } from './page-request.ts'
import { endOf, nextPlace, stepOf } from './paging.ts'
import type { FetchedPage, Paging } from './paging.ts'
import { redactUrl } from './redact.ts'
import { withBody } from './whole-body.ts'

/** A list that comes in pages. */
export interface PagedList {
  readonly request: ListRequest
  readonly paging: Paging
  /** Where the array of records is in a page. */
  readonly path: readonly string[]
  readonly client: HttpClient
  /** Must be aborted when nobody takes the next page: it ends what was fetched ahead. */
  readonly signal: AbortSignal
  /** How many pages are fetched ahead where it is known that they are there; else it is one. */
  readonly ahead: number
  /** Values that no stored address may have. */
  readonly secrets: readonly string[]
  /** Looks at a page before anybody uses it; throws where it is none. */
  readonly inspect?: (page: FetchedPage) => void
}

/** Where a page is: its address, number, offset or cursor; undefined for the first one. */
export interface Place {
  readonly next: Json | undefined
  /** From 1. */
  readonly number: number
}

export const firstOfAll: Place = { next: undefined, number: 1 }

export interface WalkedPage {
  readonly page: FetchedPage
  /** Undefined after the last. */
  readonly following: Place | undefined
}

/**
 * Fetches the pages of a list, in order. Some are fetched ahead.
 * @throws SourceError as the HTTP client does; `PAGE_NOT_JSON`, `PAGE_TRUNCATED`, `SOURCE_NEXT_PAGE`
 */
export async function* walkPages(list: PagedList, from: Place): AsyncGenerator<WalkedPage, void, undefined> {
  const { paging, path, secrets } = list
  const fetching = new Map<string, Promise<FetchedPage | undefined>>()
  const begin = (place: Place): Promise<FetchedPage | undefined> => {
    const key = JSON.stringify([place.next])
    const known = fetching.get(key)
    if (known !== undefined) return known
    const page = fetchPage(list, place)
    fetching.set(key, page)
    // Its failure is told when its turn comes; until then it is not unhandled.
    page.catch(() => undefined)
    return page
  }
  const refuseCircle = circleGuard()
  for (let place: Place | undefined = from; place !== undefined;) {
    const page: FetchedPage | undefined = await begin(place)
    fetching.delete(JSON.stringify([place.next]))
    if (page === undefined) return
    list.inspect?.(page)
    const next = nextPlace(paging, path, page, place.next)
    // A page without records ends the count; it is not handed on.
    if (next === 'empty') return
    let following: Place | undefined
    if (next !== 'end') {
      following = { next: checkedPlace(paging, place.next, next.place, page, secrets), number: place.number + 1 }
      refuseCircle(following, page)
      for (const ahead of placesAhead(paging, page, following, list.ahead)) void begin(ahead)
    }
    yield { page, following }
    place = following
  }
}

/** The pages that may be fetched by now: the next one and, where the count is known, those behind it. */
function placesAhead(paging: Paging, page: FetchedPage, following: Place, ahead: number): Place[] {
  const { next, number } = following
  const end = paging.kind === 'number' || paging.kind === 'offset' ? endOf(paging, page) : undefined
  if (end === undefined || typeof next !== 'number' || (paging.kind !== 'number' && paging.kind !== 'offset')) return [following]
  const step = stepOf(paging)
  const count = Math.max(1, Math.min(ahead, Math.ceil((end - next) / step)))
  return Array.from({ length: count }, (_, index) => ({ next: next + index * step, number: number + index }))
}

/** Finds pages that lead in a circle, of any length, by one of them at a time: that of the last power of two (Brent). */
function circleGuard(): (place: Place, page: FetchedPage) => void {
  let mark: string | undefined
  let seen = 0
  let limit = 1
  return ({ next }, page) => {
    const place = JSON.stringify(next)
    if (place === mark)
      throw nextPageError(page, typeof next === 'string' && next.includes('://') ? 'page' : 'cursor', redactUrl(place), 'one that came before')
    seen += 1
    if (seen < limit) return
    mark = place
    seen = 0
    limit *= 2
  }
}

async function fetchPage({ request, paging, client, signal }: PagedList, place: Place): Promise<FetchedPage | undefined> {
  const sent = pageRequest(request, paging, place.next)
  const answer = await client.fetchBytes({ ...sent, signal })
  if (answer.status === 204) return undefined
  refuseBroken(answer.parts, sent.url)
  let document: { readonly value: unknown } | undefined
  return withBody({
    url: sent.url.href,
    number: place.number,
    headers: answer.headers,
    parts: answer.parts,
    json: () => (document ??= { value: parseDocument(answer.body, `The page ${redactUrl(sent.url)}`) }).value,
  })
}

/** A place as it was recorded with a page; `end` after the last one. */
export function storedPlace(place: Place | undefined, number: number): Json {
  return { next: place?.next ?? null, number: place?.number ?? number }
}

/** The place that was recorded, `end` after the last one, undefined where it is none of this paging. */
export function placeOf(position: Json | undefined, paging: Paging): Place | 'end' | undefined {
  if (typeof position !== 'object' || position === null || !('next' in position) || !('number' in position)) return undefined
  const { next, number } = position
  if (typeof number !== 'number') return undefined
  if (next === null) return 'end'
  const counted = paging.kind === 'number' || paging.kind === 'offset'
  const fits = isByAddress(paging) ? typeof next === 'string' : counted ? typeof next === 'number' : paging.kind === 'cursor'
  return fits ? { next, number } : undefined
}

export function positionError(position: Json | undefined, url: URL): SourceError {
  return new SourceError(`The position ${JSON.stringify(position)} is none that the pages of ${redactUrl(url)} can go on from`, {
    code: 'SOURCE_POSITION',
    retryable: false,
    hint: 'It was recorded by another extractor. Start a new run.',
  })
}

function refuseBroken(parts: readonly Uint8Array[], url: URL): void {
  const { begins, ends } = bracketsOf(parts)
  if (begins && ends) return
  if (begins) {
    throw new SourceError(`The page ${redactUrl(url)} is cut off: its JSON ends in the middle, at byte ${String(Buffer.concat(parts).length)}`, {
      code: 'PAGE_TRUNCATED',
      hint: 'The source sent less than a whole document; fetching it again may help. If not, look at the source.',
    })
  }
  const body = Buffer.concat(parts)
  const beginning = body.length === 0 ? 'is empty' : `is not JSON: it begins with ${JSON.stringify(body.subarray(0, 40).toString('utf8'))}`
  throw new SourceError(`The page ${redactUrl(url)} ${beginning}`, {
    code: 'PAGE_NOT_JSON',
    hint: 'See what the source sends there; an error page in HTML is common.',
  })
}

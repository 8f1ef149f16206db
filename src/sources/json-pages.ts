import type { Json } from '../definitions/json.ts'
import type { RawPage } from '../definitions/page.ts'
import { SourceError } from '../errors.ts'
import { bracketsOf } from './formats/json-array.ts'
import { parseDocument } from './formats/json.ts'
import { httpClient } from './http.ts'
import type { HttpClient } from './http.ts'
import { firstPlace, nextPlace } from './paging.ts'
import type { FetchedPage, Paging } from './paging.ts'
import { redactUrl } from './redact.ts'

export interface JsonPagesOptions {
  /** The first page. */
  readonly url: string | URL
  /** Where the array of records is in a page: `['data', 'devices']`. Default: the page is the array. */
  readonly path?: readonly string[]
  /** How to find the next page. Default: there is only the one. */
  readonly paging?: Paging
  /** The HTTP client, if it needs headers or other limits. */
  readonly client?: HttpClient
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** `context.position`: where an earlier attempt stopped. */
  readonly position?: Json | undefined
  /** Handed to `transform` with every page. */
  readonly extra?: Json
}

/**
 * Fetches a JSON list page by page and hands the bytes on as they came: nothing is parsed here but what the paging asks for. One page is fetched ahead.
 * Each page carries the position to go on from, so the asset may say `resumable: true`.
 * @throws SourceError as the HTTP client does; `PAGE_NOT_JSON` and `PAGE_TRUNCATED`, so that a broken page is never recorded; `SOURCE_NEXT_PAGE` where the next page is this one, or on another server; `SOURCE_POSITION`.
 */
export async function* jsonPages(options: JsonPagesOptions): AsyncGenerator<RawPage, void, undefined> {
  const paging = options.paging ?? { kind: 'none' }
  const path = options.path ?? []
  const first = new URL(options.url)
  const client = options.client ?? httpClient()
  // Ends what was fetched ahead when nobody takes the next page.
  const dropped = new AbortController()
  const signal = options.signal === undefined ? dropped.signal : AbortSignal.any([options.signal, dropped.signal])

  const fetchPage = async (place: Place): Promise<FetchedPage> => {
    const url = urlOf(first, paging, place.next)
    const answer = await client.fetchBytes({ url, headers: { accept: 'application/json', ...options.headers }, signal })
    refuseBroken(answer.parts, url)
    let document: { readonly value: unknown } | undefined
    const json = (): unknown => (document ??= { value: parseDocument(answer.body, `The page ${redactUrl(url)}`) }).value
    return {
      url: url.href,
      number: place.number,
      headers: answer.headers,
      parts: answer.parts,
      get body() {
        return answer.body
      },
      json,
    }
  }

  let place = placeOf(options.position, first)
  let ahead = place === undefined ? undefined : fetchPage(place)
  try {
    while (place !== undefined && ahead !== undefined) {
      const page = await ahead
      const next = nextPlace(paging, path, page, place.next)
      // A page without records ends the count; it is not handed on.
      if (next === 'empty') return
      const following: Place | undefined = next === undefined ? undefined : { next: checkedNext(next, page, first), number: place.number + 1 }
      ahead = following === undefined ? undefined : fetchPage(following)
      // Its failure is told when its turn comes; until then it is not unhandled.
      ahead?.catch(() => undefined)
      yield {
        body: page.parts,
        format: { kind: 'json', path },
        position: { next: following?.next ?? null, number: place.number + 1 },
        ...(options.extra === undefined ? {} : { extra: options.extra }),
      }
      place = following
    }
  } finally {
    dropped.abort()
  }
}

/** A page's address, or its number or offset; undefined for the first one. */
interface Place {
  readonly next: string | number | undefined
  /** From 1. */
  readonly number: number
}

function placeOf(position: Json | undefined, first: URL): Place | undefined {
  if (position === undefined) return { next: undefined, number: 1 }
  if (typeof position === 'object' && position !== null && 'next' in position && 'number' in position) {
    const { next, number } = position
    if (next === null) return undefined
    if ((typeof next === 'string' || typeof next === 'number') && typeof number === 'number') return { next, number }
  }
  throw new SourceError(`The position ${JSON.stringify(position)} is none that the pages of ${redactUrl(first)} can go on from`, {
    code: 'SOURCE_POSITION',
    retryable: false,
    hint: 'It was recorded by another extractor. Start a new run.',
  })
}

function urlOf(first: URL, paging: Paging, next: string | number | undefined): URL {
  if (typeof next === 'string') return new URL(next, first)
  const url = new URL(first)
  if (paging.kind !== 'number' && paging.kind !== 'offset') return url
  url.searchParams.set(paging.parameter, String(next ?? firstPlace(paging)))
  if (paging.size !== undefined) url.searchParams.set(paging.size.parameter, String(paging.size.value))
  return url
}

function checkedNext(next: string | number, page: FetchedPage, first: URL): string | number {
  if (typeof next === 'number') return next
  const url = URL.parse(next, page.url)
  const problem = url === null ? 'no address' : url.href === page.url ? 'the page itself' : url.origin === first.origin ? undefined : 'on another server'
  if (url !== null && problem === undefined) return url.href
  throw new SourceError(`${redactUrl(page.url)} names as its next page ${redactUrl(url ?? next)}, which is ${problem ?? 'no address'}`, {
    code: 'SOURCE_NEXT_PAGE',
    retryable: false,
    // Credentials would go there as well.
    hint: 'See how this API pages. A next page on another server is not followed.',
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

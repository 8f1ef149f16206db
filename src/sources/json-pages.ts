import type { Json } from '../definitions/json.ts'
import type { RawPage } from '../definitions/page.ts'
import { httpClient } from './http.ts'
import type { HttpClient } from './http.ts'
import type { Paging } from './paging.ts'
import { firstOfAll, placeOf, positionError, storedPlace, walkPages } from './walk-pages.ts'

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
 * Each page carries the position to go on from, so the asset may say `resumable: true`. `rest` does more.
 * @throws SourceError as the HTTP client does; `PAGE_NOT_JSON` and `PAGE_TRUNCATED`, so that a broken page is never recorded; `SOURCE_NEXT_PAGE` where the next page is one that was, or on another server; `SOURCE_POSITION`.
 */
export async function* jsonPages(options: JsonPagesOptions): AsyncGenerator<RawPage, void, undefined> {
  const { position, extra } = options
  const paging = options.paging ?? { kind: 'none' }
  const path = options.path ?? []
  const url = new URL(options.url)
  const place = position === undefined ? firstOfAll : placeOf(position, paging)
  if (place === undefined) throw positionError(position, url)
  if (place === 'end') return
  // Ends what was fetched ahead when nobody takes the next page.
  const dropped = new AbortController()
  const signal = options.signal === undefined ? dropped.signal : AbortSignal.any([options.signal, dropped.signal])
  const request = { url, method: 'GET' as const, body: undefined, headers: options.headers ?? {} }
  try {
    for await (const { page, following } of walkPages(
      { request, paging, path, client: options.client ?? httpClient(), signal, ahead: 1, secrets: [] },
      place,
    )) {
      yield {
        body: page.parts,
        format: { kind: 'json', path },
        position: storedPlace(following, page.number + 1),
        ...(extra === undefined ? {} : { extra }),
      }
    }
  } finally {
    dropped.abort()
  }
}

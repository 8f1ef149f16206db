import type { RawPage } from '../definitions/page.ts'
import { ConfigError } from '../errors.ts'
import { concurrencyGate } from './concurrency-gate.ts'
import { secretsOfAuth } from './http-auth.ts'
import { httpClient } from './http.ts'
import type { HttpClient } from './http.ts'
import { childPages } from './rest-children.ts'
import { listRequest, pagedList } from './rest-list.ts'
import type { ListCommon, RestListOptions, RestOptions } from './rest-list.ts'
import { pageOfRecords } from './rest-page.ts'
import { firstOfAll, placeOf, positionError, storedPlace, walkPages } from './walk-pages.ts'

/**
 * Fetches a list of a REST API page by page, or with `parent` one list for each record of another, and hands the bytes on as they came. Pages come in order,
 * each with the position to go on from, so the asset may say `resumable: true`. At most two pages are held for each request that may be under way, and two of parents.
 * @throws SourceError as the HTTP client and `jsonPages` do; with `parent` also `SOURCE_CHILD_URL`, `SOURCE_PARENTS_MOVED`; ConfigError
 */
export async function* rest(options: RestOptions): AsyncGenerator<RawPage, void, undefined> {
  const concurrency = checkedConcurrency(options.concurrency)
  // Ends what was fetched ahead when nobody takes the next page.
  const dropped = new AbortController()
  const signal = options.signal === undefined ? dropped.signal : AbortSignal.any([options.signal, dropped.signal])
  const gate = concurrencyGate(concurrency)
  const client = options.client ?? httpClient(options)
  const gated: HttpClient = { ...client, fetchBytes: (request) => gate(() => client.fetchBytes(request)) }
  const common = { client: gated, signal, ahead: concurrency, secrets: secretsOfAuth(options.auth) }
  try {
    yield* options.parent === undefined ? listPages(options, common) : childPages(options, common)
  } finally {
    dropped.abort()
  }
}

async function* listPages(options: RestListOptions, common: ListCommon): AsyncGenerator<RawPage, void, undefined> {
  const { position, extra, paging = { kind: 'none' } } = options
  const request = listRequest(options, new URL(options.url), options.body)
  const place = position === undefined ? firstOfAll : placeOf(position, paging)
  if (place === undefined) throw positionError(position, request.url)
  if (place === 'end') return
  for await (const { page, following } of walkPages(pagedList(options, request, common), place)) {
    yield {
      ...pageOfRecords(page, options),
      position: storedPlace(following, page.number + 1),
      ...(extra === undefined ? {} : { extra }),
    }
  }
}

function checkedConcurrency(concurrency = 1): number {
  if (Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= 100) return concurrency
  throw new ConfigError(`A concurrency of ${String(concurrency)} is none`, { code: 'SOURCE_CONCURRENCY', hint: 'Give a whole number from 1 to 100.' })
}

import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/definitions/json.ts'
import type { RawPage } from '../../src/definitions/page.ts'
import { httpClient } from '../../src/sources/http.ts'
import type { HttpRequest } from '../../src/sources/http-exchange.ts'
import type { HttpBytes, HttpClient } from '../../src/sources/http.ts'
import { jsonPages } from '../../src/sources/json-pages.ts'
import type { JsonPagesOptions } from '../../src/sources/json-pages.ts'
import { nextLink } from '../../src/sources/link-header.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
import { startHttpServer } from '../support/http-server.ts'
import { waitFor } from '../support/wait-for.ts'
import { bytesOf } from '../support/page-body.ts'
import { collect, dataErrorBy, sourceErrorOf } from './failure.ts'

/** Serves the numbers from 1 to 7, by `page` and `size` or by `offset` and `limit`, with a Link header; `answer` may put something else in. */
async function numbers(answer?: (url: URL) => string | undefined) {
  const requests: string[] = []
  const server = await startHttpServer((request, response) => {
    requests.push(request.url ?? '')
    const url = new URL(request.url ?? '', 'http://x')
    const size = Number(url.searchParams.get('size') ?? url.searchParams.get('limit') ?? 3)
    const page = Number(url.searchParams.get('page') ?? 1)
    const from = Number(url.searchParams.get('offset') ?? (page - 1) * size)
    const all = [1, 2, 3, 4, 5, 6, 7]
    url.searchParams.set('page', String(page + 1))
    if (from + size < all.length) response.setHeader('link', `</other>; rel="prev", <${url.search}>; rel="last next"`)
    response.end(
      answer?.(new URL(request.url ?? '', 'http://x')) ??
        JSON.stringify({ meta: { total: all.length, pages: Math.ceil(all.length / size) }, rows: all.slice(from, from + size) }),
    )
  })
  return { url: server.url, requests }
}

const recordsOf = (pages: readonly RawPage[]) => pages.map((page) => parsePage({ ...page, body: bytesOf(page.body) }).records)

const meta = (document: unknown): { total: number; pages: number } => (document as { meta: { total: number; pages: number } }).meta

const pagings: readonly (readonly [string, Partial<JsonPagesOptions>])[] = [
  ['the Link header', { paging: { kind: 'link' } }],
  ['page numbers, until an empty page', { paging: { kind: 'number', parameter: 'page', size: { parameter: 'size', value: 3 } } }],
  ['page numbers, up to a known count', { paging: { kind: 'number', parameter: 'page', total: (page) => meta(page.json()).pages } }],
  ['offsets, until an empty page', { paging: { kind: 'offset', parameter: 'offset', size: { parameter: 'limit', value: 3 } } }],
  [
    'offsets, up to a known count',
    { paging: { kind: 'offset', parameter: 'offset', size: { parameter: 'limit', value: 3 }, total: (page) => meta(page.json()).total } },
  ],
  ['a function', { paging: { kind: 'next', next: (page) => (page.number < 3 ? `?page=${String(page.number + 1)}` : undefined) } }],
]

describe.each(pagings)('pages by %s', (_, options) => {
  test('are all there, as they came', async () => {
    const server = await numbers()
    const pages = await collect(jsonPages({ url: `${server.url}/list`, path: ['rows'], extra: { of: 'x' }, ...options }))
    expect(recordsOf(pages)).toEqual([[1, 2, 3], [4, 5, 6], [7]])
    expect(pages.map((page) => page.extra)).toEqual([{ of: 'x' }, { of: 'x' }, { of: 'x' }])
    expect(bytesOf(pages[0]?.body ?? '').toString()).toBe('{"meta":{"total":7,"pages":3},"rows":[1,2,3]}')
  })

  test('go on from any position, and from the last one there is nothing', async () => {
    const server = await numbers()
    const from = (position?: Json) => jsonPages({ url: `${server.url}/list`, path: ['rows'], ...options, position })
    const positions = (await collect(from())).map((page) => page.position)
    expect(recordsOf(await collect(from(positions[0])))).toEqual([[4, 5, 6], [7]])
    expect(recordsOf(await collect(from(positions[1])))).toEqual([[7]])
    expect(await collect(from(positions[2]))).toEqual([])
  })
})

const pageOfOne = '\ufeff {"rows": [ 1 ] } '
test.each(Array.from({ length: Buffer.byteLength(pageOfOne) }, (_, cut) => cut))(
  'a page that arrives in two pieces, cut at byte %i, is read alike',
  async (cut) => {
    const inTwo = (text: string): readonly Buffer[] => [Buffer.from(text).subarray(0, cut), Buffer.from(text).subarray(cut)]
    const fetchBytes = (request: HttpRequest): Promise<HttpBytes> => {
      const url = new URL(request.url)
      const parts = inTwo(Number(url.searchParams.get('page')) < 3 ? pageOfOne : '\ufeff {"rows": [  ] }')
      return Promise.resolve({ url: url.href, status: 200, headers: new Headers(), parts, body: Buffer.concat(parts) })
    }
    const client: HttpClient = { ...httpClient(), fetchBytes }
    const pages = await collect(jsonPages({ url: 'http://127.0.0.1/', path: ['rows'], paging: { kind: 'number', parameter: 'page' }, client }))
    expect(recordsOf(pages)).toEqual([[1], [1]])
  },
)

test('a count that is known spares the empty page', async () => {
  const server = await numbers()
  await collect(jsonPages({ url: server.url, path: ['rows'], paging: { kind: 'number', parameter: 'page', total: (page) => meta(page.json()).pages } }))
  expect(server.requests).toEqual(['/?page=1', '/?page=2', '/?page=3'])
})

test('one page is fetched ahead, and no more', async () => {
  const server = await numbers()
  const pages = jsonPages({ url: server.url, path: ['rows'], paging: { kind: 'number', parameter: 'page' } })
  await pages.next()
  await waitFor(() => server.requests.length === 2, { what: 'the page ahead' })
  await pages.next()
  await waitFor(() => server.requests.length === 3, { what: 'the page ahead' })
  await pages.return()
  expect(server.requests).toHaveLength(3)
})

test('a failure of the page ahead comes when its turn does', async () => {
  const server = await numbers((url) => (url.searchParams.get('page') === '2' ? '{"rows":[4,' : undefined))
  const pages = jsonPages({ url: server.url, path: ['rows'], paging: { kind: 'number', parameter: 'page' } })
  const first = await pages.next()
  expect(first.value?.position).toEqual({ next: 2, number: 2 })
  const error = await sourceErrorOf(pages.next())
  expect(error).toMatchObject({
    code: 'PAGE_TRUNCATED',
    retryable: true,
    message: `The page ${server.url}/?page=2 is cut off: its JSON ends in the middle, at byte 11`,
  })
})

test('a page that is no JSON is told by its beginning', async () => {
  const server = await numbers(() => '<html>Maintenance</html>')
  const error = await sourceErrorOf(collect(jsonPages({ url: server.url })))
  expect(error).toMatchObject({ code: 'PAGE_NOT_JSON', message: `The page ${server.url}/ is not JSON: it begins with "<html>Maintenance</html>"` })
})

test('a page without the array is handed on, for its parser to refuse', async () => {
  const server = await numbers()
  const pages = await collect(jsonPages({ url: server.url, path: ['devices'], paging: { kind: 'number', parameter: 'page' } }))
  expect(pages).toHaveLength(1)
  expect(dataErrorBy(() => recordsOf(pages)).code).toBe('PAGE_PATH_NOT_FOUND')
})

test('credentials are not carried to another server', async () => {
  const other = await numbers()
  const server = await numbers()
  const error = await sourceErrorOf(
    collect(jsonPages({ url: server.url, headers: { authorization: 'Bearer secret' }, paging: { kind: 'next', next: () => other.url } })),
  )
  expect(error).toMatchObject({ code: 'SOURCE_NEXT_PAGE', retryable: false })
  expect(error.message).toContain('which is on another server')
  expect(other.requests).toEqual([])
})

test('a page that names itself as the next one ends in an error, not never', async () => {
  const server = await numbers()
  const error = await sourceErrorOf(collect(jsonPages({ url: `${server.url}/?page=1`, paging: { kind: 'next', next: () => '?page=1' } })))
  expect(error.message).toContain('which is the page itself')
})

test('a position of another extractor is refused', async () => {
  const error = await sourceErrorOf(collect(jsonPages({ url: 'http://127.0.0.1:1/', position: { offset: 3 } })))
  expect(error).toMatchObject({ code: 'SOURCE_POSITION', retryable: false })
})

test('rel=next is found among other links', () => {
  expect(nextLink('<https://x/?page=2>; rel="next", <https://x/?page=9>; rel="last"')).toBe('https://x/?page=2')
  expect(nextLink('<https://x/?a=1,2;b>; title="a, b"; rel=next')).toBe('https://x/?a=1,2;b')
  expect(nextLink('<https://x/>; rel="prev nextish"')).toBeUndefined()
  expect(nextLink(null)).toBeUndefined()
})

import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/definitions/json.ts'
import type { RawPage } from '../../src/definitions/page.ts'
import { ConfigError } from '../../src/errors.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
import { rest } from '../../src/sources/rest.ts'
import type { RestListOptions } from '../../src/sources/rest-list.ts'
import { startHttpServer } from '../support/http-server.ts'
import { bytesOf } from '../support/page-body.ts'
import { waitFor } from '../support/wait-for.ts'
import { collect, failureOf, sourceErrorOf } from './failure.ts'

const recordsOf = (pages: readonly RawPage[]) => pages.map((page) => parsePage({ ...page, body: bytesOf(page.body) }).records)

type Body = { readonly page?: { readonly after?: Json; readonly size?: number }; readonly from?: number }
type Asked = { readonly method: string; readonly url: URL; readonly body: Body; readonly headers: IncomingMessage['headers'] }

/** An API whose answers a test writes: `answer` is given what was asked. Counts how many requests were under way at once. */
async function api(answer: (asked: Asked, response: ServerResponse) => unknown) {
  const asked: Asked[] = []
  const state = { under: 0, most: 0 }
  const server = await startHttpServer(async (request, response) => {
    state.under += 1
    state.most = Math.max(state.most, state.under)
    const text = (await request.toArray()).join('')
    const one = {
      method: request.method ?? '',
      url: new URL(request.url ?? '', 'http://x'),
      body: JSON.parse(text === '' ? '{}' : text) as Body,
      headers: request.headers,
    }
    asked.push(one)
    const reply = await answer(one, response)
    state.under -= 1
    if (!response.writableEnded) response.end(typeof reply === 'string' ? reply : JSON.stringify(reply))
  })
  return { url: server.url, asked, state }
}

const all = [1, 2, 3, 4, 5, 6, 7]
const slice = (from: number, size = 3) => all.slice(from, from + size)

/** One API that pages in every way: by `after`, `page` or `from`, in the query or the body. */
const numbers = () =>
  api(({ url, body }) => {
    const from = Number(
      url.searchParams.get('after') ?? url.searchParams.get('from') ?? body.page?.after ?? body.from ?? (Number(url.searchParams.get('page') ?? 1) - 1) * 3,
    )
    const next = from + 3 < all.length ? from + 3 : null
    return {
      rows: slice(from),
      meta: { note: '"next": 9', cursor: next === null ? null : String(next), number: next, more: next !== null, count: all.length, pages: 3 },
      links: next === null ? {} : { next: `/list?from=${String(next)}&token=s3cr3t` },
    }
  })

const pagings: readonly (readonly [string, Partial<RestListOptions>])[] = [
  ['a cursor in the query', { paging: { kind: 'cursor', from: ['meta', 'cursor'], parameter: 'after' } }],
  ['a cursor in the query, while there is more', { paging: { kind: 'cursor', from: ['meta', 'cursor'], parameter: 'after', more: ['meta', 'more'] } }],
  ['a cursor in the body', { body: { page: { size: 3 } }, paging: { kind: 'cursor', from: ['meta', 'number'], parameter: ['page', 'after'] } }],
  ['a cursor by a function', { paging: { kind: 'cursor', from: (page) => (page.number < 3 ? page.number * 3 : undefined), parameter: 'after' } }],
  ['an address in the answer', { paging: { kind: 'url', from: ['links', 'next'] } }],
  [
    'page numbers, up to a count of records',
    { paging: { kind: 'number', parameter: 'page', size: { parameter: 'size', value: 3 }, totalRecords: ['meta', 'count'] } },
  ],
  ['page numbers, up to a count of pages', { paging: { kind: 'number', parameter: 'page', total: ['meta', 'pages'] } }],
  ['offsets in the body', { paging: { kind: 'offset', parameter: ['from'], size: { parameter: ['page', 'size'], value: 3 }, total: ['meta', 'count'] } }],
]

describe.each(pagings)('pages by %s', (_, options) => {
  test('are all there, and go on from any position', async () => {
    const server = await numbers()
    const from = (position?: Json) => collect(rest({ url: `${server.url}/list`, path: ['rows'], ...options, position }))
    const pages = await from()
    expect(recordsOf(pages)).toEqual([[1, 2, 3], [4, 5, 6], [7]])
    expect(server.asked).toHaveLength(3)
    expect(recordsOf(await from(pages[0]?.position))).toEqual([[4, 5, 6], [7]])
    expect(recordsOf(await from(pages[1]?.position))).toEqual([[7]])
    expect(await from(pages[2]?.position)).toEqual([])
  })
})

test('a body is posted as JSON, with the cursor as it came and all else as it was', async () => {
  const server = await numbers()
  const body = { page: { size: 3 }, filter: { open: true } }
  await collect(rest({ url: server.url, path: ['rows'], body, paging: { kind: 'cursor', from: ['meta', 'number'], parameter: ['page', 'after'] } }))
  expect(server.asked.map((one) => [one.method, one.headers['content-type'], one.body])).toEqual([
    ['POST', 'application/json', body],
    ['POST', 'application/json', { page: { size: 3, after: 3 }, filter: { open: true } }],
    ['POST', 'application/json', { page: { size: 3, after: 6 }, filter: { open: true } }],
  ])
})

test('query parameters and headers go with every page', async () => {
  const server = await numbers()
  const paging = { kind: 'number', parameter: 'page', total: ['meta', 'pages'] } as const
  await collect(
    rest({
      url: `${server.url}/list?a=1`,
      query: { open: true, since: '2026-01-01' },
      headers: { 'x-own': 'y', accept: 'application/vnd.acme+json' },
      path: ['rows'],
      paging,
    }),
  )
  expect(server.asked.map((one) => [one.url.search, one.headers['x-own'], one.headers.accept])).toEqual(
    [1, 2, 3].map((page) => [`?a=1&open=true&since=2026-01-01&page=${String(page)}`, 'y', 'application/vnd.acme+json']),
  )
})

test('a POST that fails for a moment is sent again', async () => {
  const server = await api((_, response) => (server.asked.length === 1 ? response.writeHead(503).end() : [1]))
  expect(recordsOf(await collect(rest({ url: server.url, body: {}, retry: { delayMs: 1 } })))).toEqual([[1]])
})

test('a long number as cursor keeps its digits', async () => {
  const server = await api(({ url }) => (url.searchParams.has('after') ? '{"rows":[2]}' : '{"rows":[1],"next":12345678901234567890}'))
  await collect(rest({ url: server.url, path: ['rows'], paging: { kind: 'cursor', from: ['next'], parameter: 'after' } }))
  expect(server.asked[1]?.url.search).toBe('?after=12345678901234567890')
})

test('an answer of one record is an array of it', async () => {
  const server = await api(() => '{"meta":{"n":[1]},"data":{"id":1,"tags":["]","}"]}}')
  const pages = await collect(rest({ url: server.url, path: ['data'], single: true }))
  expect(recordsOf(pages)).toEqual([[{ id: 1, tags: [']', '}'] }]])
})

test('204 is an empty list', async () => {
  const server = await api((_, response) => response.writeHead(204).end())
  expect(await collect(rest({ url: server.url }))).toEqual([])
})

test('a page that is refused by `inspect` is not handed on', async () => {
  const server = await numbers()
  const inspect = () => {
    throw new Error('not this one')
  }
  expect(await failureOf(collect(rest({ url: server.url, path: ['rows'], inspect })))).toMatchObject({ message: 'not this one' })
})

describe('pages that lead astray', () => {
  test('more pages without a cursor are an error, not the end', async () => {
    const server = await api(() => ({ rows: [1], more: true }))
    const paging = { kind: 'cursor', from: ['next'], parameter: 'after', more: ['more'] } as const
    const error = await sourceErrorOf(collect(rest({ url: server.url, path: ['rows'], paging })))
    expect(error).toMatchObject({ code: 'SOURCE_NEXT_PAGE', retryable: false })
    expect(error.message).toContain('says that there are more pages, but has no cursor')
  })

  test.each([1, 2, 5])('a circle of %i cursors is an error, not for ever', async (length) => {
    const server = await api(({ url }) => ({ rows: [1], next: `c${String((Number((url.searchParams.get('after') ?? 'c0').slice(1)) + 1) % length)}` }))
    const pages = rest({ url: server.url, path: ['rows'], paging: { kind: 'cursor', from: ['next'], parameter: 'after' } })
    expect(await sourceErrorOf(collect(pages))).toMatchObject({ code: 'SOURCE_NEXT_PAGE', retryable: false })
    expect(server.asked.length).toBeLessThan(25)
  })

  test('the next page on another server is not asked for', async () => {
    const other = await numbers()
    const server = await api(() => ({ rows: [1], next: other.url }))
    const pages = rest({ url: server.url, auth: { kind: 'bearer', token: 's3cr3t' }, path: ['rows'], paging: { kind: 'url', from: ['next'] } })
    expect(await sourceErrorOf(collect(pages))).toMatchObject({ code: 'SOURCE_NEXT_PAGE' })
    expect(other.asked).toEqual([])
  })

  test('a position of another way of paging is refused', async () => {
    const paging = { kind: 'offset', parameter: 'from', size: { parameter: 'size', value: 3 } } as const
    const position = { next: 'c1', number: 2 }
    expect(await sourceErrorOf(collect(rest({ url: 'http://127.0.0.1:1', paging, position })))).toMatchObject({ code: 'SOURCE_POSITION' })
  })
})

test('no position holds a secret: not the key that a server repeats, nor the password of the address', async () => {
  const server = await api(({ url, headers }) => ({
    rows: [1],
    next: url.searchParams.has('p') ? null : `?p=2&token=s3cr3t&auth=${headers.authorization ?? ''}`,
  }))
  const auth = { kind: 'api-key', in: 'query', name: 'token', value: 's3cr3t' } as const
  const url = server.url.replace('//', '//me:pa55word@')
  const pages = await collect(rest({ url, auth, path: ['rows'], paging: { kind: 'url', from: ['next'] } }))
  expect(JSON.stringify(pages.map((page) => page.position))).not.toMatch(/s3cr3t|pa55word/)
  expect(server.asked.map((one) => [one.url.searchParams.getAll('token'), one.headers.authorization])).toEqual(
    [1, 2].map(() => [['s3cr3t'], `Basic ${Buffer.from('me:pa55word').toString('base64')}`]),
  )
})

describe('several pages at once', () => {
  const pages = 12

  /** Answers only once as many requests are under way as should be; the later pages first. */
  async function slowPages(concurrency: number) {
    const waiting: { readonly page: number; readonly answer: () => void }[] = []
    const release = () => {
      for (const one of waiting.splice(0).toSorted((a, b) => b.page - a.page)) one.answer()
    }
    const server = await api(async ({ url }) => {
      const page = Number(url.searchParams.get('page'))
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.push({ page, answer: resolve })
      if (page === 1 || waiting.length === concurrency || page === pages) release()
      await promise
      return { rows: [page], pages }
    })
    return server
  }

  test('come in order, no more of them under way than `concurrency`', async () => {
    const server = await slowPages(4)
    const paging = { kind: 'number', parameter: 'page', total: ['pages'] } as const
    const read = await collect(rest({ url: server.url, path: ['rows'], paging, concurrency: 4 }))
    expect(recordsOf(read).flat()).toEqual(Array.from({ length: pages }, (_, index) => index + 1))
    expect(server.state.most).toBe(4)
    expect(server.asked).toHaveLength(pages)
  })

  test('are fetched no further ahead while nobody takes them, and given up when nobody will', async () => {
    const server = await api(({ url }) => ({ rows: [Number(url.searchParams.get('page'))], pages: 100 }))
    const paging = { kind: 'number', parameter: 'page', total: ['pages'] } as const
    const read = rest({ url: server.url, path: ['rows'], paging, concurrency: 4 })
    await read.next()
    await waitFor(() => server.asked.length === 5, { what: 'four pages ahead' })
    await read.next()
    await waitFor(() => server.asked.length === 6, { what: 'one more' })
    await read.return()
    expect(server.asked).toHaveLength(6)
  })

  test('whose count shrinks meanwhile end where the last page says', async () => {
    const server = await api(({ url }) => {
      const page = Number(url.searchParams.get('page'))
      return { rows: page > 4 ? [] : [page], pages: page === 1 ? 9 : 4 }
    })
    const paging = { kind: 'number', parameter: 'page', total: ['pages'] } as const
    expect(recordsOf(await collect(rest({ url: server.url, path: ['rows'], paging, concurrency: 3 }))).flat()).toEqual([1, 2, 3, 4])
  })

  test.each([0, 1.5, 1000])('a concurrency of %d is refused', async (concurrency) => {
    expect(await failureOf(collect(rest({ url: 'http://127.0.0.1:1', concurrency })))).toBeInstanceOf(ConfigError)
  })
})

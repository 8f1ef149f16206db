import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/definitions/json.ts'
import type { RawPage } from '../../src/definitions/page.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
import { rest } from '../../src/sources/rest.ts'
import type { RestChildrenOptions } from '../../src/sources/rest-list.ts'
import { startHttpServer } from '../support/http-server.ts'
import { bytesOf } from '../support/page-body.ts'
import { collect, sourceErrorOf } from './failure.ts'

const recordsOf = (pages: readonly RawPage[]) => pages.flatMap((page) => parsePage({ ...page, body: bytesOf(page.body) }).records)

interface Order {
  readonly id: string | number
  readonly lines: number
}

/** Orders in pages of two, and each one's lines in pages of two. `orders` may change; `answer` may put something else in. */
async function shop(orders: Order[], answer?: (path: string, response: ServerResponse) => unknown) {
  const asked: string[] = []
  const state = { under: 0, most: 0, orders }
  const server = await startHttpServer(async (request, response) => {
    state.under += 1
    state.most = Math.max(state.most, state.under)
    const url = new URL(request.url ?? '', 'http://x')
    asked.push(request.url ?? '')
    // A turn for others, so that what is asked for at once is under way at once.
    await new Promise((resolve) => setImmediate(resolve))
    state.under -= 1
    if (answer?.(url.pathname, response) !== undefined) return
    const page = Number(url.searchParams.get('page') ?? 1)
    const order = state.orders.find(({ id }) => url.pathname === `/orders/${encodeURIComponent(String(id))}/lines`)
    if (order !== undefined) {
      const lines = Array.from({ length: order.lines }, (_, index) => `${String(order.id)}.${String(index)}`).slice(page * 2 - 2, page * 2)
      response.end(JSON.stringify({ lines, next: page * 2 < order.lines ? page + 1 : null }))
    } else if (url.pathname === '/orders') {
      response.end(JSON.stringify({ orders: state.orders.slice(page * 2 - 2, page * 2), pages: Math.ceil(state.orders.length / 2) }))
    } else response.writeHead(404).end()
  })
  const lines = (more: Partial<RestChildrenOptions> = {}) =>
    rest({
      parent: { url: `${server.url}/orders`, path: ['orders'], paging: { kind: 'number', parameter: 'page', total: ['pages'] }, fields: ['id'] },
      url: '/orders/{id}/lines',
      path: ['lines'],
      paging: { kind: 'cursor', from: ['next'], parameter: 'page' },
      ...more,
    })
  return { url: server.url, asked, state, lines }
}

const orders: Order[] = [
  { id: 'a', lines: 3 },
  { id: 'b', lines: 0 },
  { id: 'c', lines: 1 },
  { id: 'd', lines: 5 },
  { id: 'e', lines: 2 },
]
const expected = orders.flatMap(({ id, lines }) => Array.from({ length: lines }, (_, index) => `${String(id)}.${String(index)}`))

describe.each([1, 3, 10])('the lists of all parents, %i requests at once,', (concurrency) => {
  test('come in order, each with its parent’s fields', async () => {
    const server = await shop(orders)
    const pages = await collect(server.lines({ concurrency }))
    expect(recordsOf(pages)).toEqual(expected)
    expect(pages.map((page) => page.extra)).toEqual(['a', 'a', 'b', 'c', 'd', 'd', 'd', 'e'].map((id) => ({ id })))
    expect(server.state.most).toBeLessThanOrEqual(concurrency)
    expect(server.state.most).toBeGreaterThanOrEqual(Math.min(2, concurrency))
  })

  test('go on from any position, with exactly what comes after it', async () => {
    const server = await shop(orders)
    const pages = await collect(server.lines({ concurrency }))
    for (const [index, page] of pages.entries()) {
      const rest = await collect(server.lines({ concurrency, position: page.position }))
      expect(recordsOf(rest)).toEqual(recordsOf(pages.slice(index + 1)))
    }
  })
})

test('all of a parent is handed on where no fields are named', async () => {
  const server = await shop(orders)
  const pages = await collect(server.lines({ parent: { url: `${server.url}/orders`, path: ['orders'] } }))
  expect(pages[0]?.extra).toEqual({ id: 'a', lines: 3 })
})

test('a child’s address and body may be functions of its parent', async () => {
  const bodies: unknown[] = []
  const server = await startHttpServer(async (request, response) => {
    if (request.url === '/orders') return response.end('[{"id":1,"at":{"day":"2026-01-01"}}]')
    bodies.push([request.method, request.url, JSON.parse((await request.toArray()).join(''))])
    return response.end('[1]')
  })
  const url = (parent: { readonly [key: string]: Json }) => `/lines?order=${JSON.stringify(parent['id'])}`
  const parent = { url: `${server.url}/orders` }
  await collect(rest({ parent, url, body: (one) => ({ of: one['at'] ?? null }) }))
  await collect(rest({ parent, url: '/by-day/{at.day}', body: {} }))
  expect(bodies).toEqual([
    ['POST', '/lines?order=1', { of: { day: '2026-01-01' } }],
    ['POST', '/by-day/2026-01-01', {}],
  ])
})

test('long ids of parents keep their digits', async () => {
  const asked: string[] = []
  const server = await startHttpServer((request, response) => {
    asked.push(request.url ?? '')
    response.end(request.url === '/orders' ? '{"orders":[{"id":12345678901234567890,"price":1.5}]}' : '[]')
  })
  const pages = await collect(rest({ parent: { url: `${server.url}/orders`, path: ['orders'] }, url: '/orders/{id}' }))
  expect(asked[1]).toBe('/orders/12345678901234567890')
  expect(pages[0]?.extra).toEqual({ id: '12345678901234567890', price: 1.5 })
})

describe('where a parent changes', () => {
  test('one that moved on its page is found again', async () => {
    const server = await shop([...orders])
    const pages = await collect(server.lines())
    const atFirstOfD = pages.find((page) => recordsOf([page]).includes('d.0'))
    server.state.orders = [orders[0], orders[1], orders[3], orders[2], orders[4]].filter((one) => one !== undefined)
    expect(recordsOf(await collect(server.lines({ position: atFirstOfD?.position })))).toEqual(['d.2', 'd.3', 'd.4', 'c.0', 'e.0', 'e.1'])
  })

  test('one that is no longer on its page makes the extraction begin afresh', async () => {
    const server = await shop([...orders])
    const pages = await collect(server.lines())
    server.state.orders = orders.slice(3)
    const error = await sourceErrorOf(collect(server.lines({ position: pages[0]?.position })))
    expect(error).toMatchObject({ code: 'SOURCE_PARENTS_MOVED', retryable: true })
  })

  test('a child that is gone is an error, or is skipped where that is wanted', async () => {
    const gone = (path: string, response: ServerResponse) => (path === '/orders/c/lines' ? response.writeHead(404).end() : undefined)
    const server = await shop(orders, gone)
    expect(await sourceErrorOf(collect(server.lines()))).toMatchObject({ code: 'SOURCE_NOT_FOUND' })
    expect(recordsOf(await collect(server.lines({ skipMissing: true })))).toEqual(expected.filter((one) => one !== 'c.0'))
  })
})

describe('a parent that would lead elsewhere', () => {
  test.each(['..', '.', '', null, { a: 1 }])('by the field %j is refused', async (id) => {
    const server = await startHttpServer((_, response) => response.end(JSON.stringify([{ id }])))
    const error = await sourceErrorOf(collect(rest({ parent: { url: `${server.url}/orders` }, url: '/orders/{id}/lines' })))
    expect(error).toMatchObject({ code: 'SOURCE_CHILD_URL', retryable: false })
  })

  test('by a slash in a field stays where it is', async () => {
    const server = await shop([{ id: '../../x?y=#', lines: 1 }])
    expect(recordsOf(await collect(server.lines()))).toEqual(['../../x?y=#.0'])
  })

  test.each([
    ['a template', 'http://{host}/'],
    ['a function', (parent: { readonly [key: string]: Json }) => new URL(`http://${JSON.stringify(parent['host']).replaceAll('"', '')}/`)],
  ])('to another server by %s is refused, and nothing is sent there', async (_, url) => {
    let asked = 0
    const other = await startHttpServer((__, response) => response.end(String((asked += 1))))
    const server = await startHttpServer((__, response) => response.end(JSON.stringify([{ host: `127.0.0.1:${String(other.port)}` }])))
    const pages = rest({ parent: { url: `${server.url}/orders` }, url, auth: { kind: 'bearer', token: 's3cr3t' } })
    expect(await sourceErrorOf(collect(pages))).toMatchObject({ code: 'SOURCE_CHILD_URL' })
    expect(asked).toBe(0)
  })

  test('because it is no object is refused', async () => {
    const server = await startHttpServer((_, response) => response.end('[1]'))
    expect(await sourceErrorOf(collect(rest({ parent: { url: server.url }, url: '/{id}' })))).toMatchObject({ code: 'SOURCE_PARENT' })
  })

  test('by a position of another extractor is refused', async () => {
    const server = await shop(orders)
    expect(await sourceErrorOf(collect(server.lines({ position: { next: 2, number: 2 } })))).toMatchObject({ code: 'SOURCE_POSITION' })
  })
})

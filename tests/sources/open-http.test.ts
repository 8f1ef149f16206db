import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { jsonl } from '../../src/sources/jsonl.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
import { startFileServer } from '../support/file-server.ts'
import { startHttpServer } from '../support/http-server.ts'
import { bytesOf } from '../support/page-body.ts'
import { collect, sourceErrorOf } from './failure.ts'

const lines = Buffer.from(Array.from({ length: 100 }, (_, index) => `{"id":${String(index)}}\n`).join(''))
const idsOf = (pages: readonly { body: Parameters<typeof bytesOf>[0] }[]) =>
  pages.flatMap((page) => parsePage({ body: bytesOf(page.body), format: { kind: 'jsonl' } }).records.map((record) => (record as { id: number }).id))

test('a web server that knows ranges is asked for the rest alone', async () => {
  const server = await startFileServer(lines)
  const pages = await collect(jsonl({ url: server.url, pageBytes: 200 }))
  const [first, last] = [pages[0], pages.at(-1)]
  const before = server.sent()
  expect(idsOf(await collect(jsonl({ url: server.url, position: first?.position })))[0]).toBe(idsOf(pages.slice(1))[0])
  expect(await collect(jsonl({ url: server.url, position: last?.position }))).toEqual([])
  const [, offset = ''] = /"offset":(\d+)/.exec(JSON.stringify(first?.position)) ?? []
  const from = Number(offset) - 1
  expect(server.ranges).toEqual([undefined, `bytes=${String(from)}-`, `bytes=${String(lines.length - 1)}-`])
  expect(server.sent() - before).toBe(lines.length - from + 1)
})

test('what is compressed on its way is read again up to its position', async () => {
  const packed = gzipSync(lines)
  const server = await startFileServer(packed, { headers: { 'content-encoding': 'gzip' } })
  const [page] = await collect(jsonl({ url: server.url, pageBytes: 200 }))
  expect(page?.position).toMatchObject({ plain: false })
  expect(idsOf(await collect(jsonl({ url: server.url, position: page?.position }))).length).toBe(100 - idsOf(page === undefined ? [] : [page]).length)
  expect(server.ranges).toEqual([undefined, undefined])
})

test.each(['longer', 'shorter'])('a file that is another one by now is refused: %s', async (change) => {
  let body = lines
  const server = await startHttpServer(async (request, response) => {
    const inner = await startFileServer(body)
    const answer = await fetch(inner.url, { headers: request.headers.range === undefined ? {} : { range: request.headers.range } })
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(Buffer.from(await answer.arrayBuffer()))
  })
  const pages = await collect(jsonl({ url: server.url, pageBytes: 200 }))
  body = change === 'longer' ? Buffer.concat([lines, lines]) : lines.subarray(0, 500)
  expect(await sourceErrorOf(collect(jsonl({ url: server.url, position: pages.at(-1)?.position })))).toMatchObject({ code: 'SOURCE_CHANGED', retryable: true })
})

test('where a server does not say which file it is, its pages have no positions; the time of its change is enough', async () => {
  const dated = await startHttpServer((_, response) => response.setHeader('last-modified', 'Sat, 21 Nov 2026 20:00:00 GMT').end(lines))
  const silent = await startHttpServer((_, response) => response.end(lines))
  const [page] = await collect(jsonl({ url: dated.url }))
  expect(page?.position).toMatchObject({ version: expect.stringContaining('21 Nov') })
  expect((await collect(jsonl({ url: silent.url }))).map((one) => one.position)).toEqual([undefined])
})

import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { feeds } from './feeds.ts'

// A process of its own: GET /<feed>?rows=<rows>&page=<n> answers page n (from 0) of 1,000 records as a JSON array, an empty one after the last.
// Without a name it is the feed of devices. GET /all.jsonl?rows=<rows> answers all of those, one a line, for tools that read no pages.
const pageRows = 1000
const kept = 500
const pages = new Map<string, Buffer>()

function page(name: string, n: number, rows: number): Buffer | undefined {
  const feed = feeds[name]
  if (feed === undefined) return undefined
  const size = Math.min(pageRows, rows - n * pageRows)
  if (size <= 0) return Buffer.from('[]')
  const number = n % (feed.period ?? Infinity)
  const key = `${name} ${String(number)}`
  const known = pages.get(key)
  if (known !== undefined && size === pageRows) return known
  const body = Buffer.from(JSON.stringify(Array.from({ length: size }, (_, index) => feed.record(number * pageRows + index))))
  // 500 pages of each feed are kept, 180 MB; what comes after is made each time, so that the largest runs do not fill memory.
  if (size === pageRows && number < kept) pages.set(key, body)
  return body
}

function* lines(rows: number): Generator<string> {
  // No text of these records has a brace in it.
  for (let n = 0; n * pageRows < rows; n += 1)
    yield `${String(page('devices', n, rows))
      .slice(1, -1)
      .replaceAll('},{', '}\n{')}\n`
}

for (let n = 0; n < Number(process.argv[2] ?? 0) / pageRows && n < kept; n += 1) page('devices', n, Number.MAX_SAFE_INTEGER)

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost')
  if (url.pathname === '/all.jsonl') {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    Readable.from(lines(Number(url.searchParams.get('rows') ?? 0)), { objectMode: false }).pipe(response)
    return
  }
  const body = page(url.pathname.slice(1) || 'devices', Number(url.searchParams.get('page') ?? 0), Number(url.searchParams.get('rows') ?? 0))
  response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json', 'content-length': body?.length ?? 0 })
  response.end(body)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.(typeof address === 'object' && address !== null ? address.port : 0)
})
process.on('disconnect', () => process.exit())

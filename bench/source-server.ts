import { createServer } from 'node:http'
import { benchRecord } from './record.ts'

// A process of its own: GET /?rows=<rows>&page=<n> answers page n (from 0) of 1,000 records as a JSON array, an empty one after the last.
const pageRows = 1000
const pages = new Map<number, Buffer>()

function page(n: number, rows: number): Buffer {
  const first = n * pageRows
  if (first >= rows) return Buffer.from('[]')
  const size = Math.min(pageRows, rows - first)
  const known = pages.get(n)
  if (known !== undefined && size === pageRows) return known
  const body = Buffer.from(JSON.stringify(Array.from({ length: size }, (_, index) => benchRecord(first + index))))
  // 500 pages are kept, 180 MB; what comes after is made each time, so that the largest runs do not fill memory.
  if (size === pageRows && n < 500) pages.set(n, body)
  return body
}

for (let n = 0; n < Number(process.argv[2] ?? 0) / pageRows && n < 500; n += 1) page(n, Number.MAX_SAFE_INTEGER)

const server = createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const body = page(Number(url.searchParams.get('page') ?? 0), Number(url.searchParams.get('rows') ?? 0))
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
  response.end(body)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.(typeof address === 'object' && address !== null ? address.port : 0)
})
process.on('disconnect', () => process.exit())

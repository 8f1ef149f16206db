import type { IncomingMessage, ServerResponse } from 'node:http'
import { graphql } from '../../src/sources/graphql.ts'
import type { HttpAuth } from '../../src/sources/http-auth.ts'
import { rest } from '../../src/sources/rest.ts'
import { secret, sourceContract } from '../contracts/source.ts'
import type { ServedSource, SourceFault, SourceRecord } from '../contracts/source.ts'
import { startHttpServer } from '../support/test.ts'

/** Pages of at most 40 records and about 1 MiB. */
function pagesOf(records: readonly SourceRecord[]): SourceRecord[][] {
  const pages: SourceRecord[][] = [[]]
  let bytes = 0
  for (const record of records) {
    if (bytes > 2 ** 19 || pages.at(-1)?.length === 40) {
      pages.push([])
      bytes = 0
    }
    pages.at(-1)?.push(record)
    bytes += record.text.length
  }
  return pages
}

type Answer = (page: number) => unknown

/** Serves what `answer` makes of a page, and is faulty from its second page on. */
async function serve(answer: Answer, pageOf: (request: IncomingMessage) => Promise<number>, fault: SourceFault | undefined) {
  let open = 0
  let sent = 0
  const server = await startHttpServer(async (request: IncomingMessage, response: ServerResponse) => {
    open += 1
    response.on('close', () => (open -= 1))
    const page = await pageOf(request)
    if (fault === 'refuse') return response.writeHead(401).end(`no such key: ${secret}, ${request.headers.authorization ?? ''} ${request.url ?? ''}`)
    const body = JSON.stringify(answer(page))
    sent += body.length
    if (fault === undefined || page === 0) return response.end(body)
    response.write(body.slice(0, 100))
    if (fault === 'cut') setImmediate(() => response.destroy())
    return undefined
  })
  return { url: server.url, open: () => open, sent: () => sent }
}

const retry = { delayMs: 1, maxDelayMs: 2 }
const auths: readonly (readonly [string, HttpAuth])[] = [
  ['a bearer token', { kind: 'bearer', token: secret }],
  ['a key in the query', { kind: 'api-key', in: 'query', name: 'appid', value: secret }],
]

for (const [name, auth] of auths) {
  sourceContract(`rest with ${name}`, {
    faults: ['cut', 'stall', 'refuse'],
    resumable: true,
    measured: true,
    async serve(records, fault): Promise<ServedSource> {
      const pages = pagesOf(records)
      const ask = (page: number) => ({ rows: pages[page], next: page + 1 < pages.length ? `/list?page=${String(page + 1)}&appid=${secret}` : null })
      const server = await serve(ask, (request) => Promise.resolve(Number(new URL(request.url ?? '', 'http://x').searchParams.get('page') ?? 0)), fault)
      const read: ServedSource['read'] = (options) =>
        rest({ url: `${server.url}/list`, auth, retry, path: ['rows'], paging: { kind: 'url', from: ['next'] }, ...options })
      return { ...server, read }
    },
  })
}

sourceContract('rest with the lists of each record of another', {
  faults: ['cut', 'stall', 'refuse'],
  resumable: true,
  measured: true,
  async serve(records, fault): Promise<ServedSource> {
    const pages = pagesOf(records)
    const pageOf = (request: IncomingMessage) => Promise.resolve(Number(/^\/lists\/(\d+)$/.exec(request.url ?? '')?.[1] ?? -1))
    const server = await serve((page) => (page < 0 ? pages.map((_, id) => ({ id })) : pages[page]), pageOf, fault)
    const read: ServedSource['read'] = (options) =>
      rest({
        parent: { url: `${server.url}/lists` },
        url: '/lists/{id}',
        auth: { kind: 'basic', user: 'me', password: secret },
        retry,
        concurrency: 3,
        ...options,
      })
    return { ...server, read }
  },
})

sourceContract('graphql', {
  faults: ['cut', 'stall', 'refuse'],
  resumable: true,
  measured: true,
  async serve(records, fault): Promise<ServedSource> {
    const pages = pagesOf(records)
    const pageOf = async (request: IncomingMessage) =>
      Number((JSON.parse((await request.toArray()).join('')) as { variables: { after?: string } }).variables.after ?? 0)
    const ask = (page: number) => ({ data: { all: { nodes: pages[page], pageInfo: { hasNextPage: page + 1 < pages.length, endCursor: String(page + 1) } } } })
    const server = await serve(ask, pageOf, fault)
    const read: ServedSource['read'] = (options) =>
      graphql({ url: server.url, query: '{ … }', path: ['all'], auth: { kind: 'api-key', in: 'header', name: 'x-own', value: secret }, retry, ...options })
    return { ...server, read }
  },
})

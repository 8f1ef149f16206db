import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { startHttpServer } from './http-server.ts'

export interface FileServerOptions {
  /** Breaks off, or says nothing more, after half of the bytes; or knows nobody. Asked for the end alone, it gives that. */
  readonly fault?: 'cut' | 'stall' | 'refuse'
  /** Whether it knows ranges. Default true. */
  readonly ranges?: boolean
  readonly headers?: Readonly<Record<string, string>>
}

export interface FileServer {
  readonly url: string
  /** Answers that are under way. */
  readonly open: () => number
  /** Bytes that were handed to the network. */
  readonly sent: () => number
  /** The Range headers that came. */
  readonly ranges: readonly (string | undefined)[]
}

const blockBytes = 64 * 1024

/** Serves bytes as files are served: with an ETag, ranges, and no faster than they are taken. */
export async function startFileServer(body: Uint8Array, { fault, ranges: knowsRanges = true, headers = {} }: FileServerOptions = {}): Promise<FileServer> {
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`
  const ranges: (string | undefined)[] = []
  let open = 0
  let sent = 0
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    ranges.push(request.headers.range)
    if (fault === 'refuse') return void response.writeHead(401).end(`no such user: ${request.headers.authorization ?? ''} ${request.url ?? ''}`)
    const asked = knowsRanges ? placeOf(request.headers.range ?? '', body.length) : undefined
    const { from, to, wanted } = asked ?? { from: 0, to: body.length, wanted: 'rest' }
    if (from >= body.length && body.length > 0) return void response.writeHead(416, { 'content-range': `bytes */${String(body.length)}` }).end()
    const range = asked === undefined ? {} : { 'content-range': `bytes ${String(from)}-${String(to - 1)}/${String(body.length)}` }
    response.writeHead('content-range' in range ? 206 : 200, { etag, 'content-length': to - from, ...range, ...headers })
    const middle = { rest: Math.ceil((from + body.length) / 2), part: Math.max(from, Math.ceil(body.length / 2)), end: to }[wanted]
    const end = fault === undefined ? to : Math.min(to, middle)
    for (let at = from; at < end && !response.destroyed; at += blockBytes) {
      const block = body.subarray(at, Math.min(end, at + blockBytes))
      sent += block.length
      await new Promise<void>((resolve) => response.write(block, () => resolve()))
    }
    if (end === to) response.end()
    else if (fault === 'cut') response.destroy()
  }
  const server = await startHttpServer((request, response) => {
    open += 1
    response.once('close', () => (open -= 1))
    return answer(request, response)
  })
  return { url: server.url, open: () => open, sent: () => sent, ranges }
}

interface Place {
  readonly from: number
  readonly to: number
  /** All from a byte on, up to another, or the last bytes. */
  readonly wanted: 'rest' | 'part' | 'end'
}

function placeOf(range: string, size: number): Place | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? []
  if (first === '') return last === '' || size === 0 ? undefined : { from: Math.max(0, size - Number(last)), to: size, wanted: 'end' }
  return { from: Number(first), to: last === '' ? size : Math.min(size, Number(last) + 1), wanted: last === '' ? 'rest' : 'part' }
}

import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { startHttpServer } from './http-server.ts'

export interface FileServerOptions {
  /** Breaks off, or says nothing more, after half of the bytes; or knows nobody. */
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
    const [, first] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? []
    const from = knowsRanges && first !== undefined ? Number(first) : 0
    if (from >= body.length && body.length > 0) return void response.writeHead(416, { 'content-range': `bytes */${String(body.length)}` }).end()
    const range =
      from > 0 || (knowsRanges && first !== undefined) ? { 'content-range': `bytes ${String(from)}-${String(body.length - 1)}/${String(body.length)}` } : {}
    response.writeHead('content-range' in range ? 206 : 200, { etag, 'content-length': body.length - from, ...range, ...headers })
    const end = fault === undefined ? body.length : Math.ceil((from + body.length) / 2)
    for (let at = from; at < end && !response.destroyed; at += blockBytes) {
      const block = body.subarray(at, Math.min(end, at + blockBytes))
      sent += block.length
      await new Promise<void>((resolve) => response.write(block, () => resolve()))
    }
    if (fault === 'cut') response.destroy()
    if (fault === undefined) response.end()
  }
  const server = await startHttpServer((request, response) => {
    open += 1
    response.once('close', () => (open -= 1))
    return answer(request, response)
  })
  return { url: server.url, open: () => open, sent: () => sent, ranges }
}

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { atFileEnd } from './cleanup.ts'

export interface TestHttpServer {
  /** `http://127.0.0.1:port`, without a slash at its end. */
  readonly url: string
  readonly port: number
  /** Ends the server and cuts its connections; happens at the file's end by itself. */
  close(): Promise<void>
}

/** A real HTTP server on a free port of 127.0.0.1. A handler that rejects answers 500 with the error's text. */
export async function startHttpServer(handler: (request: IncomingMessage, response: ServerResponse) => unknown): Promise<TestHttpServer> {
  const server = createServer((request, response) => {
    Promise.resolve()
      .then(() => handler(request, response))
      .catch((error: unknown) => {
        if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' })
        response.end(String(error))
      })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the test server has no port')
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  atFileEnd(close)
  return { url: `http://127.0.0.1:${address.port}`, port: address.port, close }
}

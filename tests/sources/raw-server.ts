import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A server below HTTP: hands each connection over once a request has begun to arrive. Ends with the test. */
export async function startRawServer(answer: (socket: Socket, request: string) => unknown) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', (request) => answer(socket, request.toString('latin1')))
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  return { url: `http://127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}`, sockets }
}

/** Writes for as long as the other side reads: `next` gives one part after another. */
export function pour(socket: Socket, next: () => Buffer | string): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(next()));
    if (!socket.destroyed) socket.once('drain', more)
  }
  more()
}

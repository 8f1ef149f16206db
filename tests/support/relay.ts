import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { atFileEnd } from './cleanup.ts'

export interface Relay {
  readonly port: number
  /** Cuts every connection and takes no more: for whoever is behind it, the server is away. */
  leave(): Promise<void>
  /** Takes connections again, on the same port. */
  comeBack(): Promise<void>
}

/** A way to a server of this machine that can be cut, so that the server keeps what it holds. */
export async function startRelay(to: number): Promise<Relay> {
  const sockets = new Set<Socket>()
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
  }
  const server = createServer((incoming) => {
    const outgoing = connect(to, '127.0.0.1')
    keep(incoming)
    keep(outgoing)
    incoming.pipe(outgoing).pipe(incoming)
    incoming.on('close', () => outgoing.destroy())
    outgoing.on('close', () => incoming.destroy())
  })
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
  await listen(0)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the relay has no port')
  const leave = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
    for (const socket of sockets) socket.destroy()
    await closed
  }
  atFileEnd(leave)
  return { port: address.port, leave, comeBack: () => listen(address.port) }
}

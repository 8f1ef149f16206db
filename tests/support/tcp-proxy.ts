import { createServer, connect } from 'node:net'
import { atFileEnd } from './cleanup.ts'

export interface TcpProxy {
  readonly port: number
  /** Connections that are open. */
  readonly open: () => number
  /** Bytes that came from behind and were handed on. */
  readonly sent: () => number
}

/** Stands before a server on 127.0.0.1. After so many bytes of its answers it breaks off, or hands nothing on any more. */
export async function startTcpProxy(port: number, { fault, after = 0 }: { fault?: 'cut' | 'stall'; after?: number } = {}): Promise<TcpProxy> {
  let open = 0
  let sent = 0
  const sockets = new Set<{ destroy: () => unknown }>()
  const server = createServer((client) => {
    const behind = connect({ port, host: '127.0.0.1', noDelay: true })
    client.setNoDelay(true)
    open += 1
    for (const socket of [client, behind]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => {
        client.destroy()
        behind.destroy()
      })
    }
    client.once('close', () => (open -= 1))
    client.pipe(behind)
    behind.on('data', (bytes) => {
      if (fault !== undefined && sent + bytes.length > after) {
        behind.pause()
        if (fault === 'cut') client.destroy()
        return
      }
      sent += bytes.length
      if (client.write(bytes)) return
      behind.pause()
      client.once('drain', () => behind.resume())
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  atFileEnd(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  )
  return { port: address.port, open: () => open, sent: () => sent }
}

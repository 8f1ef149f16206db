import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { atFileEnd } from './cleanup.ts'

export interface DatabaseRelay {
  /** The database, by way of the relay. */
  readonly url: string
  /** From now on connections are refused, and those there are end. */
  stop(): Promise<void>
  /** Connections are taken and answered by nobody, and those there are end. */
  hush(): Promise<void>
  /** Nothing passes any longer, and nobody hears of it. */
  freeze(): void
  /** Passes everything again, at the same address. */
  start(): Promise<void>
}

/** A database server that can be taken away and brought back, without a server of its own. Ends with the file. */
export async function startDatabaseRelay(databaseUrl: string): Promise<DatabaseRelay> {
  const target = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let silent = false
  let frozen = false
  let server: Server | undefined
  const pass = (inner: Socket): void => {
    sockets.add(inner)
    inner.on('error', () => undefined)
    inner.on('close', () => sockets.delete(inner))
    if (silent || frozen) return
    const outer = connect(Number(target.port), target.hostname)
    outer.on('error', () => inner.destroy())
    outer.on('close', () => inner.destroy())
    inner.on('close', () => outer.destroy())
    inner.on('data', (bytes) => frozen || outer.write(bytes))
    outer.on('data', (bytes) => frozen || inner.write(bytes))
  }
  const listen = async (port: number): Promise<number> => {
    server = createServer(pass).listen(port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    return typeof address === 'object' ? (address?.port ?? 0) : 0
  }
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const stop = async (): Promise<void> => {
    const ending = server
    server = undefined
    if (ending === undefined) return
    const closed = once(ending, 'close')
    ending.close()
    cut()
    await closed
  }
  const port = await listen(0)
  atFileEnd(stop)
  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${String(port)}`
  return {
    url: url.href,
    stop,
    async hush() {
      silent = true
      cut()
    },
    freeze() {
      frozen = true
    },
    async start() {
      silent = false
      frozen = false
      cut()
      if (server === undefined) await listen(port)
    },
  }
}

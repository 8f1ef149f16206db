import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { atFileEnd } from '../support/test.ts'

export interface ForgetfulRelay {
  /** The database, by way of the relay. */
  readonly url: string
  /** Connections so far are silent from now on: nothing passes, and nobody hears that they ended. New ones pass. */
  forget(): void
}

/** What a server looks like that vanishes without a word and comes back at the same address. Ends with the file. */
export async function startForgetfulRelay(databaseUrl: string): Promise<ForgetfulRelay> {
  const { hostname, port } = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let generation = 0
  const server = createServer((inner) => {
    const own = generation
    const outer = connect(Number(port), hostname)
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(from)
      from.on('error', () => undefined)
      from.on('data', (bytes) => own === generation && to.write(bytes))
      from.on('close', () => own === generation && to.end())
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atFileEnd(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${String(typeof address === 'object' ? address?.port : '')}`
  return {
    url: url.href,
    forget() {
      generation += 1
    },
  }
}

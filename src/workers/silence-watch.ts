import pg from 'pg'
import type { Logger } from '../logger.ts'

/** Watches connections that are at work: a server that vanished without a word would keep them, and their worker's slots, for a quarter of an hour. */
export interface SilenceWatch {
  /** A connection is at work, until the answered function is called. */
  enter(client: pg.ClientBase): () => void
  close(): void
}

export interface SilenceWatchOptions {
  readonly url: string
  /** How long a connection may say nothing before the server is asked, and how long that may take, in ms. */
  readonly patienceMs: number
  readonly logger: Logger
}

/** A busy server may miss one question, or two. */
const mostUnanswered = 3

interface Watched {
  readonly client: pg.ClientBase
  bytes: number
  quietSince: number
}

/** Whoever is silent while a fresh connection, too, gets no answer several times in a row is cut off. */
export function createSilenceWatch({ url, patienceMs, logger }: SilenceWatchOptions): SilenceWatch {
  const watched = new Set<Watched>()
  let unanswered = 0
  let timer: NodeJS.Timeout | undefined

  const look = async (): Promise<void> => {
    const now = performance.now()
    for (const one of watched) {
      const bytes = bytesOf(one.client)
      if (bytes !== one.bytes) Object.assign(one, { bytes, quietSince: now })
    }
    const quiet = [...watched].filter((one) => now - one.quietSince >= patienceMs)
    unanswered = quiet.length === 0 || (await answers(url, patienceMs)) ? 0 : unanswered + 1
    if (unanswered < mostUnanswered) return
    const silent = quiet.filter((one) => watched.has(one) && bytesOf(one.client) === one.bytes)
    logger.warn({ connections: silent.length }, 'a destination does not answer any longer; its connections are given up')
    for (const one of silent) socketOf(one.client).destroy()
  }
  const next = (): void => {
    timer = watched.size === 0 ? undefined : setTimeout(() => void look().finally(next), patienceMs)
    timer?.unref()
  }
  return {
    enter(client) {
      const one = { client, bytes: bytesOf(client), quietSince: performance.now() }
      watched.add(one)
      if (timer === undefined) next()
      return () => watched.delete(one)
    },
    close() {
      watched.clear()
      clearTimeout(timer)
    },
  }
}

/** Only silence counts: who refuses a connection may well be at work on those it has, and a pooler that takes one may have none to lend. */
async function answers(url: string, withinMs: number): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, application_name: 'millrace load', connectionTimeoutMillis: withinMs })
  client.on('error', () => undefined)
  try {
    await client.connect()
    // Nobody waits for its end, which may be as silent.
    client.end().catch(() => undefined)
    return true
  } catch (error) {
    return !(error instanceof Error && /timeout/i.test(error.message))
  }
}

interface Socket {
  readonly bytesRead: number
  readonly bytesWritten: number
  destroy(): void
}

/** The driver's types keep it to themselves. */
function socketOf(client: pg.ClientBase): Socket {
  return (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream
}

function bytesOf(client: pg.ClientBase): number {
  const { bytesRead, bytesWritten } = socketOf(client)
  return bytesRead + bytesWritten
}

import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { mustBe } from './same-rows.ts'

/** One query of a reader. */
interface Reading {
  /** When it was asked, in ms since 1970. */
  readonly at: number
  readonly ms: number
}

export interface Readers {
  /** Ends them. @throws what a reader saw that it should not have seen */
  stop(): Promise<readonly Reading[]>
}

const connections = 4
/** Between two queries of one reader: they measure a load, and should not be one. */
const restMs = 5
const span = 100

/** This machine's clock, as fine as it goes. */
export const now = (): number => performance.timeOrigin + performance.now()

/**
 * Reads `bench.crowd` over four connections, by key and by range, and checks what it sees: every row is of one load, and of none older than the last one seen.
 * @param rows that the table always has
 */
export async function startReaders(url: string, rows: number): Promise<Readers> {
  const readings: Reading[] = []
  const stopped = new AbortController()
  const clients = await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      return client
    }),
  )
  const loops = clients.map((client, number) => read(client, { rows, first: number, readings, signal: stopped.signal }))
  // Until they are stopped nobody looks at what has become of them.
  const ended = Promise.allSettled(loops)
  return {
    async stop() {
      stopped.abort()
      await ended
      await Promise.all(clients.map((client) => client.end()))
      await Promise.all(loops)
      return readings
    },
  }
}

interface ReaderOptions {
  readonly rows: number
  readonly first: number
  readonly readings: Reading[]
  readonly signal: AbortSignal
}

async function read(client: pg.Client, { rows, first, readings, signal }: ReaderOptions): Promise<void> {
  let newest = 0
  for (let n = first; !signal.aborted; n += 1) {
    const id = 1 + ((n * 7919) % Math.max(1, rows - span))
    const count = n % 2 === 0 ? 1 : Math.min(span, rows)
    const at = now()
    const { rows: found } = await client.query<{ n: number; oldest: string; newest: string }>(
      `SELECT count(*)::int AS n, min(value - id * 3) AS oldest, max(value - id * 3) AS newest FROM bench.crowd WHERE id BETWEEN $1::bigint AND $2::bigint`,
      [id, id + count - 1],
    )
    readings.push({ at, ms: now() - at })
    mustBe('rows that a reader saw', found[0]?.n, count)
    mustBe('loads that a reader saw in one query', found[0]?.oldest, found[0]?.newest)
    mustBe('that no reader sees an older load again', Number(found[0]?.newest) >= newest, true)
    newest = Number(found[0]?.newest)
    await sleep(restMs)
  }
}

/** Cells of a table: how many queries ran in a span of time, and their percentiles in ms. */
export function latencyCells(readings: readonly Reading[], from: number, to: number): string {
  // Those that were under way count too: one that waited began before.
  const times = readings.filter(({ at, ms }) => at <= to && at + ms >= from).map(({ ms }) => ms)
  if (times.length === 0) return '0 | | | '
  const sorted = times.toSorted((a, b) => a - b)
  const part = (share: number): string => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1)
  return `${String(sorted.length)} | ${part(0.5)} | ${part(0.99)} | ${part(1)}`
}

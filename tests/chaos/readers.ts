import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { rowHashSql } from './source.ts'
import type { ChaosSource } from './source.ts'

/** Two readers who look at the targets without end, and write down what nobody may see. */
export interface Readers {
  /** How many looks they have taken. */
  readonly looks: () => number
  /** What was seen that may not be: a half-filled target, rows that vanished. */
  readonly violations: () => readonly string[]
  stop(): Promise<void>
}

export interface SeenFilling {
  readonly edition: number
  readonly run_at: string
  readonly rows: number
  readonly sum: number
}

/** Tables that hold the filling of one run, and those that hold one of each. */
export const single = ['chaos.replaced', 'chaos.merged'] as const
export const growing = ['chaos.appended', 'chaos.snapshots', 'chaos.history', 'chaos.parts', 'chaos.followed'] as const
/** Those that a reader sees grow, batch by batch. */
export const batchwise = ['chaos.grown'] as const
const tables = [...single, ...growing]
type Table = (typeof tables | typeof batchwise)[number]
const isSingle = (table: Table): boolean => single.some((one) => one === table)
/** How long a reader's transaction stays open between its looks, in ms; longer when a look takes long, so that the readers leave the machine to the rest. */
const transactionMs = 40

/** Each filling that a table holds: one edition of one run. */
export async function fillingsOf(client: Pick<pg.ClientBase, 'query'>, table: Table): Promise<SeenFilling[]> {
  const { rows } = await client.query<SeenFilling>(
    `SELECT edition, run_at::text, count(*)::int AS rows, sum(${rowHashSql})::float8 AS sum FROM ${table} GROUP BY edition, run_at ORDER BY run_at`,
  )
  return rows
}

/** Why fillings are not what a target may hold; undefined when they are. */
export function wrongIn(table: Table, fillings: readonly SeenFilling[], source: ChaosSource): string | undefined {
  for (const one of fillings) {
    const expected = source.expected(one.edition)
    if (one.rows !== expected.rows || one.sum !== expected.sum) {
      return `${table} holds ${String(one.rows)} rows (checksum ${String(one.sum)}) of edition ${String(one.edition)} instead of ${String(expected.rows)} (${String(expected.sum)})`
    }
  }
  return isSingle(table) && fillings.length > 1 ? `${table} holds ${String(fillings.length)} fillings at once` : undefined
}

/** Starts a reader in READ COMMITTED and one in REPEATABLE READ. */
export function startReaders(url: string, source: ChaosSource): Readers {
  const stopping = new AbortController()
  const violations: string[] = []
  let looks = 0
  const read = async (isolation: 'READ COMMITTED' | 'REPEATABLE READ'): Promise<void> => {
    const before = new Map<Table, number>()
    let pause = transactionMs
    const look = async (client: pg.Client, when: string): Promise<void> => {
      const begun = performance.now()
      for (const table of tables) {
        const there = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [table])
        if (there.rows[0]?.there !== true) continue
        const fillings = await fillingsOf(client, table)
        looks += 1
        const wrong = wrongIn(table, fillings, source) ?? (fillings.length < (before.get(table) ?? 0) ? `${table} has lost fillings` : undefined)
        if (wrong !== undefined) violations.push(`${isolation}, ${when}: ${wrong}`)
        before.set(table, fillings.length)
      }
      pause = Math.max(transactionMs, 4 * (performance.now() - begun))
    }
    while (!stopping.signal.aborted) {
      const client = new pg.Client({ connectionString: url, application_name: `chaos reader ${isolation}`, connectionTimeoutMillis: 2000 })
      client.on('error', () => undefined)
      try {
        await client.connect()
        while (!stopping.signal.aborted) {
          await client.query(`BEGIN ISOLATION LEVEL ${isolation}`)
          // The snapshot of a REPEATABLE READ transaction is taken here, before it has touched either table.
          await client.query('SELECT 1')
          await delay(pause)
          await look(client, 'first look')
          await delay(pause)
          await look(client, 'second look')
          await client.query('COMMIT')
        }
      } catch (error) {
        // The tables are not there before the first run, and the server is killed now and then.
        const code = error instanceof Error && 'code' in error ? String(error.code) : ''
        if (!/^(42P01|3F000|57P0\d|ECONN.*|EPIPE|)$/.test(code)) violations.push(`${isolation}: ${String(error)}`)
        await delay(transactionMs)
      } finally {
        await client.end().catch(() => undefined)
      }
    }
  }
  const reading = [read('READ COMMITTED'), read('REPEATABLE READ')]
  return {
    looks: () => looks,
    violations: () => violations,
    async stop() {
      stopping.abort()
      await Promise.all(reading)
    },
  }
}

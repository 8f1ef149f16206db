import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type pg from 'pg'
import { createPool } from '../src/catalog/database.ts'
import { keepEventDays } from '../src/catalog/event-days.ts'
import { insertLines } from '../src/catalog/events.ts'
import type { LoggedLine } from '../src/catalog/events.ts'
import { migrate } from '../src/catalog/migrate.ts'
import { readEventPage } from '../src/catalog/read/events.ts'
import { createEmbeddedPostgres } from '../src/embedded/embedded-postgres.ts'
import { createLogger } from '../src/logger.ts'
import { median } from './median.ts'

const help = `npm run bench -- events [--rows 1000000]
What the event log costs: its size, how fast lines are stored, and how fast a run's log is read among many days.`

const perRun = 1000
const perInsert = 500

/** A line as code logs it: some sixty characters, two fields. */
const lineOf = (n: number): LoggedLine => ({
  level: n % 10 === 0 ? 'debug' : 'info',
  message: `Fetched page ${String(n)} of the orders of yesterday: 200 records in all`,
  data: JSON.stringify({ page: n, records: 200 }),
  loggedAt: performance.now(),
})

/** Measures the event log on a durable Postgres of its own. */
export async function benchEvents(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { rows: { type: 'string', default: '1000000' }, help: { type: 'boolean', short: 'h' } } })
  if (values.help === true) {
    process.stdout.write(`${help}\n`)
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const postgres = await createEmbeddedPostgres({ folder: join(folder, 'database'), durable: true, settings: { max_wal_size: '4GB' } })
  const pool = createPool({ url: postgres.url, max: 4, name: 'bench', logger: createLogger({ level: 'warn', pretty: false }), queryTimeoutMs: 0 })
  try {
    await migrate({ databaseUrl: postgres.url, queuesInPostgres: false })
    await measure(pool, Number(values.rows))
  } finally {
    await pool.end()
    await postgres.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measure(pool: pg.Pool, rows: number): Promise<void> {
  await pool.query(`INSERT INTO millrace.manifest (location, version, document) VALUES ('bench', 'v1', '{}')`)
  await fillDays(pool, rows / 2)
  const stored = await storeLines(pool, rows / 2)
  await pool.query('VACUUM ANALYZE millrace.event')
  const { rows: sizes } = await pool.query<{ table: string; indexes: string; events: string }>(
    `SELECT sum(pg_table_size(relid)) AS table, sum(pg_indexes_size(relid)) AS indexes, (SELECT count(*) FROM millrace.event) AS events FROM pg_partition_tree('millrace.event')`,
  )
  const [size] = sizes
  const events = Number(size?.events)
  const mb = (bytes: string | undefined): number => Number(bytes) / 1e6
  const whole = mb(size?.table) + mb(size?.indexes)
  say(
    `${events.toLocaleString('en')} events: ${whole.toFixed(0)} MB, of it ${mb(size?.indexes).toFixed(0)} of indexes; ${((whole * 1e6) / events).toFixed(0)} bytes an event`,
  )
  say(`stored: ${Math.round(stored).toLocaleString('en')} lines/s (one connection, ${String(perInsert)} an INSERT)`)
  await readRuns(pool)
}

/** Events of 30 days: runs of a thousand, as the engine and code write them. */
async function fillDays(pool: pg.Pool, rows: number): Promise<void> {
  for (let day = 1; day <= 30; day += 1) {
    await pool.query(
      `INSERT INTO millrace.event (at, retention, kind, message) SELECT now() - $1 * interval '1 day', r, 'log', 'first' FROM unnest('{debug,log,history}'::text[]) r`,
      [day],
    )
  }
  await keepEventDays(pool, { days: { debug: 0, log: 0, history: 0 } })
  await pool.query(
    `INSERT INTO millrace.run (location, version, status, assets, launched_by, created_at, ended_at)
     SELECT 'bench', 'v1', 'succeeded', '{bench/orders}', 'bench', at, at + interval '1 minute'
     FROM (SELECT now() - n * (interval '30 days' / $1::int) AS at FROM generate_series(1, $1::int) n) t`,
    [Math.round(rows / perRun)],
  )
  await pool.query(
    `INSERT INTO millrace.event (at, run_id, step_id, attempt, retention, level, kind, asset, message, data)
     SELECT r.created_at + n * interval '50 ms', r.id, r.id, 1, CASE WHEN n % 10 = 0 THEN 'debug' WHEN n % 10 = 1 THEN 'history' ELSE 'log' END,
       CASE WHEN n % 10 = 0 THEN 'debug' ELSE 'info' END, CASE WHEN n % 10 = 1 THEN 'materialization' ELSE 'log' END, 'bench/orders',
       'Fetched page ' || n || ' of the orders of yesterday: 200 records in all', jsonb_build_object('page', n, 'records', 200)
     FROM millrace.run r CROSS JOIN generate_series(1, $1::int) n ORDER BY r.created_at, n`,
    [perRun],
  )
}

/** Lines a second. */
async function storeLines(pool: pg.Pool, rows: number): Promise<number> {
  let taken = 0
  for (let stored = 0; stored < rows; stored += perRun) {
    const runId = randomUUID()
    const batches = [0, perInsert].map((from) => Array.from({ length: perInsert }, (_, index) => lineOf(from + index)))
    await pool.query(`INSERT INTO millrace.run (id, location, version, assets, launched_by) VALUES ($1, 'bench', 'v1', '{bench/orders}', 'bench')`, [runId])
    const began = performance.now()
    for (const lines of batches) await insertLines(pool, { runId, stepId: runId, asset: 'bench/orders', attempt: 1 }, lines)
    taken += performance.now() - began
  }
  return (rows / taken) * 1000
}

async function readRuns(pool: pg.Pool): Promise<void> {
  const { rows: runs } = await pool.query<{ id: string }>(`SELECT id FROM millrace.run WHERE ended_at IS NOT NULL ORDER BY md5(id::text) LIMIT 30`)
  const times: number[] = []
  for (const { id } of runs) {
    const began = performance.now()
    const page = await readEventPage(pool, id, { after: '0', limit: perRun })
    times.push(performance.now() - began)
    if (page?.events.length !== perRun) throw new Error(`the run ${id} has ${String(page?.events.length)} events`)
  }
  const { rows: partitions } = await pool.query<{ count: string }>(`SELECT count(*) AS count FROM pg_partition_tree('millrace.event') WHERE isleaf`)
  say(
    `read: a run's ${String(perRun)} events in ${median(times).toFixed(1)} ms (median of ${String(runs.length)} runs, ${partitions[0]?.count ?? ''} partitions)`,
  )
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

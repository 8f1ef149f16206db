import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, waitFor } from '../support/test.ts'
import type { Cluster } from './cluster.ts'
import { batchwise, fillingsOf, growing, single, wrongIn } from './readers.ts'

export type RunStatus = 'started' | 'canceling' | 'succeeded' | 'failed' | 'canceled'

/** Waits until a run has ended; answers its status and when that was, by the database's clock. */
export async function runEnd(cluster: Cluster, runId: string, timeoutMs = 60_000): Promise<{ status: RunStatus; endedAt: Date }> {
  return waitFor(
    async () => {
      const { rows } = await cluster.pool.query<{ status: RunStatus; ended_at: Date | null; steps: unknown }>(
        `SELECT status, ended_at, (SELECT json_agg(json_build_object('asset', asset, 'status', s.status, 'claimed', claimed_by, 'enqueued', enqueued, 'error', error)) FROM millrace.step s WHERE run_id = r.id) AS steps
         FROM millrace.run r WHERE id = $1`,
        [runId],
      )
      const run = rows[0]
      if (run?.ended_at === null || run === undefined) throw new Error(JSON.stringify(run))
      return { status: run.status, endedAt: run.ended_at }
    },
    { what: `the run ${runId} to end`, timeoutMs },
  )
}

/** The run must succeed. */
export async function runSucceeds(cluster: Cluster, runId: string, timeoutMs = 60_000): Promise<Date> {
  const { status, endedAt } = await runEnd(cluster, runId, timeoutMs)
  if (status !== 'succeeded') {
    const { rows } = await cluster.pool.query(`SELECT kind, message FROM millrace.event WHERE run_id = $1 ORDER BY id`, [runId])
    throw new Error(`the run ${status}: ${JSON.stringify(rows)}`)
  }
  return endedAt
}

/** Every row of every successful run is in its target once, and neither the catalogue nor a reader knows otherwise. */
export async function expectExact(cluster: Cluster): Promise<void> {
  const { pool, source } = cluster
  const { rows: done } = await pool.query<{ asset: string; edition: number; rows: number; order: string; state: string | null }>(
    `SELECT s.asset, (r.config->>'edition')::int AS edition, (s.result->>'rows')::int + coalesce((s.result->>'quarantined')::int, 0) AS rows, f.load_order AS "order", f.state
     FROM millrace.step s JOIN millrace.run r ON r.id = s.run_id LEFT JOIN millrace_load.step f ON f.step_id = s.id
     WHERE s.kind = 'table' AND s.status = 'succeeded' ORDER BY f.load_order`,
  )
  for (const one of done) expect(one, `the ledger and the catalogue on ${one.asset}`).toMatchObject({ rows: source.rows, state: 'published' })
  const editionsOf = (table: string): number[] => done.filter((one) => one.asset === table.replace('.', '/')).map((one) => one.edition)
  const ascending = (a: number, b: number): number => a - b
  for (const table of [...growing, ...batchwise]) {
    const held = await existing(() => fillingsOf(pool, table))
    expect(wrongIn(table, held, source)).toBeUndefined()
    expect(held.map((one) => one.edition).toSorted(ascending), `editions in ${table}`).toEqual(editionsOf(table).toSorted(ascending))
  }
  for (const table of single) {
    const held = await existing(() => fillingsOf(pool, table))
    expect(wrongIn(table, held, source)).toBeUndefined()
    expect(
      held.map((one) => one.edition),
      `the newest edition in ${table}`,
    ).toEqual(editionsOf(table).slice(-1))
  }
  await expectQuarantine(cluster, editionsOf('chaos/strained').length)
  const { rows: published } = await pool.query(
    `SELECT s.id FROM millrace_load.step f JOIN millrace.step s ON s.id = f.step_id WHERE f.state = 'published' AND s.status NOT IN ('succeeded')`,
  )
  expect(published, 'published in the ledger, and not in the catalogue').toEqual([])
  expect(cluster.readers.violations()).toEqual([])
}

/** Each record of each run is in the table or in quarantine, once. */
async function expectQuarantine({ pool, source }: Cluster, runs: number): Promise<void> {
  if (runs === 0) return
  const { rows } = await pool.query<{ records: number; ids: number }>(
    `SELECT count(*)::int AS records, count(DISTINCT one.id)::int AS ids FROM millrace.run r, LATERAL (
       SELECT t.id FROM chaos.strained t WHERE t.run_at = date_trunc('milliseconds', r.created_at)
       UNION ALL SELECT (q.record::jsonb->>'id')::int FROM millrace.quarantine q WHERE q.run_id = r.id AND q.asset = 'chaos/strained') one
     WHERE EXISTS (SELECT FROM millrace.step s WHERE s.run_id = r.id AND s.asset = 'chaos/strained' AND s.status = 'succeeded') GROUP BY r.id`,
  )
  expect(rows, 'records of each run in table and quarantine').toEqual(Array.from({ length: runs }, () => ({ records: source.rows, ids: source.rows })))
}

/** The SQL asset downstream counts what its last run found upstream. */
export async function expectSummary(cluster: Cluster): Promise<void> {
  const { rows } = await cluster.pool.query(
    `SELECT count(*)::int AS ids, count(*) FILTER (WHERE s.copies <> a.copies OR s.amount <> a.amount)::int AS wrong
     FROM chaos.summary s JOIN (SELECT id, count(*) AS copies, sum(amount) AS amount FROM chaos.appended GROUP BY id) a USING (id)`,
  )
  expect(rows[0]).toEqual({ ids: cluster.source.rows, wrong: 0 })
}

/** The function assets hold what the last run that succeeded made of its edition, the one downstream by the one upstream. */
export async function expectValues({ pool, values }: Cluster): Promise<void> {
  const { rows } = await pool.query<{ edition: number }>(
    `SELECT (r.config->>'edition')::int AS edition FROM millrace.step s JOIN millrace.run r ON r.id = s.run_id
     WHERE s.asset = 'chaos/valued' AND s.status = 'succeeded' ORDER BY s.ended_at DESC LIMIT 1`,
  )
  const edition = rows[0]?.edition ?? Number.NaN
  const read = async (asset: string): Promise<unknown> => JSON.parse(await readFile(join(values, asset, 'value.json'), 'utf8'))
  expect([await read('chaos/value'), await read('chaos/valued')]).toEqual([{ edition }, { edition, doubled: edition * 2 }])
}

/** What one function makes together is of one run, written down once each, and so is what was made of it. */
export async function expectJoined({ pool, values }: Cluster, runId: string): Promise<void> {
  const { rows: runs } = await pool.query<{ edition: number }>(`SELECT (config->>'edition')::int AS edition FROM millrace.run WHERE id = $1`, [runId])
  const edition = runs[0]?.edition ?? Number.NaN
  const read = async (asset: string): Promise<unknown> => JSON.parse(await readFile(join(values, asset, 'value.json'), 'utf8'))
  expect([await read('chaos/half'), await read('chaos/rest'), await read('chaos/joined')]).toEqual([{ edition }, { edition }, [edition, edition]])
  const { rows } = await pool.query(
    `SELECT asset, count(*) FILTER (WHERE kind = 'materialization')::int AS made, count(*) FILTER (WHERE kind = 'observation')::int AS seen
     FROM millrace.event WHERE run_id = $1 AND kind IN ('materialization', 'observation') GROUP BY asset ORDER BY asset`,
    [runId],
  )
  expect(rows).toEqual(['chaos/half', 'chaos/joined', 'chaos/rest'].map((asset) => ({ asset, made: 1, seen: asset === 'chaos/half' ? 1 : 0 })))
}

/** Every branch of a run has left its value once, and what it did outside it did under one key. */
export async function expectCounted({ pool, values }: Cluster, runId: string): Promise<void> {
  const { rows: runs } = await pool.query<{ edition: number }>(`SELECT (config->>'edition')::int AS edition FROM millrace.run WHERE id = $1`, [runId])
  const edition = runs[0]?.edition ?? Number.NaN
  const numbers = Array.from({ length: 20 }, (_, n) => edition * 100 + n)
  const { rows } = await pool.query<{ asset: string; value: number }>(
    `SELECT s.asset, v.value FROM millrace.step s JOIN millrace.step_value v ON v.step_id = s.id WHERE s.run_id = $1 AND s.template = 'chaos/counted.count' ORDER BY s.ordinal`,
    [runId],
  )
  expect(rows).toEqual(numbers.map((n, at) => ({ asset: `chaos/counted.count[${String(at)}]`, value: n * 2 })))
  expect(JSON.parse(await readFile(join(values, 'chaos/counted', 'value.json'), 'utf8'))).toBe(numbers.reduce((sum, n) => sum + n * 2, 0))
  const lines = (await readFile(join(values, 'effects.txt'), 'utf8')).split('\n').filter((line) => line.startsWith(runId))
  expect(new Set(lines).size, 'every branch under one key').toBe(20)
  expect(new Set(lines.map((line) => line.split(' ')[2])).size, 'a key for every branch').toBe(20)
}

async function existing<T>(read: () => Promise<T[]>): Promise<T[]> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === '42P01' || error.code === '3F000')) return []
    throw error
  }
}

/** After the clean-up nothing is left in staging, ledger or spool. Ended steps are aged, so that nobody waits for the grace to pass. */
export async function expectClean(cluster: Cluster): Promise<void> {
  const { pool, batches } = cluster
  await pool.query(`UPDATE millrace.step SET ended_at = ended_at - interval '1 minute', enqueued_at = NULL WHERE ended_at IS NOT NULL AND cleaned_at IS NULL`)
  await waitFor(async () => (await pool.query(`SELECT 1 FROM millrace.step WHERE ended_at IS NOT NULL AND cleaned_at IS NULL`)).rowCount === 0, {
    what: 'ended steps to be cleaned up',
    timeoutMs: 60_000,
  })
  const { rows: staging } = await pool.query(`SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('millrace_staging') AND relkind = 'r'`)
  expect(staging, 'staging tables').toEqual([])
  const { rows: ledger } = await pool.query(`SELECT step_id FROM millrace_load.batch`)
  expect(ledger, 'rows of the batch ledger').toEqual([])
  // Each goes when its step has ended, and nobody waits for it.
  await waitFor(async () => (await batches.names()).length === 0, { what: 'the spool to be empty' })
}

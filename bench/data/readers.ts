import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Cluster } from '../cluster.ts'
import { launchAndWait } from '../launch-run.ts'
import { oneEach } from '../roles.ts'
import type { DataPart } from './part.ts'
import { latencyCells, now, startReaders } from './reading.ts'
import { mustBe, resultOf } from './same-rows.ts'
import { withCluster } from './with-cluster.ts'

const target = 'bench.crowd'

/** The first content, as somebody else has made it: `value` says of which load a row is, of the one numbered 0. */
async function fill(cluster: Cluster, rows: number): Promise<void> {
  await cluster.pool.query('CREATE SCHEMA IF NOT EXISTS bench')
  await cluster.pool.query(`CREATE TABLE ${target} (id bigint NOT NULL, value bigint NOT NULL, label text NOT NULL)`)
  await cluster.pool.query(`INSERT INTO ${target} SELECT id, id * 3, 'row ' || id FROM generate_series(1, $1::bigint) AS id`, [rows])
  await cluster.pool.query(`ALTER TABLE ${target} ADD PRIMARY KEY (id)`)
  await cluster.pool.query(`VACUUM ANALYZE ${target}`)
  await cluster.pool.query('CHECKPOINT')
}

/** Every row is there once, and of one load. */
async function check(cluster: Cluster, rows: number, round: number): Promise<void> {
  const { rows: found } = await cluster.pool.query<object>(
    `SELECT count(*)::int AS rows, count(DISTINCT id)::int AS keys, min(id)::int AS first, max(id)::int AS last,
       (count(*) FILTER (WHERE value <> id * 3 + $1::bigint OR label <> 'row ' || id))::int AS wrong FROM ${target}`,
    [round],
  )
  mustBe(`what is in ${target}`, found[0], { rows, keys: rows, first: 1, last: rows, wrong: 0 })
}

interface Phases {
  readonly launched: number
  /** The last batch was in staging: publishing began. */
  readonly loaded: number
  /** The rows were in the target; the commit follows at once. */
  readonly swapped: number
  readonly ended: number
  readonly how: unknown
}

async function phasesOf(cluster: Cluster, runId: string): Promise<Phases> {
  const { rows } = await cluster.pool.query<{ launched: Date; loaded: Date; swapped: Date; ended: Date }>(
    `SELECT r.created_at AS launched, (SELECT max(loaded_at) FROM millrace.batch WHERE step_id = s.id) AS loaded,
       (SELECT published_at FROM millrace_load.target WHERE step_id = s.id) AS swapped, s.ended_at AS ended
     FROM millrace.run r JOIN millrace.step s ON s.run_id = r.id WHERE r.id = $1`,
    [runId],
  )
  const [row] = rows
  if (row === undefined) throw new Error(`There is no step of the run ${runId}`)
  const { how } = await resultOf(cluster, runId)
  return { launched: row.launched.getTime(), loaded: row.loaded.getTime(), swapped: row.swapped.getTime(), ended: row.ended.getTime(), how }
}

async function replaceBeside(cluster: Cluster, rows: number, round: number, beside?: (signal: AbortSignal) => Promise<void>) {
  const readers = await startReaders(cluster.postgres.url, rows)
  const failed = new AbortController()
  const along = beside?.(failed.signal)
  try {
    const [{ runId, seconds }] = await Promise.all([launchAndWait(cluster, 'bench/crowd', rows, { rows, round }), along])
    await sleep(500)
    return { phases: await phasesOf(cluster, runId), seconds, readings: await readers.stop() }
  } catch (error) {
    failed.abort()
    await Promise.allSettled([along, readers.stop()])
    throw error
  }
}

/** How long the one transaction keeps its old snapshot while publishing waits for it. */
const oldSnapshotMs = 3000
/** How long the other one keeps the table locked against the swap, from its first try on. */
const lockHeldMs = 600

/** Waits until a query finds a row. */
async function until(client: pg.Client, query: string, signal: AbortSignal): Promise<void> {
  while ((await client.query(query)).rowCount === 0) await sleep(5, undefined, { signal })
}

/** Two transactions that read the table and stay open: one with a snapshot, one that holds but its lock until the swap has wanted it for a while. */
async function holdTransactions(cluster: Cluster, signal: AbortSignal): Promise<void> {
  const [snapshot, holder, watch] = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const client = new pg.Client({ connectionString: cluster.postgres.url })
      await client.connect()
      return client
    }),
  )
  if (snapshot === undefined || holder === undefined || watch === undefined) throw new Error('three connections are three')
  try {
    await snapshot.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    const sum = `SELECT sum(value) AS sum FROM ${target} WHERE id <= 1000`
    const { rows: before } = await snapshot.query<{ sum: string }>(sum)
    await holder.query('BEGIN')
    await holder.query(`SELECT FROM ${target} LIMIT 1`)
    await until(watch, `SELECT FROM millrace.step WHERE status = 'publishing'`, signal)
    await sleep(oldSnapshotMs, undefined, { signal })
    const { rows: after } = await snapshot.query<{ sum: string }>(sum)
    mustBe('what a transaction reads as long as it is open', after, before)
    await snapshot.query('COMMIT')
    await until(
      watch,
      `SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relname = 'crowd' AND l.mode = 'AccessExclusiveLock' AND NOT l.granted`,
      signal,
    )
    await sleep(lockHeldMs, undefined, { signal })
    await holder.query('COMMIT')
  } finally {
    await Promise.all([snapshot.end(), holder.end(), watch.end()])
  }
}

/** What readers notice when a large table is replaced under them. Once each: what counts is the longest wait of thousands of queries. */
export const readers: DataPart = {
  name: 'readers',
  about: 'how long readers of a table of 10,000,000 rows wait while it is replaced; once, whatever the tries',
  async measure({ backend, rows = 10_000_000 }, say) {
    await withCluster({ backend, rows: 0, roles: oneEach }, async (cluster) => {
      await fill(cluster, rows)
      say(`4 connections that read by key, of a table of ${String(rows)} rows with a primary key; no query saw two loads, or an older one again`)
      say('| when | s | queries | p50, ms | p99, ms | max, ms |')
      say('| --- | --- | --- | --- | --- | --- |')
      const line = (when: string, readings: Awaited<ReturnType<typeof replaceBeside>>['readings'], from: number, to: number): void =>
        say(`| ${when} | ${((to - from) / 1000).toFixed(1)} | ${latencyCells(readings, from, to)} |`)

      const quiet = await startReaders(cluster.postgres.url, rows)
      await sleep(1000)
      const from = now()
      await sleep(5000)
      const to = now()
      line('no load at all', await quiet.stop(), from, to)

      const plain = await replaceBeside(cluster, rows, 1)
      await check(cluster, rows, 1)
      mustBe('how the table was replaced', plain.phases.how, 'swapped')
      line('while batches are loaded', plain.readings, plain.phases.launched, plain.phases.loaded)
      line('from the last batch to the swap', plain.readings, plain.phases.loaded, plain.phases.ended)
      line('half a second around the swap', plain.readings, plain.phases.swapped - 250, plain.phases.swapped + 250)

      await cluster.pool.query('CHECKPOINT')
      const held = await replaceBeside(cluster, rows, 2, (signal) => holdTransactions(cluster, signal))
      await check(cluster, rows, 2)
      mustBe('how the table was replaced, with transactions open', held.phases.how, 'swapped')
      line('with transactions open: from the last batch to the swap', held.readings, held.phases.loaded, held.phases.ended)
      line('with transactions open: two seconds around the swap', held.readings, held.phases.swapped - 1750, held.phases.swapped + 250)
      say(
        `the load took ${plain.seconds.toFixed(1)} s, and ${held.seconds.toFixed(1)} s where one transaction kept an old snapshot for ${String(oldSnapshotMs)} ms of the publishing, and one held the table for ${String(lockHeldMs)} ms after the swap first wanted it`,
      )
    })
  },
}

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { treeCpuSeconds } from '../processes.ts'
import type { Cluster } from '../cluster.ts'
import { changedRecord } from '../feeds.ts'
import { launchAndWait } from '../launch-run.ts'
import { writeCopyText } from '../psql-copy.ts'
import { oneEach } from '../roles.ts'
import { cpuBetween, cpuOf, ownCpu } from './cpu.ts'
import { inTurn, secondsOf } from './in-turn.ts'
import type { DataPart } from './part.ts'
import { mustBe, mustHaveSameRows, resultOf } from './same-rows.ts'
import { withCluster } from './with-cluster.ts'

/** What a load of so many rows must say of itself: half of them are known and have changed, half are new. */
const expectedCounts = (rows: number) => ({ inserted: Math.floor(rows / 2), updated: Math.ceil(rows / 2), deleted: 0, unchanged: 0 })

async function countsOf(cluster: Cluster, runId: string): Promise<unknown> {
  const { inserted, updated, deleted, unchanged } = await resultOf(cluster, runId)
  return { inserted, updated, deleted, unchanged }
}

/** The same rows in the same order, with an index built at once, as nothing had been merged into it yet. */
async function reset(cluster: Cluster, table: string): Promise<void> {
  const key = `${table.split('.')[1] ?? ''}_pkey`
  await cluster.pool.query(`TRUNCATE ${table}`)
  await cluster.pool.query(`ALTER TABLE ${table} DROP CONSTRAINT ${key}`)
  await cluster.pool.query(`INSERT INTO ${table} SELECT * FROM public.known`)
  await cluster.pool.query(`ALTER TABLE ${table} ADD CONSTRAINT ${key} PRIMARY KEY (id)`)
  await cluster.pool.query(`VACUUM ANALYZE ${table}`)
  await cluster.pool.query('CHECKPOINT')
}

/** COPY into a temporary table, then one INSERT … ON CONFLICT, in one transaction: what one would write by hand. */
function mergeByHand(cluster: Cluster, table: string, columns: readonly string[], file: string): number {
  const sets = columns.filter((name) => name !== 'id').map((name) => `${name} = excluded.${name}`)
  const statements = [
    'BEGIN',
    `CREATE TEMP TABLE incoming (LIKE ${table}) ON COMMIT DROP`,
    `\\copy incoming FROM '${file}'`,
    `INSERT INTO ${table} SELECT * FROM incoming ON CONFLICT (id) DO UPDATE SET ${sets.join(', ')}`,
    'COMMIT',
  ]
  const begin = performance.now()
  execFileSync('psql', [cluster.postgres.url, '-q', '-v', 'ON_ERROR_STOP=1', ...statements.flatMap((statement) => ['-c', statement])])
  return (performance.now() - begin) / 1000
}

/** A merge over HTTP beside the hand-written way, whose rows are ready-made text. */
export const merge: DataPart = {
  name: 'merge',
  about: '100,000 rows, half of them known, over HTTP into a table of 500,000, beside COPY into a temp table and INSERT … ON CONFLICT',
  async measure({ tries, backend, rows = 100_000 }, say) {
    const known = rows * 5
    await withCluster({ backend, rows: known, roles: oneEach }, async (cluster) => {
      const file = join(cluster.folder, 'changes.txt')
      await writeCopyText(file, rows, changedRecord)
      await launchAndWait(cluster, 'bench/merged', known)
      await cluster.pool.query('CREATE TABLE public.known AS TABLE bench.merged')
      await cluster.pool.query('CREATE TABLE public.by_hand (LIKE bench.merged INCLUDING ALL)')
      const { rows: found } = await cluster.pool.query<{ name: string }>(
        `SELECT quote_ident(attname) AS name FROM pg_attribute WHERE attrelid = 'bench.merged'::regclass AND attnum > 0 ORDER BY attnum`,
      )
      const columns = found.map(({ name }) => name)
      const config = { rows, feed: 'changes' }
      let cpu = { ours: 0, server: 0, hand: 0 }
      const times = await inTurn(tries, {
        async hand() {
          await reset(cluster, 'public.by_hand')
          const before = treeCpuSeconds(cluster.postgres.pid)
          const seconds = mergeByHand(cluster, 'public.by_hand', columns, file)
          cpu = { ...cpu, hand: treeCpuSeconds(cluster.postgres.pid) - before }
          return seconds
        },
        async ours() {
          await reset(cluster, 'bench.merged')
          const before = cpuOf(cluster)
          const { seconds, runId } = await launchAndWait(cluster, 'bench/merged', rows, config)
          const taken = cpuBetween(before, cpuOf(cluster))
          cpu = { ...cpu, ours: ownCpu(taken), server: taken['postgres'] ?? 0 }
          mustBe('what the merge counted', await countsOf(cluster, runId), expectedCounts(rows))
          await mustHaveSameRows(cluster, 'TABLE bench.merged', 'TABLE public.by_hand')
          return seconds
        },
      })
      const again = await launchAndWait(cluster, 'bench/merged', rows, config)
      mustBe('what the same merge counted once more', await countsOf(cluster, again.runId), { inserted: 0, updated: 0, deleted: 0, unchanged: rows })
      await mustHaveSameRows(cluster, 'TABLE bench.merged', 'TABLE public.by_hand')
      say(
        `| ${String(rows)} rows into ${String(known)} | s, median of ${String(tries)} (span) | rows/s | ratio, hand / it | CPU s of the last, ours + server |`,
      )
      say('| --- | --- | --- | --- | --- |')
      say(`| psql: COPY of text, INSERT … ON CONFLICT | ${secondsOf(times.hand)} | ${perSecond(rows, times.hand.median)} | 1.00 | ${cpu.hand.toFixed(1)} |`)
      say(
        `| merge over HTTP | ${secondsOf(times.ours)} | ${perSecond(rows, times.ours.median)} | ${(times.hand.median / times.ours.median).toFixed(2)} | ${cpu.ours.toFixed(1)} + ${cpu.server.toFixed(1)} |`,
      )
      say(`the same rows once more, all of them alike: ${again.seconds.toFixed(2)} s`)
    })
  },
}

const perSecond = (rows: number, seconds: number): string => String(Math.round(rows / seconds))

import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cluster } from '../cluster.ts'
import { launchAndWait } from '../launch-run.ts'
import { usageOf } from '../processes.ts'
import { timePsqlCopy, writeCopyText } from '../psql-copy.ts'
import { oneEach } from '../roles.ts'
import { cpuBetween, cpuOf, ownCpu } from './cpu.ts'
import type { DataPart } from './part.ts'
import { mustBe, numberOfDevice } from './same-rows.ts'
import { withCluster } from './with-cluster.ts'

/** How many different rows the source has: after them the same ones come again, so that serving them costs little. */
const period = 500_000
const parts = 5
/** A row in staging is about 330 bytes; WAL and spool need room beside it, whatever the rows. */
const bytesARow = 400
const bytesBeside = 14 * 2 ** 30

/** The most memory that each process has held so far, in MiB, in the order of the roles. */
const peaksOf = (cluster: Cluster): number[] => Object.keys(oneEach).map((role) => Math.round(usageOf(cluster.processes.get(role)?.pid ?? 0)?.peakMiB ?? 0))

const loadedSql = `SELECT coalesce(sum(b.rows), 0)::float8 AS rows FROM millrace.batch b JOIN millrace.step s ON s.id = b.step_id JOIN millrace.run r ON r.id = s.run_id
  WHERE r.status = 'started' AND b.status = 'loaded'`

/** Notes the peaks each time that another fifth of the rows is in staging, until it is told to stop. */
async function watchPeaks(cluster: Cluster, rows: number, signal: AbortSignal): Promise<number[][]> {
  const peaks: number[][] = []
  for (;;) {
    const stopped = signal.aborted
    const { rows: found } = await cluster.pool.query<{ rows: number }>(loadedSql)
    const share = stopped ? parts : Math.floor(((found[0]?.rows ?? 0) * parts) / rows)
    while (peaks.length < share) peaks.push(peaksOf(cluster))
    if (stopped) return peaks
    await new Promise((resolve) => setTimeout(resolve, rows > 1_000_000 ? 1000 : 50))
  }
}

/** Seconds from the launch until each fifth of the rows was loaded, and until the run had ended. */
async function timesOf(cluster: Cluster, runId: string, rows: number): Promise<{ fifths: number[]; end: number }> {
  const { rows: found } = await cluster.pool.query<{ seconds: number; end: number }>(
    `WITH batches AS (
       SELECT b.loaded_at - r.created_at AS after, r.ended_at - r.created_at AS ended, sum(b.rows) OVER (ORDER BY b.loaded_at, b.id) AS rows
       FROM millrace.batch b JOIN millrace.step s ON s.id = b.step_id JOIN millrace.run r ON r.id = s.run_id WHERE r.id = $1)
     SELECT extract(epoch FROM min(after))::float8 AS seconds, extract(epoch FROM min(ended))::float8 AS end
     FROM generate_series(1, $2) AS part JOIN batches ON batches.rows >= part * $3::numeric / $2 GROUP BY part ORDER BY part`,
    [runId, parts, rows],
  )
  mustBe('parts of the way', found.length, parts)
  return { fifths: found.map((one) => one.seconds), end: found[0]?.end ?? Number.NaN }
}

/** The table must hold each of the source's rows as often as it came: by their number, and by the sum of their hashes. */
async function check(cluster: Cluster, rows: number): Promise<void> {
  const { rows: found } = await cluster.pool.query<{ sums: string }>(
    `SELECT concat_ws(' ', count(*), sum(hashtextextended(t::text, 0)::numeric)) AS sums FROM bench.replaced t
     UNION ALL
     SELECT concat_ws(' ', sum(times), sum(times * hash)) FROM (
       SELECT ($1::bigint - 1 - ${numberOfDevice}) / ${String(period)} + 1 AS times, hashtextextended(t::text, 0)::numeric AS hash FROM public.copied t) t`,
    [rows],
  )
  mustBe('the sums of bench.replaced', found[0]?.sums, found[1]?.sums)
}

/** A load that is a hundred times as large takes a hundred times as long, and no more memory. */
export const large: DataPart = {
  name: 'large',
  about: '50,000,000 records over HTTP once: whether time grows with the rows alone, and memory not at all; wants MILLRACE_BENCH_LARGE=1',
  async measure({ backend, rows = 50_000_000 }, say) {
    const needed = rows * bytesARow + bytesBeside
    if (process.env['MILLRACE_BENCH_LARGE'] !== '1') {
      say(`left out: it takes minutes and ${gibibytes(needed)} GiB of disk below ${tmpdir()}. With MILLRACE_BENCH_LARGE=1 it is measured.`)
      return
    }
    const { bavail, bsize } = statfsSync(tmpdir())
    const free = bavail * bsize
    if (free < needed)
      throw new Error(`${String(rows)} rows want ${gibibytes(needed)} GiB below ${tmpdir()}, and ${gibibytes(free)} are free. Make room, or set TMPDIR.`)
    const different = Math.min(rows, period)
    await withCluster({ backend, rows: different, roles: oneEach }, async (cluster) => {
      const file = join(cluster.folder, 'rows.txt')
      await writeCopyText(file, different)
      timePsqlCopy(cluster.postgres.url, file)
      // Code is compiled, and the source has made its pages, before the first fifth.
      await launchAndWait(cluster, 'bench/replaced', different, { rows: different, feed: 'repeated' })
      await cluster.pool.query('DROP TABLE bench.replaced')
      await cluster.pool.query('CHECKPOINT')
      const atStart = peaksOf(cluster)
      const before = cpuOf(cluster)
      const done = new AbortController()
      const watched = watchPeaks(cluster, rows, done.signal)
      const { seconds, runId } = await launchAndWait(cluster, 'bench/replaced', rows, { rows, feed: 'repeated' }).finally(() => done.abort())
      const peaks = await watched
      const taken = cpuBetween(before, cpuOf(cluster))
      await check(cluster, rows)
      const { fifths, end } = await timesOf(cluster, runId, rows)
      const roles = Object.keys(oneEach)
      say(`| of ${String(rows)} rows | s | s of this part | ${roles.map((role) => `${role}, peak MiB`).join(' | ')} |`)
      say(`| --- | --- | --- |${' --- |'.repeat(roles.length)}`)
      say(`| before, after ${String(different)} rows | 0 | | ${atStart.join(' | ')} |`)
      const lengths = fifths.map((at, index) => at - (fifths[index - 1] ?? 0))
      for (const [index, at] of fifths.entries()) {
        say(`| ${String(index + 1)}/${String(parts)} | ${at.toFixed(1)} | ${(lengths[index] ?? 0).toFixed(1)} | ${(peaks[index] ?? []).join(' | ')} |`)
      }
      say(`| published | ${end.toFixed(1)} | ${(end - (fifths.at(-1) ?? 0)).toFixed(1)} | ${peaksOf(cluster).join(' | ')} |`)
      say(
        `${String(Math.round(rows / seconds))} rows/s; the slowest part took ${(Math.max(...lengths) / Math.min(...lengths)).toFixed(2)} times as long as the fastest; ` +
          `CPU ${ownCpu(taken).toFixed(0)} s ours, ${(taken['postgres'] ?? 0).toFixed(0)} s Postgres, ${(taken['source'] ?? 0).toFixed(0)} s source; every row is there, by count and checksum`,
      )
    })
  },
}

const gibibytes = (bytes: number): string => (bytes / 2 ** 30).toFixed(0)

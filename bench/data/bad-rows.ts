import { join } from 'node:path'
import type { Cluster } from '../cluster.ts'
import { faultyColumn, isBad } from '../feeds.ts'
import { launchAndWait } from '../launch-run.ts'
import { median } from '../median.ts'
import { timePsqlCopy, writeCopyText } from '../psql-copy.ts'
import { oneEach } from '../roles.ts'
import { cpuBetween, cpuOf, ownCpu } from './cpu.ts'
import type { Cpu } from './cpu.ts'
import { inTurn, secondsOf } from './in-turn.ts'
import type { DataPart } from './part.ts'
import { mustBe, mustHaveSameRows, numberOfDevice } from './same-rows.ts'
import { withCluster } from './with-cluster.ts'

/** How many bad records are in quarantine for each column, as a load of so many rows must have them. */
function expectedIssues(rows: number, columnOf: (n: number) => string | undefined): Record<string, number> {
  const counts: Record<string, number> = {}
  for (let n = 0; n < rows; n += 1) {
    const column = columnOf(n)
    if (column !== undefined) counts[column] = (counts[column] ?? 0) + 1
  }
  return inOrder(Object.entries(counts))
}

const inOrder = (counts: readonly (readonly [string, number])[]): Record<string, number> => Object.fromEntries(counts.toSorted(([a], [b]) => (a < b ? -1 : 1)))

async function issuesOf(cluster: Cluster, runId: string): Promise<Record<string, number>> {
  const { rows } = await cluster.pool.query<{ column: string; n: number }>(
    `SELECT issues -> 0 ->> 'column' AS column, count(*)::int AS n FROM millrace.quarantine WHERE run_id = $1 AND state = 'kept' GROUP BY 1`,
    [runId],
  )
  return inOrder(rows.map(({ column, n }) => [column, n]))
}

interface Load {
  readonly feed: string
  readonly asset: string
  readonly columnOf: (n: number) => string | undefined
  /** What the table must hold. */
  readonly expected: string
}

const good = `(${numberOfDevice}) % 100 <> 37`
const withWait = (where: string): string => `SELECT *, make_interval(mins => ((${numberOfDevice}) % 90)::int) AS wait FROM public.copied WHERE ${where}`

const loads = {
  clean: { feed: 'devices', asset: 'bench/tolerant', columnOf: () => undefined, expected: 'TABLE public.copied' },
  faulty: { feed: 'faulty', asset: 'bench/tolerant', columnOf: faultyColumn, expected: `SELECT * FROM public.copied WHERE ${good}` },
  cleanText: { feed: 'waits', asset: 'bench/waiting', columnOf: () => undefined, expected: withWait('true') },
  refused: { feed: 'faulty-waits', asset: 'bench/waiting', columnOf: (n) => (isBad(n) ? 'wait' : undefined), expected: withWait(good) },
} as const satisfies Record<string, Load>

type LoadName = keyof typeof loads

const lines: readonly (readonly [title: string, name: LoadName, clean: LoadName])[] = [
  ['clean', 'clean', 'clean'],
  ['1 % that the schema refuses', 'faulty', 'clean'],
  ['clean, with an interval: text COPY', 'cleanText', 'cleanText'],
  ['1 % that only Postgres refuses', 'refused', 'cleanText'],
]

const server = (taken: Cpu): number => taken['postgres'] ?? 0

/** What records that do not fit cost: by the schema's word, and where only Postgres can tell. */
export const badRows: DataPart = {
  name: 'bad-rows',
  about: '500,000 records over HTTP, 1 % of them into quarantine, beside the same load with none that is bad',
  async measure({ tries, backend, only, rows = 500_000 }, say) {
    await withCluster({ backend, rows, roles: oneEach }, async (cluster) => {
      const file = join(cluster.folder, 'rows.txt')
      await writeCopyText(file, rows)
      timePsqlCopy(cluster.postgres.url, file)
      const cpu = new Map<LoadName, Cpu[]>()
      const run = (name: LoadName) => async (): Promise<number> => {
        const { asset, feed, columnOf, expected }: Load = loads[name]
        const target = asset.replace('/', '.')
        await cluster.pool.query(`DROP TABLE IF EXISTS ${target}`)
        await cluster.pool.query('CHECKPOINT')
        const before = cpuOf(cluster)
        const { seconds, runId } = await launchAndWait(cluster, asset, rows, { rows, feed })
        const taken = cpuBetween(before, cpuOf(cluster))
        cpu.set(name, [...(cpu.get(name) ?? []), taken])
        mustBe(`what ${feed} left in quarantine`, await issuesOf(cluster, runId), expectedIssues(rows, columnOf))
        await mustHaveSameRows(cluster, `TABLE ${target}`, expected)
        return seconds
      }
      const asked = lines.filter(([title]) => only.length === 0 || only.some((text) => title.includes(text)))
      const names = [...new Set(asked.flatMap(([, name, clean]) => [clean, name]))]
      const shown = lines.filter(([, name]) => names.includes(name))
      const times = await inTurn(tries, Object.fromEntries(names.map((name) => [name, run(name)])) as Record<LoadName, () => Promise<number>>)
      // The first round is not counted here either.
      const spent = (name: LoadName, part: (taken: Cpu) => number): number => median((cpu.get(name) ?? []).slice(1).map(part))
      const all = (taken: Cpu): number => ownCpu(taken) + server(taken)
      say(`| ${String(rows)} records | s, median of ${String(tries)} (span) | rows/s | ratio, it / clean | CPU s, ours + server (transform) | CPU ratio |`)
      say('| --- | --- | --- | --- | --- | --- |')
      for (const [title, name, clean] of shown) {
        const took = `${secondsOf(times[name])} | ${String(Math.round(rows / times[name].median))} | ${(times[name].median / times[clean].median).toFixed(2)}`
        const used = `${spent(name, ownCpu).toFixed(2)} + ${spent(name, server).toFixed(2)} (${spent(name, ({ transform = 0 }) => transform).toFixed(2)})`
        say(`| ${title} | ${took} | ${used} | ${(spent(name, all) / spent(clean, all)).toFixed(2)} |`)
      }
      const bad = Object.values(expectedIssues(rows, faultyColumn)).reduce((sum, n) => sum + n, 0)
      say(`of each bad load ${String(bad)} records are in quarantine, by column, and ${String(rows - bad)} rows in the table, by checksum`)
    })
  },
}

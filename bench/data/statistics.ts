import { join } from 'node:path'
import { launchAndWait } from '../launch-run.ts'
import { median } from '../median.ts'
import { timePsqlCopy, writeCopyText } from '../psql-copy.ts'
import { oneEach } from '../roles.ts'
import { cpuBetween, cpuOf, ownCpu } from './cpu.ts'
import { inTurn, secondsOf } from './in-turn.ts'
import { writeOrders } from './order.ts'
import type { DataPart } from './part.ts'
import { mustHaveSameRows } from './same-rows.ts'
import { withCluster } from './with-cluster.ts'

const titles = {
  json: 'JSON over HTTP',
  jsonWithout: 'the same, `statistics: false`',
  csv: 'a CSV file of as many rows',
  csvWithout: 'the same, `statistics: false`',
} as const
type Name = keyof typeof titles

/** What it costs to look at every value of every column. */
export const statistics: DataPart = {
  name: 'statistics',
  about: '500,000 rows of 12 columns, with statistics of the columns, as by default, and without',
  async measure({ tries, backend, rows = 500_000 }, say) {
    await withCluster({ backend, rows, roles: oneEach }, async (cluster) => {
      const file = join(cluster.folder, 'rows.txt')
      const path = join(cluster.folder, 'orders.csv')
      await writeCopyText(file, rows)
      timePsqlCopy(cluster.postgres.url, file)
      await writeOrders(path, rows)
      const spent = new Map<Name, { all: number; transform: number }[]>()
      const run = (name: Name, asset: string, config: Readonly<Record<string, unknown>>, expected?: string) => async (): Promise<number> => {
        const target = asset.replace('/', '.')
        await cluster.pool.query(`DROP TABLE IF EXISTS ${target}`)
        await cluster.pool.query('CHECKPOINT')
        const before = cpuOf(cluster)
        const { seconds } = await launchAndWait(cluster, asset, rows, config)
        const taken = cpuBetween(before, cpuOf(cluster))
        const all = ownCpu(taken) + (taken['postgres'] ?? 0) + (taken['redis'] ?? 0)
        spent.set(name, [...(spent.get(name) ?? []), { all, transform: taken['transform'] ?? 0 }])
        if (expected !== undefined) await mustHaveSameRows(cluster, `TABLE ${target}`, expected)
        return seconds
      }
      const times = await inTurn<Name>(tries, {
        json: run('json', 'bench/replaced', { rows }, 'TABLE public.copied'),
        jsonWithout: run('jsonWithout', 'bench/unwatched', { rows }, 'TABLE public.copied'),
        csv: run('csv', 'bench/orders_of_file', { path }),
        csvWithout: run('csvWithout', 'bench/unwatched_orders', { path }, 'TABLE bench.orders_of_file'),
      })
      const cpu = (name: Name, part: 'all' | 'transform'): number => median((spent.get(name) ?? []).slice(1).map((one) => one[part]))
      say(`| ${String(rows)} rows, medians of ${String(tries)} (span) | s | ratio, with / without | CPU s of all processes | ratio | of these, transform |`)
      say('| --- | --- | --- | --- | --- | --- |')
      for (const [name, title] of Object.entries(titles) as [Name, string][]) {
        const without = name.startsWith('json') ? 'jsonWithout' : 'csvWithout'
        const ratio = (of: number, to: number): string => (name === without ? '' : (of / to).toFixed(3))
        say(
          `| ${title} | ${secondsOf(times[name])} | ${ratio(times[name].median, times[without].median)} | ${cpu(name, 'all').toFixed(2)} | ${ratio(cpu(name, 'all'), cpu(without, 'all'))} | ${cpu(name, 'transform').toFixed(2)} |`,
        )
      }
    })
  },
}

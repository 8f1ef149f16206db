import type { Backfill, BackfillDetail } from '../../api/backfills.ts'
import { moment } from '../../definitions/moment.ts'
import { describeCounts, describeMade, duration } from '../../ui/format.ts'
import { harmless } from '../argument.ts'
import { formatTable } from '../table-output.ts'

/** `running  31 of 90 · 1 failed · 20 running` */
export const describeProgress = ({ status, counts }: Pick<Backfill, 'status' | 'counts'>): string => `${status}  ${describeCounts(counts, 'succeeded')}`

/** A backfill as `backfills show` prints it. */
export function describeBackfill(backfill: BackfillDetail, now: number): string {
  const facts = [
    ['Backfill', backfill.id],
    ['Status', `${backfill.status}${backfill.endedAt === null ? '' : `, ${moment(backfill.endedAt)}`}`],
    ['Partitions', describeCounts(backfill.counts, 'succeeded')],
    ['Location', backfill.location],
    ['Launched', `${moment(backfill.createdAt)} by ${backfill.launchedBy}`],
    ['Took', `${duration(backfill.createdAt, backfill.endedAt, now)}${backfill.endedAt === null ? ' so far' : ''}`],
    ['By a run', backfill.perRun === 'all' ? 'as many partitions as follow each other' : String(backfill.perRun)],
    ['At once', `${String(backfill.runsAtOnce)} runs`],
    ...(Object.keys(backfill.config).length === 0 ? [] : [['Config', JSON.stringify(backfill.config)]]),
    ...(Object.keys(backfill.tags).length === 0
      ? []
      : [
          [
            'Tags',
            Object.entries(backfill.tags)
              .map(([name, value]) => `${name}=${value}`)
              .join(', '),
          ],
        ]),
    ...(backfill.problem === null ? [] : [[backfill.endedAt === null ? 'Waits' : 'Because', backfill.problem]]),
  ]
  const units = formatTable(
    [{ name: backfill.job === null ? 'assets' : 'job' }, { name: 'partitions' }, { name: 'how far' }],
    backfill.units.map((unit) => [describeMade(unit), unit.kind ?? 'none', describeCounts(unit.counts, 'succeeded')]),
  )
  return [facts.map(([name = '', value = '']) => `${name.padEnd(10)} ${harmless(value)}\n`).join(''), units, describeFailures(backfill)]
    .filter((text) => text !== '')
    .join('\n')
}

/** What failed of it, a line each. */
export function describeFailures({ failures, counts }: BackfillDetail): string {
  const lines = failures.map(
    ({ assets, partition, asset, runId, message }) =>
      `${asset ?? assets.join(', ')}${partition === null ? '' : ` ${partition}`}${runId === null ? '' : ` (run ${runId.slice(0, 8)})`}: ${message ?? 'failed'}\n`,
  )
  const more = counts.failed - failures.length
  return harmless(`${lines.join('')}${more > 0 ? `${String(more)} more failed.\n` : ''}`)
}

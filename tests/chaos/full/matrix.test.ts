import { afterAll, describe, describeBackends, test } from '../../support/test.ts'
import { multiAssets, multiPoints, points, runCell, writeAssets, writePoints } from '../cells.ts'
import type { RunPoint } from '../cells.ts'
import { outboxPoints, runOutboxCell } from '../outbox-cell.ts'
import { runSenseCell } from '../sense-cell.ts'
import type { Outcome } from '../cells.ts'
import { startCluster } from '../cluster.ts'
import type { Cluster } from '../cluster.ts'
import { expectClean } from '../exactness.ts'
import { publishTable } from '../outcome-table.ts'
import type { Line } from '../outcome-table.ts'
import * as scenarios from '../scenarios.ts'

const timeout = 180_000
const lines: Line[] = []
const allPoints = Object.keys(points).filter((name): name is RunPoint => name in points)
/** Where the database server dies under each kind of work. */
const databasePoints = [
  'prepare.claimed',
  'extract.spooled',
  'transform.spooled',
  'load.copying',
  'publish.applied',
  'compute.claimed',
  'launch.middle',
] as const

afterAll(() => publishTable(lines))

describeBackends('every point and every fault', (backend) => {
  let cluster: Cluster

  const cell = (what: string, fault: string, run: () => Promise<Outcome>): void => {
    test(`${what}, ${fault}`, { timeout }, async () => {
      try {
        lines.push({ what, backend, fault, outcome: await run() })
      } catch (error) {
        lines.push({ what, backend, fault, outcome: error instanceof Error ? error : new Error(String(error)) })
        await cluster.reset()
        throw error
      }
    })
  }

  test('a whole installation starts', { timeout }, async () => {
    cluster = await startCluster({ backend })
  })
  for (const point of allPoints) {
    cell(point, 'SIGKILL', () => runCell(cluster, point, 'kill'))
    cell(point, 'SIGSTOP, SIGCONT', () => runCell(cluster, point, 'stop'))
  }
  for (const point of ['sense.claimed', 'sense.committed'] as const) {
    cell(point, 'SIGKILL', () => runSenseCell(cluster, point, 'kill'))
    cell(point, 'SIGSTOP, SIGCONT', () => runSenseCell(cluster, point, 'stop'))
  }
  for (const point of multiPoints) {
    cell(`${point} of several assets`, 'SIGKILL', () => runCell(cluster, point, 'kill', multiAssets))
    cell(`${point} of several assets`, 'SIGSTOP, SIGCONT', () => runCell(cluster, point, 'stop', multiAssets))
  }
  for (const point of outboxPoints) {
    cell(point, 'SIGKILL', () => runOutboxCell(cluster, point, 'kill'))
    cell(point, 'SIGSTOP, SIGCONT', () => runOutboxCell(cluster, point, 'stop'))
  }
  for (const asset of writeAssets) {
    for (const point of writePoints) {
      cell(`${point} of ${asset}`, 'SIGKILL', () => runCell(cluster, point, 'kill', [asset]))
      cell(`${point} of ${asset}`, 'SIGSTOP, SIGCONT', () => runCell(cluster, point, 'stop', [asset]))
    }
    cell(`publish.applied of ${asset}`, 'SIGKILL of Postgres', () => scenarios.postgresKilledAt(cluster, 'publish.applied', [asset]))
  }
  for (const point of ['transform.claimed', 'transform.spooled', 'transform.encoded', 'publish.applied'] as const) {
    cell(`${point} of chaos/strained`, 'SIGKILL', () => runCell(cluster, point, 'kill', ['chaos/strained']))
    cell(`${point} of chaos/strained`, 'SIGSTOP, SIGCONT', () => runCell(cluster, point, 'stop', ['chaos/strained']))
  }
  for (const point of databasePoints) cell(point, 'SIGKILL of Postgres', () => scenarios.postgresKilledAt(cluster, point))
  cell('middle of a run', 'Postgres away for 20 s', () => scenarios.databaseAway(cluster))
  if (backend === 'redis') {
    cell('middle of a run', 'FLUSHALL', () => scenarios.redisEmptied(cluster, 'flush'))
    cell('middle of a run', 'Redis restarted', () => scenarios.redisEmptied(cluster, 'restart'))
  }
  for (const kind of ['raw', 'copy'] as const) {
    for (const how of ['deleted', 'damaged'] as const) {
      cell('middle of a run', `${kind === 'raw' ? 'raw' : 'encoded'} spool files ${how}`, () => scenarios.spoolLost(cluster, kind, how))
    }
  }
  cell('middle of a run', 'leader and extract worker killed', () => scenarios.leaderKilled(cluster))
  cell('leading', 'leader frozen, thawed', () => scenarios.leaderFrozen(cluster))
  cell('middle of a run', 'transform redeployed, same columns', () => scenarios.transformRedeployed(cluster, 'same'))
  cell('middle of a run', 'transform redeployed, other columns', () => scenarios.transformRedeployed(cluster, 'other'))
  cell('middle of a run', 'canceled', () => scenarios.canceled(cluster))
  cell('middle of a run', 'SIGTERM of the extract worker', () => scenarios.workerDrained(cluster))
  cell('middle of a run', 'a newer run of the same asset', () => scenarios.twoRunsAtOnce(cluster))
  test('after all of it nothing is left behind', { timeout }, () => expectClean(cluster))
})

describe.each(['redis', 's3'] as const)('with a spool in %s', (spool) => {
  test('the stages on both sides of it are killed, and it goes away and comes back', { timeout }, async () => {
    const cluster = await startCluster({ backend: 'postgres', spool })
    const fault = `SIGKILL, spool in ${spool}`
    for (const point of ['extract.spooled', 'transform.spooled', 'load.committed'] as const) {
      lines.push({ what: point, backend: 'postgres', fault, outcome: await runCell(cluster, point, 'kill') })
    }
    lines.push({ what: 'middle of a run', backend: 'postgres', fault: `spool in ${spool} away`, outcome: await scenarios.spoolAway(cluster) })
    await expectClean(cluster)
  })
})

describeBackends('with the lease that is the default', (backend) => {
  test('a run whose worker was killed goes on within 15 s', { timeout }, async () => {
    const cluster = await startCluster({ backend, leaseSeconds: 8 })
    for (const point of ['extract.recorded', 'transform.middle', 'load.copying', 'publish.applied', 'compute.claimed'] as const) {
      const outcome = await runCell(cluster, point, 'kill')
      lines.push({ what: point, backend, fault: 'SIGKILL, lease of 8 s', outcome })
      if ((outcome.resumedAfter ?? 0) >= 15) throw new Error(`${point}: it went on after ${String(outcome.resumedAfter)} s`)
    }
  })
})

import { describeBackends, test } from '../support/test.ts'
import { startCluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import { expectClean } from './exactness.ts'
import * as scenarios from './scenarios.ts'

const timeout = 120_000

describeBackends('what a run needs is lost in the middle of it', (backend) => {
  let cluster: Cluster

  test('a whole installation starts', { timeout }, async () => {
    cluster = await startCluster({ backend })
  })

  test('Postgres is killed in the middle of a COPY', { timeout }, () => scenarios.postgresKilledAt(cluster, 'load.copying'))
  test('Postgres is killed in the middle of publishing', { timeout }, () => scenarios.postgresKilledAt(cluster, 'publish.applied'))
  test('Postgres is killed in the middle of a launch', { timeout }, () => scenarios.postgresKilledAt(cluster, 'launch.middle'))
  test.runIf(backend === 'redis')('Redis loses every job', { timeout }, () => scenarios.redisEmptied(cluster, 'flush'))
  test.runIf(backend === 'redis')('Redis is restarted', { timeout }, () => scenarios.redisEmptied(cluster, 'restart'))
  test('spool files with raw bytes are deleted', { timeout }, () => scenarios.spoolLost(cluster, 'raw', 'deleted'))
  test('spool files with encoded bytes are damaged', { timeout }, () => scenarios.spoolLost(cluster, 'copy', 'damaged'))
  test('the leader and a worker are killed', { timeout }, () => scenarios.leaderKilled(cluster))
  test('the leader is killed in the middle of a backfill', { timeout }, async () => {
    await scenarios.backfillStruck(cluster, 'leader', 'kill')
  })
  test('the leader is frozen, and thawed when another leads', { timeout }, () => scenarios.leaderFrozen(cluster))
  test('a transform worker of another version takes over, with the same columns', { timeout }, () => scenarios.transformRedeployed(cluster, 'same'))
  test('a transform worker of another version takes over, with other columns', { timeout }, () => scenarios.transformRedeployed(cluster, 'other'))
  test('a run is canceled', { timeout }, () => scenarios.canceled(cluster))
  test('a worker is told to stop', { timeout }, () => scenarios.workerDrained(cluster))
  test('an older run never publishes over a newer one', { timeout }, () => scenarios.twoRunsAtOnce(cluster))
  test('after all of it nothing is left behind', { timeout }, () => expectClean(cluster))
})

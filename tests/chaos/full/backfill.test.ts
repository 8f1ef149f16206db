import { describeBackends, expect, test } from '../../support/test.ts'
import { startCluster } from '../cluster.ts'
import type { Cluster } from '../cluster.ts'
import { expectClean } from '../exactness.ts'
import { backfillStruck } from '../scenarios.ts'

const timeout = 180_000

// Where advancing a backfill breaks off in its middle is among the points of matrix.test.ts.

describeBackends('a process struck in the middle of a backfill', (backend) => {
  let cluster: Cluster

  test('a whole installation starts', { timeout }, async () => {
    cluster = await startCluster({ backend })
  })
  for (const action of ['kill', 'stop'] as const) {
    for (const who of ['leader', 'worker'] as const) {
      test(`the ${who}, ${action}: each partition is made once`, { timeout }, async () => {
        expect((await backfillStruck(cluster, who, action)).seconds).toBeLessThan(60)
      })
    }
  }
  test('after all of it nothing is left behind', { timeout }, () => expectClean(cluster))
})

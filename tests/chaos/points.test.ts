import { describeBackends, expect, test } from '../support/test.ts'
import { runCell } from './cells.ts'
import { startCluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import { expectClean } from './exactness.ts'

describeBackends('a process struck in the middle of a run', (backend) => {
  let cluster: Cluster

  test('a whole installation starts', { timeout: 120_000 }, async () => {
    cluster = await startCluster({ backend })
  })

  for (const [point, action, asset] of [
    ['extract.spooled', 'kill'],
    ['transform.middle', 'stop'],
    ['load.copying', 'stop'],
    ['load.committed', 'kill'],
    ['publish.applied', 'stop'],
    ['publish.committed', 'kill'],
    ['compute.committed', 'kill'],
    ['execute.computed', 'stop'],
    ['execute.stored', 'kill'],
    ['launch.committed', 'kill'],
    ['transform.spooled', 'kill', 'chaos/strained'],
  ] as const) {
    test(`${point}${asset === undefined ? '' : ` of ${asset}`}, ${action}: no row is lost or doubled`, { timeout: 120_000 }, async () => {
      const { seconds } = await runCell(cluster, point, action, asset === undefined ? undefined : [asset])
      expect(seconds).toBeLessThan(60)
    })
  }

  test('after all of it nothing is left behind', { timeout: 120_000 }, () => expectClean(cluster))
})

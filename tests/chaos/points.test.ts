import { describeBackends, expect, test } from '../support/test.ts'
import { multiAssets, runCell } from './cells.ts'
import { startCluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import { expectClean } from './exactness.ts'
import { runOutboxCell } from './outbox-cell.ts'
import { runSenseCell } from './sense-cell.ts'

describeBackends('a process struck in the middle of a run', (backend) => {
  let cluster: Cluster

  test('a whole installation starts', { timeout: 120_000 }, async () => {
    cluster = await startCluster({ backend })
  })

  for (const [point, action, assets] of [
    ['extract.spooled', 'kill'],
    ['transform.middle', 'stop'],
    ['load.copying', 'stop'],
    ['load.committed', 'kill'],
    ['publish.applied', 'stop'],
    ['publish.committed', 'kill'],
    ['compute.committed', 'kill'],
    ['execute.computed', 'stop'],
    ['execute.stored', 'kill'],
    ['execute.halfway', 'kill'],
    ['op.computed', 'stop'],
    ['op.stored', 'kill'],
    ['branch.computed', 'stop'],
    ['branch.computed', 'kill'],
    ['branch.stored', 'kill'],
    ['launch.committed', 'kill'],
    ['backfill.committed', 'kill'],
    ['transform.spooled', 'kill', ['chaos/strained']],
    ['execute.stored', 'stop', multiAssets],
  ] as const) {
    // What differs by backend is seen at the others.
    test.runIf(assets !== multiAssets || backend === 'postgres')(
      `${point}${assets === undefined ? '' : ` of ${assets.join(', ')}`}, ${action}: no row is lost or doubled`,
      { timeout: 120_000 },
      async () => {
        const { seconds } = await runCell(cluster, point, action, assets)
        expect(seconds).toBeLessThan(60)
      },
    )
  }

  for (const [point, action] of [
    ['sense.claimed', 'stop'],
    ['sense.committed', 'kill'],
  ] as const) {
    test(`${point}, ${action}: what a sensor asks for is launched once`, { timeout: 120_000 }, async () => {
      expect((await runSenseCell(cluster, point, action)).seconds).toBeLessThan(60)
    })
  }

  for (const [point, action] of [
    ['while a hook runs', 'kill'],
    ['outbox.sent', 'stop'],
  ] as const) {
    // No queue has a part in it.
    test.runIf(backend === 'postgres')(`${point}, ${action}: a hook is called again with the same key, and none is lost`, { timeout: 120_000 }, async () => {
      expect((await runOutboxCell(cluster, point, action)).seconds).toBeLessThan(60)
    })
  }

  test('after all of it nothing is left behind', { timeout: 120_000 }, () => expectClean(cluster))
})

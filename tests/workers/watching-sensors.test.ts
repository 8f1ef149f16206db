import { asset } from '../../src/definitions/function-asset.ts'
import type { MaterializationFacts, RunFacts } from '../../src/definitions/run-facts.ts'
import { assetSensor, runStatusSensor } from '../../src/definitions/sensor.ts'
import { resource } from '../../src/definitions/resource.ts'
import type { Notifier } from '../../src/definitions/notification.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, temporaryFolder, test, waitFor } from '../support/test.ts'

describeBackends('a sensor that watches', (backend) => {
  let engine: Engine
  let folder: string
  beforeAll(async () => {
    folder = await temporaryFolder()
    engine = await startEngine({ backend, producers: 'all' })
    return engine.stop
  })
  const known = (location: string) =>
    waitFor(async () => (await engine.value(`SELECT seen_event IS NOT NULL FROM millrace.sensor WHERE location = $1`, [location])) === true, {
      what: 'the sensor to be known',
    })
  const value = (key: string, run: () => unknown = () => 1) => asset({ key, io: jsonFiles({ folder }), run, retry: { retries: 0 } })

  test('an asset is handed each of its materializations once, and launches what follows from it', async () => {
    const handed: MaterializationFacts[] = []
    const state = { broken: true, failing: true }
    const after = value('fed/after', () => {
      const { failing } = state
      state.failing = false
      if (failing) throw new Error('not yet')
      return 1
    })
    const [one, other] = [value('fed/one'), value('fed/other')]
    const { location } = await engine.define([one, other, after], undefined, {
      runs: { retries: 1, retryDelayMs: 10 },
      sensors: [
        assetSensor({
          name: 'look',
          // It launches what it watches: of that it is not handed anything, nor of what tries it again.
          watch: ['fed/one', 'fed/after'],
          assets: 'fed/after',
          everyMs: 500,
          atOnce: 2,
          run: ({ materializations }) => {
            if (state.broken) throw new Error('not yet')
            handed.push(...materializations)
            return { runs: materializations.map(({ event }) => ({ runKey: event, tags: { 'dagster/retry_strategy': 'ALL_STEPS' } })) }
          },
        }),
      ],
    })
    await known(location.name)
    const runs = await Promise.all(Array.from({ length: 5 }, () => engine.succeed('fed/one')))
    await engine.succeed('fed/other')
    // What it fails with it is handed again.
    await waitFor(
      async () => (await engine.value(`SELECT count(*)::int FROM millrace.sensor_tick WHERE location = $1 AND status = 'failed'`, [location.name])) !== 0,
      { what: 'an evaluation to fail' },
    )
    state.broken = false
    const launched = () => engine.query<{ id: string }>(`SELECT id FROM millrace.run WHERE location = $1 AND launched_by = 'sensor look'`, [location.name])
    await waitFor(async () => (await launched()).length === 6, { what: 'five runs, and one that tries one of them again' })
    for (const { id } of await launched()) await engine.ended(id)
    expect(handed.map(({ runId }) => runId ?? '').toSorted()).toEqual(runs.map(({ id }) => id).toSorted())
    expect(handed.map(({ asset: key }) => key)).toEqual(Array.from({ length: 5 }, () => 'fed/one'))
    const ticks = await engine.query<{ status: string; handed: number; cause: string }>(
      `SELECT status, handed, cause FROM millrace.sensor_tick WHERE location = $1 AND status = 'launched' ORDER BY id`,
      [location.name],
    )
    expect(ticks.reduce((sum, tick) => sum + tick.handed, 0)).toBe(5)
    // What is left over follows at once.
    expect(ticks.some(({ cause }) => cause === 'more')).toBe(true)
    // Nothing of what it launched comes back, when it has passed all of it.
    await waitFor(
      async () =>
        (await engine.value(
          `SELECT seen_event >= (SELECT max(e.id) FROM millrace.event e JOIN millrace.run r ON r.id = e.run_id WHERE r.location = $1) FROM millrace.sensor WHERE location = $1`,
          [location.name],
        )) === true,
      { what: 'an evaluation after all has ended' },
    )
    expect(await launched()).toHaveLength(6)
  })

  test('runs everywhere is handed those that end so, and its notifications commit with its cursor', async () => {
    const handed: RunFacts[] = []
    const sent: string[] = []
    const pager = resource<Notifier>({ start: () => ({ send: ({ title }) => Promise.resolve(void sent.push(title)) }) })
    const { location } = await engine.define([value('watch/quiet')], undefined, {
      sensors: [
        runStatusSensor({
          name: 'failures',
          on: ['failed', 'canceled'],
          locations: 'everywhere',
          everyMs: 500,
          resources: { pager },
          run: ({ runs }) => {
            handed.push(...runs)
            return {
              notifications: runs.map(({ assets, status, error }) => ({ through: 'pager', title: `${assets.join()} ${status}: ${error?.message ?? ''}` })),
            }
          },
        }),
      ],
    })
    await known(location.name)
    await engine.define([
      value('elsewhere/good'),
      value('elsewhere/bad', () => {
        throw new Error('the shop is shut')
      }),
    ])
    await engine.succeed('elsewhere/good')
    const bad = await engine.run('elsewhere/bad')
    await waitFor(() => sent.length > 0, { what: 'the notification' })
    expect(handed.map(({ id, status }) => [id, status])).toEqual([[bad.id, 'failed']])
    expect(sent).toEqual(['elsewhere/bad failed: the shop is shut'])
    expect(
      await engine.query(`SELECT status, handed, notifications FROM millrace.sensor_tick WHERE location = $1 AND status <> 'skipped'`, [location.name]),
    ).toEqual([{ status: 'notified', handed: 1, notifications: 1 }])
  })
})

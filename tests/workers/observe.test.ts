import * as z from 'zod'
import { listAssets } from '../../src/api/assets.ts'
import { createLocationReader } from '../../src/catalog/read/locations.ts'
import { externalAsset } from '../../src/definitions/external-asset.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import type { FunctionContext } from '../../src/definitions/function-asset.ts'
import { multiAsset } from '../../src/definitions/multi-asset.ts'
import { job } from '../../src/definitions/ops/job.ts'
import { op } from '../../src/definitions/ops/op.ts'
import { dailyPartitions } from '../../src/definitions/partitions/partitions.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { callAsset } from '../../src/testing/call-asset.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, expect, temporaryFolder, test } from '../support/test.ts'

const days = dailyPartitions({ start: '2026-01-01', end: '2026-01-04' })

describe('what functions observe', () => {
  let engine: Engine
  let io: ReturnType<typeof jsonFiles>
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    io = jsonFiles({ folder: await temporaryFolder() })
    return engine.stop
  })
  const seenIn = (location: string) =>
    engine.query<{ seen: string; run: string; metadata: unknown }>(
      `SELECT concat_ws(' ', key, nullif(partition, '')) AS seen, run_id AS run, metadata FROM millrace.asset_observation WHERE location = $1 ORDER BY key, partition`,
      [location],
    )

  test('is written down once, with the success of the attempt that saw it, and shown with the asset', async () => {
    const stock = externalAsset({ key: 'seen/stock', partitions: days })
    const crm = externalAsset({ key: 'seen/crm' })
    const count = asset({
      key: 'seen/count',
      io,
      deps: [stock, crm],
      retry: { retries: 1, delayMs: 10 },
      run: ({ observe, attempt }) => {
        observe(crm, { metadata: { rows: attempt, token: 'abc' } })
        observe('seen/stock', { partition: '2026-01-02', metadata: { shelves: 3 } })
        observe({ metadata: { calm: true } })
        if (attempt === 1) throw new Error('the first try fails')
        return 1
      },
    })
    const { location } = await engine.define([stock, crm, count])
    const { id: run, events } = await engine.succeed('seen/count')
    const row = (seen: string, metadata: unknown) => ({ seen, run, metadata })
    expect(await seenIn(location.name)).toEqual([
      row('seen/count', { calm: true }),
      row('seen/crm', { rows: 2, token: '[redacted]' }),
      row('seen/stock', { shelves: 3 }),
      row('seen/stock 2026-01-02', { shelves: 3 }),
    ])
    expect(events.filter(({ kind }) => kind === 'observation').map(({ message }) => message)).toEqual([
      'seen/crm was observed by seen/count.',
      'the partition 2026-01-02 of seen/stock was observed by seen/count.',
      'seen/count was observed by seen/count.',
    ])
    const { pool } = engine.database
    const shown = (await listAssets({ pool, locations: createLocationReader() })).find(({ key }) => key === 'seen/crm')
    expect(shown).toMatchObject({ lastObservation: { metadata: { rows: 2 } }, lastMaterialization: null })
  })

  test('may be of each partition that is made, of one of several assets, and of an op', async () => {
    const crm = externalAsset({ key: 'parts/crm' })
    const one = asset({ key: 'parts/one', io, partitions: days, run: ({ observe, partition }) => (observe({ metadata: { day: partition.key } }), 1) })
    const two = multiAsset({
      name: 'parts/both',
      io,
      partitions: days,
      outputs: { a: { key: 'parts/a', value: z.int() }, b: { key: 'parts/b', value: z.int() } },
      run: ({ observe }) => (observe('parts/b', { metadata: { well: true } }), { a: 1, b: 2 }),
    })
    const look = op({ name: 'look', run: ({ observe }) => observe('parts/crm', { metadata: { rows: 7 } }) })
    const { location } = await engine.define([crm, one, two], {}, { jobs: [job({ name: 'looking', graph: look })] })
    const made = await engine.succeed(['parts/one', 'parts/a'], { partitions: ['2026-01-01', '2026-01-03'] })
    const looked = await engine.run([], { job: 'looking', location: location.name })
    expect(looked.status).toBe('succeeded')
    expect((await seenIn(location.name)).map(({ seen, run }) => [seen, run])).toEqual([
      ...['parts/b', 'parts/b 2026-01-01', 'parts/b 2026-01-03'].map((seen) => [seen, made.id]),
      ['parts/crm', looked.id],
      ...['parts/one', 'parts/one 2026-01-01', 'parts/one 2026-01-03'].map((seen) => [seen, made.id]),
    ])
  })

  test.for<[what: string, code: string, run: (context: FunctionContext) => void]>([
    ['an asset that there is not', 'UNKNOWN_ASSET', ({ observe }) => observe('wrong/none')],
    ['a partition where there are none', 'NO_PARTITIONS', ({ observe }) => observe({ partition: '2026-01-01' })],
    ['no partition where there are some', 'PARTITION_NEEDED', ({ observe }) => observe('wrong/stock')],
    ['a partition that there is not', 'UNKNOWN_PARTITION', ({ observe }) => observe('wrong/stock', { partition: '2027-01-01' })],
    ['what is no metadata', 'METADATA_INVALID', ({ observe }) => observe({ metadata: { at: new Date() as never } })],
  ])('of %s fails the step, and nothing is written down', async ([, code, run]) => {
    const stock = externalAsset({ key: 'wrong/stock', partitions: days })
    const one = asset({ key: 'wrong/one', io, run: (context) => (run(context), 1) })
    const { location } = await engine.define([stock, one])
    const failed = await engine.run('wrong/one', { location: location.name })
    expect(failed.step).toMatchObject({ status: 'failed', attempt: 1, error: { code } })
    expect(await seenIn(location.name)).toEqual([])
  })

  test('is told by the testing kit', async () => {
    const one = asset({ key: 'kit/one', io, partitions: days, run: ({ observe }) => (observe({ metadata: { rows: 1 } }), observe('kit/other'), 1) })
    expect((await callAsset(one, { partition: '2026-01-02' })).observations).toEqual([
      { asset: 'kit/one', partition: '2026-01-02', metadata: { rows: 1 } },
      { asset: 'kit/other', partition: undefined, metadata: {} },
    ])
  })
})

import * as z from 'zod'
import { table } from '../../src/definitions/table.ts'
import { MillraceError } from '../../src/errors.ts'
import { failureOf } from '../sources/failure.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test } from '../support/test.ts'

const Row = z.object({ id: z.int(), since: z.string() })

describeBackends('run configuration', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    await engine.define([
      table({
        key: 'configured/rows',
        columns: Row,
        config: z.object({ count: z.int().min(1), since: z.iso.date().default('2024-01-01') }),
        extract: ({ config }) => [Array.from({ length: config.count }, (_, id) => ({ id, since: config.since }))],
        transform: (row: z.infer<typeof Row>, { config }) => (row.since === config.since ? row : null),
      }),
      table({ key: 'configured/plain', columns: Row, extract: () => [[{ id: 1, since: 'ever' }]] }),
    ])
    return engine.stop
  })
  const refused = async (assets: string[], config: Parameters<Engine['launch']>[1] = {}): Promise<MillraceError> => {
    const before = await engine.value('SELECT count(*) FROM millrace.run')
    const error = await failureOf(engine.launch(assets, config))
    expect(await engine.value('SELECT count(*) FROM millrace.run')).toEqual(before)
    return error instanceof MillraceError ? error : expect.fail(String(error))
  }

  test('reaches extract and transform, with defaults filled in, and what is said for the step alone over what is said for all', async () => {
    await engine.succeed('configured/rows', { config: { count: 2 } })
    await engine.succeed('configured/rows', { config: { count: 3, ops: { configured__rows: { config: { count: 1, since: '2020-02-29' } } } } })
    expect(await engine.query('SELECT since, count(*)::int AS rows FROM configured.rows GROUP BY 1 ORDER BY 1')).toEqual([
      { since: '2020-02-29', rows: 1 },
      { since: '2024-01-01', rows: 2 },
    ])
  })

  test('that does not fit is refused at launch, and every field named', async () => {
    const missing = await refused(['configured/rows'])
    expect(missing).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('count of configured/rows'),
      hint: 'The settings are: count, since.',
    })
    const wrong = await refused(['configured/rows'], { config: { count: 0, since: 'yesterday', extra: true } })
    expect(wrong.message).toContain('count of configured/rows')
    expect(wrong.message).toContain('since of configured/rows')
    expect(wrong.message).toContain('extra: no asset of this run has such a setting')
  })

  test('for assets that take none says so', async () => {
    expect(await refused(['configured/plain'], { config: { count: 1 } })).toMatchObject({ code: 'CONFIG_INVALID', hint: 'These assets take no configuration.' })
  })

  test('serves all assets of a run, each with its part', async () => {
    expect((await engine.succeed(['configured/rows', 'configured/plain'], { config: { count: 3 } })).steps.map((step) => step.result)).toMatchObject([
      { rows: 1 },
      { rows: 3 },
    ])
  })
})

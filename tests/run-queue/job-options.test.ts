import { asset } from '../../src/definitions/function-asset.ts'
import { job } from '../../src/definitions/ops/job.ts'
import { op } from '../../src/definitions/ops/op.ts'
import { schedule } from '../../src/definitions/schedule.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { createLocation, startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, expect, temporaryFolder, test } from '../support/test.ts'

describe('what a job says of its runs', () => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    return engine.stop
  })

  test.each(['ops', 'assets'] as const)('of %s holds where neither launch nor tag says otherwise, and before what the location says', async (kind) => {
    const name = `of_${kind}`
    const one = asset({ key: `said/${kind}`, io: jsonFiles({ folder: await temporaryFolder() }), run: () => 1 })
    const work = kind === 'ops' ? { graph: op({ name: 'nothing', run: () => undefined }) } : { assets: one.key }
    const said = job({ name, ...work, priority: 5, retries: 2, retryDelayMs: 0 })
    await engine.work(createLocation([one], { jobs: [said], runs: { priority: 1, retries: 9, timeoutMs: 60_000, retryFrom: 'start' } }))
    const optionsOf = async (more: Parameters<Engine['launch']>[1] = {}) => {
      const { runId } = await engine.launch([], { job: name, ...more })
      const columns = `priority, retries, retry_delay_ms AS "retryDelayMs", timeout_ms AS "timeoutMs", retry_from AS "retryFrom"`
      return (await engine.query(`SELECT ${columns} FROM millrace.run WHERE id = $1`, [runId]))[0]
    }
    const usual = { priority: 5, retries: 2, retryDelayMs: 0, timeoutMs: '60000', retryFrom: 'start' }
    expect(await optionsOf()).toEqual(usual)
    expect(await optionsOf({ tags: { 'dagster/priority': '7' } })).toEqual({ ...usual, priority: 7 })
    expect(await optionsOf({ priority: 0, retries: 0, tags: { 'dagster/priority': '7' } })).toEqual({ ...usual, priority: 0, retries: 0 })
  })

  test.each([
    [{ retries: 101 }, 'must be a whole number from 0 to 100'],
    [{ priority: 0.5 }, 'must be a whole number from -1000000 to 1000000'],
    [{ timeoutMs: 0 }, 'must be a whole number of milliseconds, above 0 and at most a year (31536000000)'],
    [{ retryDelayMs: -1 }, 'must be a whole number of milliseconds, at most a day (86400000)'],
  ])('is refused by whoever says it where it cannot be: %j', (wrong, message) => {
    const nothing = op({ name: 'nothing', run: () => undefined })
    expect(() => job({ name: 'wrong', graph: nothing, ...wrong })).toThrow(message)
    expect(() => schedule({ name: 'wrong', cron: '0 0 * * *', assets: '*', ...wrong })).toThrow(message)
    expect(() => createLocation([], { runs: wrong })).toThrow(message)
  })

  test('is kept to: a run that failed is tried again', async () => {
    let calls = 0
    const second = op({
      name: 'second_time',
      retry: { retries: 0 },
      run: () => {
        calls += 1
        if (calls === 1) throw new Error('not yet')
      },
    })
    await engine.work(createLocation([], { jobs: [job({ name: 'again', graph: second, retries: 1, retryDelayMs: 0 })] }))
    const { runId } = await engine.launch([], { job: 'again' })
    expect((await engine.ended(runId)).status).toBe('succeeded')
    expect(calls).toBe(2)
  })
})

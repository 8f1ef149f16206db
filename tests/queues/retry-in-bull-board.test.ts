import * as z from 'zod'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { table } from '../../src/definitions/table.ts'
import type { QueueKind } from '../../src/queues/jobs.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test, waitFor } from '../support/test.ts'

const Row = z.object({ id: z.int() })

describeBackends('a failed job that a person retries', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })
  const failedJob = async (location: string, kind: QueueKind) =>
    waitFor(async () => (await engine.queues.queue(location, kind).getFailed())[0], { what: `a failed job in ${location}.${kind}` })

  test.for(['extract', 'transform', 'load'] as const)('in the queue of %s makes a new attempt, and the run recovers with what hangs on it', async (kind) => {
    let broken = true
    let asked = 0
    const key = `retried/${kind}`
    const asset = table({
      key,
      columns: Row,
      retry: { retries: 0 },
      *extract() {
        asked += 1
        yield [{ id: 1 }]
        if (broken && kind === 'extract') throw new Error('the source is down')
        yield [{ id: 2 }]
      },
      transform: (record: { id: number }) => {
        if (broken && kind === 'transform' && record.id === 2) throw new Error('no twos today')
        return record
      },
    })
    const after = sqlAsset({ key: `${key}_after`, select: `SELECT count(*) AS n FROM ${key.replace('/', '.')}`, store: { kind: 'view' }, deps: [asset] })
    const { location } = await engine.define([asset, after], { batchBytes: 1 })
    if (kind === 'load') {
      await engine.query(`CREATE SCHEMA IF NOT EXISTS retried; CREATE TABLE retried.load (id text)`)
    }
    const first = await engine.run([key, after.key])
    expect(first.steps.map((step) => step.status)).toEqual(['failed', 'skipped'])
    broken = false
    if (kind === 'load') await engine.query('DROP TABLE retried.load')
    const job = await failedJob(location.name, kind)
    expect(job.failedReason).toBe(first.step.error?.message)
    await job.retry()
    await waitFor(async () => (await engine.view(first.id)).step.attempt === 2, { what: 'the second attempt' })
    const second = await engine.ended(first.id)
    expect(second.steps).toMatchObject([
      { status: 'succeeded', attempt: 2, error: null },
      { status: 'succeeded', attempt: 1 },
    ])
    expect(second.events.map((event) => event.message)).toContain('Attempt 2 begins afresh, because a person asked for it.')
    expect(await engine.query(`SELECT count(*)::int AS rows, count(DISTINCT id)::int AS ids FROM retried.${kind}`)).toEqual([{ rows: 2, ids: 2 }])
    expect(asked).toBe(kind === 'load' ? 1 : 2)
  })

  test('of a run that has recovered already changes nothing', async () => {
    let broken = true
    const extract = () => {
      if (broken) throw new Error('down')
      return [[{ id: 1 }]]
    }
    const { location } = await engine.define([table({ key: 'retried/twice', columns: Row, retry: { retries: 0 }, extract })])
    const { id } = await engine.run('retried/twice')
    const job = await failedJob(location.name, 'extract')
    broken = false
    await job.retry()
    await waitFor(async () => (await engine.view(id)).status === 'succeeded', { what: 'the run to recover' })
    await waitFor(async () => (await job.getState()) === 'completed', { what: 'the job to be over' })
    await job.retry('completed')
    await waitFor(async () => (await job.getState()) === 'completed', { what: 'the job to be over again' })
    expect((await engine.view(id)).step).toMatchObject({ status: 'succeeded', attempt: 2 })
    expect(await engine.value('SELECT count(*)::int FROM retried.twice')).toBe(1)
  })
})

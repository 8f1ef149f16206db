import { createQueues } from '../../src/queues/queues.ts'
import type { Queues } from '../../src/queues/queues.ts'
import { jobId, jobs, queueKinds } from '../../src/queues/jobs.ts'
import type { JobName, Payload } from '../../src/queues/jobs.ts'
import { failureOf, thrownBy } from '../sources/failure.ts'
import { createLocation, startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, describeBackends, expect, freePort, onTestFinished, test, waitFor } from '../support/test.ts'

const stepId = '0b5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4e'

describe('a job', () => {
  test('has an id of its row and its delivery, so that the same one is never twice in a queue', () => {
    expect(jobId('extract', { stepId, enqueued: 3 })).toBe(`extract-${stepId}-3`)
    expect(jobId('load', { batchId: '17', enqueued: 1 })).toBe('load-17-1')
    expect(jobId('publish', { stepId, enqueued: 3 })).not.toBe(jobId('extract', { stepId, enqueued: 3 }))
    const tick = { schedule: 'daily', scheduledAt: '2024-02-29T06:00:00.000Z', cause: 'missed' } as const
    // BullMQ keeps the colon for itself.
    expect(jobId('tick', tick)).toBe('tick-daily-2024-02-29T060000.000Z')
  })

  test('belongs to a queue that there is', () => {
    for (const job of Object.values(jobs)) expect(queueKinds).toContain(job.queue)
  })
})

describeBackends('the queues', (backend) => {
  let engine: Engine
  let queues: Queues
  beforeAll(async () => {
    engine = await startEngine({ backend, producers: 'none' })
    queues = engine.queues
    return engine.stop
  })

  test('take the same delivery once, and the next one again', async () => {
    const counts = () => queues.queue('one', 'extract').getJobCounts('waiting')
    expect(await queues.delivery('one', 'extract', { stepId, enqueued: 1 })).toEqual({ state: 'missing' })
    expect(await queues.enqueue('one', 'extract', { stepId, enqueued: 1 })).toBe(true)
    expect(await queues.enqueue('one', 'extract', { stepId, enqueued: 1 })).toBe(true)
    expect(await counts()).toEqual({ waiting: 1 })
    expect(await queues.delivery('one', 'extract', { stepId, enqueued: 1 })).toEqual({ state: 'pending' })
    await queues.enqueue('one', 'extract', { stepId, enqueued: 2 })
    expect(await counts()).toEqual({ waiting: 2 })
    const [job] = await queues.queue('one', 'extract').getWaiting()
    expect(job).toMatchObject({ id: `extract-${stepId}-1`, name: 'extract', data: { stepId, enqueued: 1 }, opts: { attempts: 1 } })
  })

  test('hand a delayed delivery out later', async () => {
    await queues.enqueue('two', 'resume', { stepId, enqueued: 1 }, { delayMs: 60_000 })
    expect(await queues.queue('two', 'load').getJobCounts('waiting', 'delayed')).toEqual({ waiting: 0, delayed: 1 })
    expect(await queues.delivery('two', 'resume', { stepId, enqueued: 1 })).toEqual({ state: 'pending' })
  })

  test.for<[string, JobName, object]>([
    ['an id that is none', 'extract', { stepId: 'x', enqueued: 1 }],
    ['a counter that is none', 'load', { batchId: '1', enqueued: 0 }],
    ['a batch that is none', 'transform', { batchId: '1; DROP TABLE', enqueued: 1 }],
    ['no counter', 'publish', { stepId }],
    ['a time that is none', 'tick', { schedule: 's', scheduledAt: 'noon' }],
  ])('refuse %s when it is handed in, whoever does', async ([, name, payload]) => {
    expect(await failureOf(queues.enqueue('three', name, payload as Payload<typeof name>))).toMatchObject({ name: 'ZodError' })
    expect(await queues.queue('three', jobs[name].queue).getJobCounts('waiting')).toEqual({ waiting: 0 })
  })

  test('refuse a payload when it is taken, too, and say what is wrong with it', async () => {
    const location = createLocation([])
    await engine.work(location)
    const queue = queues.queue(location.name, 'load')
    const bad = await queue.add('load', { batchId: 'all of them', enqueued: 1 })
    const unknown = await queue.add('unload', {})
    const failed = async (id: string | undefined) => (await queue.getJob(id ?? ''))?.failedReason
    await waitFor(async () => (await failed(unknown.id)) !== undefined && (await failed(bad.id)) !== undefined, { what: 'both jobs to fail' })
    expect(await failed(bad.id)).toContain('batchId')
    expect(await failed(unknown.id)).toContain('There is no job called unload.')
  })

  test('that cannot be reached answer with false, for the sweep to repeat it', async () => {
    const port = await freePort()
    const away = createQueues({ databaseUrl: `postgres://nobody@127.0.0.1:${String(port)}/none`, prefix: 'away', logger: testLogger })
    onTestFinished(() => away.close())
    expect(await away.enqueue('four', 'extract', { stepId, enqueued: 1 })).toBe(false)
  })
})

test('queues that were first used while the database was away work when it is back', async ({ database }) => {
  // As good as away for the queues: they ask it for their schema before anything else.
  await database.pool.query('ALTER SCHEMA bullmq RENAME TO away')
  const early = createQueues({ databaseUrl: database.url, prefix: 'unused', logger: testLogger })
  onTestFinished(() => early.close())
  const held = early.queue('five', 'ticks')
  expect(await failureOf(early.delivery('five', 'extract', { stepId, enqueued: 1 }))).toBeInstanceOf(Error)
  expect(await failureOf(held.getJobSchedulers(0, -1))).toBeInstanceOf(Error)
  await database.pool.query('ALTER SCHEMA away RENAME TO bullmq')
  expect(await early.delivery('five', 'extract', { stepId, enqueued: 1 })).toEqual({ state: 'missing' })
  expect(await held.getJobSchedulers(0, -1)).toEqual([])
})

test('a payload of a scheduler has no time of its own', () => {
  expect(jobs.tick.payload.parse({ schedule: 'daily' })).toEqual({ schedule: 'daily', cause: 'clock' })
  expect(thrownBy(() => jobs.tick.payload.parse({}))).toMatchObject({ name: 'ZodError' })
})

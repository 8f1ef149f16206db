import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { table } from '../../src/definitions/table.ts'
import { sweep } from '../../src/producers/sweep.ts'
import type { SweepReport } from '../../src/producers/sweep.ts'
import { queueKinds, queueName } from '../../src/queues/jobs.ts'
import type { QueueKind } from '../../src/queues/jobs.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, test, waitFor } from '../support/test.ts'

const Row = z.object({ id: z.int() })
const rows = (key: string) => table({ key, columns: Row, extract: () => [[{ id: 1 }], [{ id: 2 }]] })

describeBackends('the sweep', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend, producers: 'none' })
    return engine.stop
  })
  const doSweep = (): Promise<SweepReport> => sweep({ pool: engine.database.pool, queues: engine.queues, logger: testLogger })
  /** Loses every job of a location, and ages its rows as if that was long ago. */
  const loseJobs = async (location: string): Promise<void> => {
    for (const kind of queueKinds) await engine.queues.queue(location, kind).obliterate({ force: true })
    await age()
  }
  const age = async (): Promise<void> => {
    await engine.query(`UPDATE millrace.step SET enqueued_at = enqueued_at - interval '1 minute', next_attempt_at = next_attempt_at - interval '1 minute'`)
    await engine.query(`UPDATE millrace.batch SET enqueued_at = enqueued_at - interval '1 minute'`)
  }
  const launchOne = async (key: string) => {
    const { runId } = await engine.launch(key)
    return { runId, stepId: (await engine.view(runId)).step.id }
  }
  const without = (...kinds: QueueKind[]): QueueKind[] => queueKinds.filter((kind) => !kinds.includes(kind))

  test.for([
    ['a prepare', 'preparing', ['load']],
    ['an extract', 'extracting', ['extract']],
  ] as const)('asks again for the job of %s that was lost, and only then', async ([, status, missing]) => {
    const key = `lost/${status}`
    const { location, worker } = await engine.define([rows(key)], { queues: without(...missing) })
    const { runId } = await engine.launch(key)
    await waitFor(async () => (await engine.view(runId)).step.status === status, { what: `the step to be ${status}` })
    await worker.stop()
    await age()
    expect(await doSweep()).toEqual({ freed: 0, enqueuedAgain: 0 })
    await loseJobs(location.name)
    expect(await doSweep()).toEqual({ freed: 0, enqueuedAgain: 1 })
    await engine.work(location)
    expect((await engine.ended(runId)).step).toMatchObject({ status: 'succeeded', attempt: 1 })
    expect(await engine.value(`SELECT count(*)::int FROM lost.${status}`)).toBe(2)
  })

  test.for([
    ['transform', 'recorded', ['transform']],
    ['load', 'encoded', ['load']],
  ] as const)('asks again for the batches whose %s jobs were lost', async ([kind, status, missing]) => {
    const key = `lost/${kind}`
    const location = (await engine.define([rows(key)], { batchBytes: 1, queues: without('transform', 'extract') })).location
    const { runId } = await engine.launch(key)
    await waitFor(async () => (await engine.view(runId)).step.status === 'extracting', { what: 'the step to be extracting' })
    await engine.work(location, { batchBytes: 1, queues: ['extract'] })
    await waitFor(async () => (await engine.view(runId)).step.status === 'loading', { what: 'the step to be loading' })
    if (kind === 'load') {
      // The location's first worker works the load queue; it must not see these batches.
      expect(missing).toEqual(['load'])
      await engine.queues.queue(location.name, 'load').pause()
      await engine.work(location, { batchBytes: 1, queues: ['transform'] })
    }
    await waitFor(async () => (await engine.value('SELECT count(*)::int FROM millrace.batch WHERE status = $1 AND claimed_by IS NULL', [status])) === 2, {
      what: 'two batches',
    })
    // Jobs are enqueued once their rows are committed: one that came after the others were lost would not be.
    const batches = await engine.query<{ id: string; enqueued: number }>(
      'SELECT b.id, b.enqueued FROM millrace.batch b JOIN millrace.step s ON s.id = b.step_id WHERE s.run_id = $1',
      [runId],
    )
    for (const { id, enqueued } of batches)
      await waitFor(async () => (await engine.queues.delivery(location.name, kind, { batchId: id, enqueued })).state === 'pending', { what: 'its job' })
    await loseJobs(location.name)
    expect(await doSweep()).toEqual({ freed: 0, enqueuedAgain: 2 })
    if (kind === 'load') await engine.queues.queue(location.name, 'load').resume()
    else await engine.work(location, { queues: ['transform'] })
    expect((await engine.ended(runId)).status).toBe('succeeded')
    expect(await engine.value(`SELECT count(*)::int FROM lost.${kind}`)).toBe(2)
  })

  test('wakes a step whose next attempt was lost', async () => {
    let broken = true
    const asset = table({
      key: 'lost/retry',
      columns: Row,
      retry: { retries: 1, delayMs: 30_000 },
      extract() {
        if (broken) throw new Error('once')
        return [[{ id: 1 }]]
      },
    })
    const { location } = await engine.define([asset])
    const { runId } = await engine.launch('lost/retry')
    await waitFor(async () => (await engine.view(runId)).step.status === 'retrying', { what: 'the first attempt to fail' })
    broken = false
    await loseJobs(location.name)
    expect(await doSweep()).toEqual({ freed: 0, enqueuedAgain: 1 })
    expect((await engine.ended(runId)).step).toMatchObject({ status: 'succeeded', attempt: 2 })
  })

  test('frees what a dead process claimed, a step or a batch, and its attempt is not counted', async () => {
    const dead = randomUUID()
    await engine.query(`INSERT INTO millrace.process (id, role, host, pid, lease_until) VALUES ($1, 'worker', 'gone', 1, now() - interval '1 second')`, [dead])
    const view = sqlAsset({ key: 'dead/view', select: 'SELECT 1 AS one', store: { kind: 'view' } })
    const { location, worker } = await engine.define([rows('dead/rows'), view], { queues: ['ticks'] })
    const { runId } = await engine.launch(['dead/rows', 'dead/view'])
    await worker.stop()
    await engine.query(`UPDATE millrace.step SET claimed_by = $2, claim = 1, claimed_at = now() WHERE run_id = $1`, [runId, dead])
    expect(await doSweep()).toMatchObject({ freed: 2 })
    await engine.work(location)
    expect((await engine.ended(runId)).steps).toMatchObject([
      { status: 'succeeded', attempt: 1 },
      { status: 'succeeded', attempt: 1 },
    ])
  })

  test('asks again for a job that a worker took, as soon as that has died before it claimed the row', async () => {
    const { location, worker } = await engine.define([rows('taken/rows')], { queues: ['ticks'] })
    const { runId } = await engine.launch('taken/rows')
    await worker.stop()
    const instance = randomUUID()
    await engine.query(
      `INSERT INTO millrace.process (id, instance, role, host, pid, lease_until) VALUES ($1, $1, 'worker', 'gone', 1, now() + interval '1 hour')`,
      [instance],
    )
    const taker = engine.queues.connection.createWorker(queueName(location.name, 'load'), () => Promise.resolve(), {
      name: instance,
      autorun: false,
      lockDuration: 600_000,
    })
    await taker.waitUntilReady()
    expect(await taker.getNextJob('token')).toMatchObject({ name: 'prepare' })
    await age()
    expect(await doSweep()).toEqual({ freed: 0, enqueuedAgain: 0 })
    await engine.query(`UPDATE millrace.process SET lease_until = now() WHERE instance = $1`, [instance])
    expect(await doSweep()).toEqual({ freed: 0, enqueuedAgain: 1 })
    await engine.work(location)
    expect((await engine.ended(runId)).status).toBe('succeeded')
    await taker.close(true)
  })

  test('leaves alone what a living process has in hand', async () => {
    const alive = randomUUID()
    await engine.query(`INSERT INTO millrace.process (id, role, host, pid, lease_until) VALUES ($1, 'worker', 'here', 1, now() + interval '1 hour')`, [alive])
    const { worker } = await engine.define([rows('alive/rows')], { queues: ['ticks'] })
    const { runId } = await engine.launch('alive/rows')
    await worker.stop()
    await engine.query(`UPDATE millrace.step SET claimed_by = $2, claim = 1, enqueued_at = now() - interval '1 hour' WHERE run_id = $1`, [runId, alive])
    expect(await doSweep()).toEqual({ freed: 0, enqueuedAgain: 0 })
    await engine.cancel(runId)
  })

  test('gives up a step that kills its workers', async () => {
    const { worker } = await engine.define([rows('deadly/rows')], { queues: ['ticks'] })
    const { runId } = await engine.launch('deadly/rows')
    await worker.stop()
    for (let death = 0; death <= 10; death += 1) {
      await engine.query(`UPDATE millrace.step SET claimed_by = gen_random_uuid(), claim = claim + 1 WHERE run_id = $1`, [runId])
      await doSweep()
    }
    const run = await engine.ended(runId)
    expect(run.step).toMatchObject({ status: 'failed', error: { code: 'WORKERS_LOST', message: '11 workers in a row died while they worked on deadly/rows.' } })
  })

  test('gives up a step whose batches kill their workers, and counts anew when one was encoded', async () => {
    const { location, worker } = await engine.define([rows('deadly/batches')], { batchBytes: 1, queues: ['extract', 'load'] })
    const { runId, stepId } = await launchOne('deadly/batches')
    await waitFor(async () => (await engine.view(runId)).step.status === 'loading', { what: 'the step to be loading' })
    await worker.stop()
    const die = async (): Promise<void> => {
      await engine.query(`UPDATE millrace.batch SET claimed_by = gen_random_uuid(), claim = claim + 1 WHERE step_id = $1 AND status = 'recorded'`, [stepId])
      await doSweep()
    }
    for (let death = 0; death < 10; death += 1) await die()
    expect((await engine.view(runId)).step.status).toBe('loading')
    await engine.queues.queue(location.name, 'load').pause()
    const transforming = await engine.work(location, { queues: ['transform'] })
    await waitFor(async () => (await engine.value('SELECT lost_claims FROM millrace.step WHERE id = $1', [stepId])) === 0, { what: 'the count to begin anew' })
    await transforming.stop()
    await engine.query(`UPDATE millrace.batch SET status = 'recorded', encoded = NULL WHERE step_id = $1`, [stepId])
    for (let death = 0; death <= 10; death += 1) await die()
    const run = await engine.ended(runId)
    expect(run.step).toMatchObject({
      status: 'failed',
      error: { code: 'WORKERS_LOST', message: '11 workers in a row died while they worked on deadly/batches.' },
    })
  })

  test('takes jobs off the queue that failed before they could claim their row, and the log of the run says why', async () => {
    const { location, worker } = await engine.define([rows('refused/rows')], { queues: ['ticks'] })
    await worker.stop()
    const { runId, stepId } = await launchOne('refused/rows')
    const queue = engine.queues.queue(location.name, 'load')
    const failing = engine.queues.connection.createWorker(queueName(location.name, 'load'), () => Promise.reject(new Error('login failed')), {})
    failing.on('error', () => undefined)
    for (let night = 0; night < 5; night += 1) {
      await waitFor(async () => (await queue.getFailedCount()) === 1, { what: 'the job to fail' })
      await age()
      expect(await doSweep()).toEqual({ freed: 0, enqueuedAgain: 1 })
    }
    await waitFor(async () => (await queue.getFailedCount()) === 1, { what: 'the last job to fail' })
    await failing.close()
    expect((await engine.view(runId)).events.filter((event) => event.kind === 'job failed').map((event) => event.message)).toEqual(
      Array.from({ length: 3 }, () => 'The prepare job of refused/rows failed before it could begin: login failed It is tried again until it can.'),
    )
    await age()
    await doSweep()
    await engine.work(location)
    expect((await engine.ended(runId)).step).toMatchObject({ id: stepId, status: 'succeeded', attempt: 1 })
  })

  test('asks once for what an ended step left to be removed, also where nobody works the queue', async () => {
    const { location, worker } = await engine.define([rows('unserved/rows')], { queues: ['ticks'] })
    await worker.stop()
    const { runId, stepId } = await launchOne('unserved/rows')
    await engine.cancel(runId)
    const queue = engine.queues.queue(location.name, 'load')
    await queue.obliterate({ force: true })
    for (let hour = 0; hour < 3; hour += 1) {
      await engine.query(`UPDATE millrace.step SET ended_at = now() - interval '1 hour', enqueued_at = now() - interval '1 hour' WHERE id = $1`, [stepId])
      await doSweep()
    }
    expect((await queue.getWaiting()).map((job) => job.name)).toEqual(['clean'])
    await engine.work(location)
    await waitFor(async () => (await engine.value('SELECT cleaned_at IS NOT NULL FROM millrace.step WHERE id = $1', [stepId])) === true, {
      what: 'the step to be clean',
    })
  })

  test('removes what an ended step left in staging and spool', async () => {
    const asset = table({ key: 'left/rows', columns: Row, extract: () => [[{ id: 1 }], [{ id: 'two' as unknown as number }]] })
    await engine.define([asset], { batchBytes: 1 })
    const run = await engine.run('left/rows')
    expect(run.status).toBe('failed')
    const staging = () => engine.value(`SELECT count(*)::int FROM pg_class WHERE relname LIKE $1`, [`s_${run.step.id.replaceAll('-', '')}_%`])
    expect(await staging()).toBe(1)
    await engine.query(`UPDATE millrace.step SET ended_at = now() - interval '1 hour', enqueued_at = now() - interval '1 hour' WHERE id = $1`, [run.step.id])
    await doSweep()
    await waitFor(async () => (await staging()) === 0, { what: 'staging to be removed' })
    await waitFor(async () => (await engine.value('SELECT cleaned_at IS NOT NULL FROM millrace.step WHERE id = $1', [run.step.id])) === true, {
      what: 'the step to be clean',
    })
  })
})

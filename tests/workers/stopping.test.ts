import { asset } from '../../src/definitions/function-asset.ts'
import { sensor } from '../../src/definitions/sensor.ts'
import { createLogger } from '../../src/logger.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { syncTicks } from '../../src/producers/schedules.ts'
import { createLocation, startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, temporaryFolder, test, waitFor } from '../support/test.ts'

describeBackends('a worker that stops', (backend) => {
  const lines: string[] = []
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend, logger: createLogger({ level: 'info', pretty: false, destination: { write: (line) => lines.push(line) } }) })
    return engine.stop
  })

  test('gives back at once what it is handed after its deadline, and calls nothing of it', async () => {
    const calls: number[] = []
    let last = false
    const value = asset({
      key: 'late/value',
      io: jsonFiles({ folder: await temporaryFolder() }),
      run: () => {
        calls.push(1)
        return last ? 1 : new Promise<number>(() => undefined)
      },
    })
    const location = createLocation([value])
    await engine.work(location, { queues: ['extract'] })
    const { runId } = await engine.launch('late/value')
    const holder = await engine.database.pool.connect()
    try {
      await holder.query('BEGIN')
      await holder.query('SELECT FROM millrace.step WHERE run_id = $1 FOR UPDATE', [runId])
      const worker = await engine.work(location, { queues: ['ops'], drainMs: 0 })
      await waitFor(
        async () => (await engine.value(`SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)) !== 0,
        {
          what: 'the worker to be taking the step',
        },
      )
      const stopped = worker.stop()
      await waitFor(() => lines.some((line) => line.includes('the deadline for draining has passed')), { what: 'the deadline to pass' })
      await holder.query('ROLLBACK')
      await stopped
    } finally {
      holder.release(true)
    }
    expect(calls).toEqual([])
    expect(await engine.query('SELECT status, attempt, claimed_by AS "claimedBy" FROM millrace.step WHERE run_id = $1', [runId])).toEqual([
      { status: 'running', attempt: 1, claimedBy: null },
    ])
    last = true
    await engine.work(location)
    expect(await engine.ended(runId)).toMatchObject({ status: 'succeeded', step: { attempt: 1 } })
    expect(calls).toEqual([1])
  })
  test('does not wait for a sensor that does not end', async () => {
    const called = Promise.withResolvers<unknown>()
    const never = Promise.withResolvers<object>()
    const value = asset({ key: 'watch/value', io: jsonFiles({ folder: await temporaryFolder() }), run: () => 1 })
    const run = (): Promise<object> => {
      called.resolve(undefined)
      return never.promise
    }
    const look = sensor({ name: 'look', everyMs: 86_400_000, timeoutMs: 600_000, assets: 'watch/value', run })
    const { worker } = await engine.define([value], { drainMs: 0 }, { sensors: [look] })
    await syncTicks({ pool: engine.database.pool, queues: engine.queues, logger: testLogger }, new Date(), new Map())
    await called.promise
    await worker.stop()
    never.resolve({})
  })
})

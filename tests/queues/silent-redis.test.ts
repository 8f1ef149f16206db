import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createQueues } from '../../src/queues/queues.ts'
import type { Queues } from '../../src/queues/queues.ts'
import { seedLocation } from '../board/seed.ts'
import { startBoard } from '../board/start.ts'
import { failureOf } from '../sources/failure.ts'
import { testLogger } from '../support/engine.ts'
import { backends, describe, expect, findRedisServer, freePort, onTestFinished, startRedisServer, temporaryFolder, test, waitFor } from '../support/test.ts'

const stepId = '0b5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4e'

function queuesOn(redisUrl: string): Queues {
  const queues = createQueues({ databaseUrl: 'postgres://unused', redisUrl, prefix: 'silent', answerMs: 300, logger: testLogger })
  onTestFinished(() => queues.close())
  return queues
}

describe.skipIf(!backends.includes('redis') || findRedisServer() === null)('queues whose Redis goes away', () => {
  test('answer in time, and go on when it is back', async () => {
    const folder = await temporaryFolder()
    const server = await startRedisServer(folder)
    const queues = queuesOn(server.url)
    const payload = { stepId, enqueued: 1 }
    expect(await queues.enqueue('one', 'extract', payload)).toBe(true)
    const ticks = queues.queue('one', 'ticks')
    expect(await ticks.getJobSchedulers(0, -1)).toEqual([])
    await server.stop()

    expect(await queues.enqueue('one', 'extract', { stepId, enqueued: 2 })).toBe(false)
    const late = { name: 'MillraceError', code: 'QUEUE_UNAVAILABLE', retryable: true, message: expect.stringContaining('one.') }
    expect(await failureOf(queues.delivery('one', 'extract', payload))).toMatchObject(late)
    expect(await failureOf(ticks.getJobSchedulers(0, -1))).toMatchObject(late)
    expect(await failureOf(ticks.removeJobScheduler('daily'))).toMatchObject(late)
    expect(await failureOf(ticks.upsertJobScheduler('daily', { pattern: '0 6 * * *' }))).toMatchObject(late)

    const again = await startRedisServer(folder, server.port)
    onTestFinished(() => again.stop())
    await waitFor(() => queues.enqueue('one', 'extract', { stepId, enqueued: 3 }), { what: 'a delivery to be taken' })
    expect(await queues.delivery('one', 'extract', { stepId, enqueued: 3 })).toEqual({ state: 'pending' })
  })

  test('answer in time when it was never there', async () => {
    const queues = queuesOn(`redis://127.0.0.1:${String(await freePort())}`)
    expect(await queues.enqueue('two', 'extract', { stepId, enqueued: 1 })).toBe(false)
    expect(await failureOf(queues.delivery('two', 'extract', { stepId, enqueued: 1 }))).toMatchObject({ code: 'QUEUE_UNAVAILABLE' })
  })

  test('let a run be launched once, for the sweep to go on with', async ({ database }) => {
    const board = await startBoard({ pool: database.pool, queues: queuesOn(`redis://127.0.0.1:${String(await freePort())}`) })
    await seedLocation(database.pool, 'queueless')
    const body = JSON.stringify({ assets: ['queueless/sales'] })
    const answer = await fetch(`${board.url}/api/v1/runs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    expect(answer.status).toBe(201)
    expect((await database.pool.query(`SELECT count(*)::int AS n FROM millrace.run WHERE location = 'queueless'`)).rows).toEqual([{ n: 1 }])
  })
})

test('waiting for a queue that never answers keeps no process alive', async () => {
  const script = `
    import { createAnswerInTime } from ${JSON.stringify(new URL('../../src/queues/answer-in-time.ts', import.meta.url).href)}
    void createAnswerInTime(600_000)('three.load', new Promise(() => undefined))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'ignore', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  expect(await once(child, 'exit')).toEqual([0, null])
})

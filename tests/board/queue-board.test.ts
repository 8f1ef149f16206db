import { describe, describeBackends, expect, test, waitFor } from '../support/test.ts'
import { seedLocation } from './seed.ts'
import { getJson, startBoard, startQueues } from './start.ts'

describe('the front of Bull Board', () => {
  test('is HTML that our Content-Security-Policy lets through', async ({ database }) => {
    const board = await startBoard({ pool: database.pool, queues: startQueues(database) })
    const response = await fetch(`${board.url}/queues/`)
    expect(response.status).toBe(200)
    const page = await response.text()
    expect(page).toContain('<base href="/queues/"')
    expect(page).toContain('Millrace queues')
    expect(page).not.toMatch(/googleapis| style=|<style|<%/)
    const script = /src="(static\/js\/main[^"]+)"/.exec(page)?.[1] ?? ''
    expect((await fetch(`${board.url}/queues/${script}`)).status).toBe(200)
  })
})

describeBackends('Bull Board', (backend) => {
  test('lists a new location without a restart, redacts, and its retry puts a failed job back to work', async ({ database }) => {
    const { pool } = database
    const queues = startQueues(database, backend)
    const board = await startBoard({ pool, queues })
    const location = `bull_${backend}`
    const listed = async (query = '') =>
      ((await getJson(`${board.url}/queues/api/queues${query}`)).body as { queues: { name: string; delimiter: string }[] }).queues.map((one) => one.name)
    expect(await listed()).not.toContain(`${location}.extract`)
    await seedLocation(pool, location)
    await waitFor(async () => (await listed()).includes(`${location}.extract`), { what: 'the new location to be listed' })

    const queue = queues.queue(location, 'ops')
    const job = await queue.add('probe', { stepId: 'x', password: 'hunter2', url: 'postgres://me:hunter2@db/x' })
    let fail = true
    const seen: unknown[] = []
    const worker = queues.connection.createWorker(
      `${location}.ops`,
      async (taken) => {
        seen.push(taken.data)
        await taken.log('with authorization: Bearer hunter2hunter2')
        if (fail) throw new Error('could not reach https://me:hunter2@host/')
        return { token: 'hunter2' }
      },
      {},
    )
    worker.on('error', () => undefined)
    try {
      await waitFor(async () => (await job.getState()) === 'failed', { what: 'the job to fail' })
      const path = `${board.url}/queues/api/queues/${location}.ops`
      const failed = await getJson(`${board.url}/queues/api/queues?activeQueue=${location}.ops&status=failed&page=1&jobsPerPage=10`)
      const shown = JSON.stringify([failed.body, (await getJson(`${path}/${job.id}`)).body, (await getJson(`${path}/${job.id}/logs`)).body])
      expect(shown).toContain('could not reach https://me:[redacted]@host/')
      expect(shown).toContain('"password":"[redacted]"')
      expect(shown).not.toContain('hunter2')

      fail = false
      const retry = await fetch(`${path}/${job.id}/retry`, { method: 'PUT', headers: { origin: new URL(board.url).origin } })
      expect(retry.status).toBe(204)
      await waitFor(async () => (await job.getState()) === 'completed', { what: 'the retried job to complete' })
      expect(seen).toEqual([job.data, job.data])
      expect(JSON.stringify((await getJson(`${path}/${job.id}`)).body)).not.toContain('hunter2')
    } finally {
      await worker.close()
    }
  })
})

import type pg from 'pg'
import { requestCancel } from '../../src/catalog/cancel.ts'
import { transaction } from '../../src/catalog/database.ts'
import { reviveStep } from '../../src/catalog/resume.ts'
import { startQueued } from '../../src/catalog/run-queue.ts'
import type { RunStatus, StepStatus } from '../../src/catalog/step-states.ts'
import { succeedStep } from '../../src/catalog/steps.ts'
import { expect, test } from '../support/test.ts'

const result = { metadata: {} }

interface Step {
  readonly status: StepStatus
  readonly upstream?: readonly string[]
}

/** A run with these steps, as rows alone. */
async function runOf(pool: pg.Pool, status: RunStatus, steps: Readonly<Record<string, Step>>) {
  await pool.query(`INSERT INTO millrace.manifest (location, version, document) VALUES ('revived', 'v', '{}') ON CONFLICT DO NOTHING`)
  const { rows } = await pool.query<{ id: string }>(
    `INSERT INTO millrace.run (location, version, assets, launched_by, status) VALUES ('revived', 'v', $1, 'test', $2) RETURNING id`,
    [Object.keys(steps), status],
  )
  const runId = rows[0]?.id ?? ''
  const ids = new Map<string, string>()
  for (const [asset, step] of Object.entries(steps)) {
    const { rows: made } = await pool.query<{ id: string }>(
      `INSERT INTO millrace.step (run_id, location, asset, kind, upstream, status, version) VALUES ($1, 'revived', $2, 'sql', $3, $4, 'v') RETURNING id`,
      [runId, asset, step.upstream ?? [], step.status],
    )
    ids.set(asset, made[0]?.id ?? '')
  }
  return {
    runId,
    id: (asset: string) => ids.get(asset) ?? '',
    statuses: async () => {
      const { rows: now } = await pool.query<{ asset: string; status: string }>(`SELECT asset, status FROM millrace.step WHERE run_id = $1`, [runId])
      return Object.fromEntries(now.map((row) => [row.asset, row.status]))
    },
    status: async () => (await pool.query<{ status: string }>(`SELECT status FROM millrace.run WHERE id = $1`, [runId])).rows[0]?.status,
  }
}

/** Has a step tried again, and its run leave the queue. */
async function revive(pool: pg.Pool, stepId: string): Promise<void> {
  expect(await reviveStep(pool, stepId)).toEqual({ due: [], waits: true })
  await transaction(pool, startQueued)
}

test('a step that is tried again leaves skipped what hangs on another failed one, so that the run ends', async ({ database: { pool } }) => {
  const run = await runOf(pool, 'failed', {
    a1: { status: 'failed' },
    own: { status: 'skipped', upstream: ['a1'] },
    a2: { status: 'failed' },
    b2: { status: 'skipped', upstream: ['a2'] },
    x: { status: 'skipped', upstream: ['a1', 'b2'] },
  })
  await revive(pool, run.id('a1'))
  expect(await run.statuses()).toEqual({ a1: 'computing', own: 'waiting', a2: 'failed', b2: 'skipped', x: 'skipped' })
  await succeedStep(pool, run.id('a1'), result)
  await succeedStep(pool, run.id('own'), result)
  expect(await run.status()).toBe('failed')
  await revive(pool, run.id('a2'))
  expect(await run.statuses()).toEqual({ a1: 'succeeded', own: 'succeeded', a2: 'computing', b2: 'waiting', x: 'waiting' })
  for (const asset of ['a2', 'b2', 'x']) await succeedStep(pool, run.id(asset), result)
  expect(await run.status()).toBe('succeeded')
})

test('a step that is tried again leaves skipped what hangs on a canceled one', async ({ database: { pool } }) => {
  const run = await runOf(pool, 'failed', { a: { status: 'failed' }, b: { status: 'canceled' }, x: { status: 'skipped', upstream: ['a', 'b'] } })
  await revive(pool, run.id('a'))
  await succeedStep(pool, run.id('a'), result)
  expect(await run.statuses()).toMatchObject({ x: 'skipped' })
  expect(await run.status()).not.toBe('started')
})

test('a step of a run that is being canceled is not tried again', async ({ database: { pool } }) => {
  const run = await runOf(pool, 'started', { a: { status: 'failed' }, b: { status: 'computing' } })
  await pool.query(`UPDATE millrace.step SET claimed_by = gen_random_uuid() WHERE id = $1`, [run.id('b')])
  await requestCancel(pool, run.runId)
  expect(await run.status()).toBe('canceling')
  expect(await reviveStep(pool, run.id('a'))).toBeUndefined()
  expect(await run.statuses()).toEqual({ a: 'failed', b: 'computing' })
})

test('nor one of a run that another tries again from its start: both would make the same', async ({ database: { pool } }) => {
  const run = await runOf(pool, 'failed', { a: { status: 'failed' } })
  await pool.query(`UPDATE millrace.run SET retried_by = gen_random_uuid() WHERE id = $1`, [run.runId])
  expect(await reviveStep(pool, run.id('a'))).toBeUndefined()
  expect([await run.status(), await run.statuses()]).toEqual(['failed', { a: 'failed' }])
})

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FaultPoint } from '../../src/fault-point.ts'
import { expect, waitFor } from '../support/test.ts'
import { secondsBetween } from './cells.ts'
import type { Outcome } from './cells.ts'
import type { Cluster, FaultAction, Member } from './cluster.ts'
import { runSucceeds } from './exactness.ts'

/** Where a worker of the outbox is struck: with a row claimed, in the middle of a hook, or between what was sent and its mark. */
export const outboxPoints = ['outbox.claimed', 'while a hook runs', 'outbox.sent'] as const
type OutboxPoint = (typeof outboxPoints)[number]

/** How often the hook is called in all, where the one that had it is dead. */
const calls: Readonly<Record<OutboxPoint, number>> = { 'outbox.claimed': 1, 'while a hook runs': 2, 'outbox.sent': 2 }

/** Strikes the worker that calls a hook: it is called again by another one with the same key, none is lost, and one call is written down. */
export async function runOutboxCell(cluster: Cluster, point: OutboxPoint, action: FaultAction): Promise<Outcome> {
  const { pool, values } = cluster
  const named = point === 'while a hook runs' ? undefined : (point satisfies FaultPoint)
  const victim = await cluster.replace('ops', named === undefined ? {} : { fault: { point: named, action } })
  const hold = join(values, 'hold')
  await mkdir(values, { recursive: true })
  if (named === undefined) await writeFile(hold, '')
  const { runId } = await cluster.launch(['chaos/told'])
  const struckAt = named === undefined ? await strikeHook(cluster, victim, runId, action) : await victim.struck()
  await rm(hold, { force: true })
  await cluster.start('ops')
  await runSucceeds(cluster, runId)
  const row = await waitFor(
    async () => {
      const found = await pool.query<{ id: string; endedAt: Date }>(
        `SELECT id, ended_at AS "endedAt" FROM millrace.outbox WHERE run_id = $1 AND status = 'done'`,
        [runId],
      )
      return found.rows[0]
    },
    { what: 'the hook to have been called', timeoutMs: 60_000 },
  )
  if (action === 'stop') {
    victim.process.kill('SIGCONT')
    await victim.stop()
  }
  const lines = await callsOf(cluster, runId)
  expect(new Set(lines), 'the key of every call').toEqual(new Set([`${runId} ${row.id}`]))
  if (action === 'kill') expect(lines).toHaveLength(calls[point])
  const { rows } = await pool.query(
    `SELECT (SELECT count(*)::int FROM millrace.outbox WHERE run_id = $1) AS rows, (SELECT min(ended_at) FROM millrace.outbox WHERE run_id = $1) AS "endedAt",
       (SELECT count(*)::int FROM millrace.event WHERE run_id = $1 AND kind = 'hook' AND message = 'The hook tell was called.') AS told`,
    [runId],
  )
  expect(rows[0]).toEqual({ rows: 1, endedAt: row.endedAt, told: 1 })
  return { seconds: secondsBetween(struckAt, row.endedAt) }
}

async function strikeHook(cluster: Cluster, victim: Member, runId: string, action: FaultAction): Promise<Date> {
  await waitFor(async () => (await callsOf(cluster, runId)).length === 1, { what: 'the hook to be called' })
  await (action === 'kill' ? victim.kill() : victim.freeze())
  return cluster.now()
}

async function callsOf({ values }: Cluster, runId: string): Promise<string[]> {
  const text = await readFile(join(values, 'told.txt'), 'utf8').catch(() => '')
  return text.split('\n').filter((line) => line.startsWith(runId))
}

import { askForEvaluation, keepMessage } from '../../src/catalog/sensors.ts'
import type { FaultPoint } from '../../src/fault-point.ts'
import { expect, waitFor } from '../support/test.ts'
import { secondsBetween } from './cells.ts'
import type { Outcome } from './cells.ts'
import type { Cluster, FaultAction } from './cluster.ts'
import { expectExact, expectValues, runSucceeds } from './exactness.ts'

const key = { location: 'chaos', sensor: 'watched' }

/** Strikes the worker that evaluates a sensor: what its messages ask for is launched once, its cursor counts each of them, and none is left. */
export async function runSenseCell(cluster: Cluster, point: FaultPoint & `sense.${string}`, action: FaultAction): Promise<Outcome> {
  const { pool } = cluster
  await waitFor(async () => (await pool.query(`SELECT 1 FROM millrace.sensor WHERE name = 'watched'`)).rowCount === 1, { what: 'the sensor to be known' })
  const victim = await cluster.replace('ticks', { fault: { point, action } })
  const edition = cluster.nextEdition()
  await keepMessage(pool, key, { edition })
  await askForEvaluation(pool, key)
  await cluster.sense()
  const struckAt = await victim.struck()
  await cluster.start('ticks')
  const runKey = `sensor chaos/watched ${String(edition)}`
  const runs = () => pool.query<{ id: string }>(`SELECT id FROM millrace.run WHERE idempotency_key = $1`, [runKey])
  await waitFor(async () => (await runs()).rowCount === 1, { what: 'the run that the sensor asks for', timeoutMs: 60_000 })
  const endedAt = await runSucceeds(cluster, (await runs()).rows[0]?.id ?? '')
  await expectExact(cluster)
  await expectValues(cluster)
  if (action === 'stop') {
    victim.process.kill('SIGCONT')
    await victim.stop()
  }
  const { rows } = await pool.query<{ cursor: number; launched: number; left: number }>(
    `SELECT cursor::int AS cursor, (SELECT count(*)::int FROM millrace.run WHERE launched_by = 'sensor watched') AS launched,
       (SELECT count(*)::int FROM millrace.sensor_message) AS left FROM millrace.sensor WHERE name = 'watched'`,
  )
  expect(rows[0]).toEqual({ cursor: rows[0]?.launched, launched: rows[0]?.launched, left: 0 })
  return { seconds: secondsBetween(struckAt, endedAt) }
}

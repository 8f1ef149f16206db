import type { FaultPoint } from '../../src/fault-point.ts'
import { expect, waitFor } from '../support/test.ts'
import type { Cluster, FaultAction, Member, Role } from './cluster.ts'
import { backfillSucceeds, expectBackfill } from './backfill.ts'
import { expectCounted, expectExact, expectJoined, expectSummary, expectValues, runSucceeds } from './exactness.ts'

/** What a cell of the matrix showed. */
export interface Outcome {
  /** From the fault to the end of the run that it struck, in seconds, by the database's clock. */
  readonly seconds: number
  /** From the fault to when what the dead process held was claimed anew, in seconds; absent when it held nothing. */
  readonly resumedAfter?: number
}

/** The points that a run passes; a sensor’s have a cell of their own, and automation’s a file. */
export type RunPoint = Exclude<FaultPoint, `sense.${string}` | `automation.${string}` | `outbox.${string}`>

/** What a function of several assets makes, and what is made of that. */
export const multiAssets = ['chaos/half', 'chaos/rest', 'chaos/joined'] as const

/** Whose process strikes at each point, and what is run so that it gets there. */
export const points: Readonly<Record<RunPoint, { readonly role: Role; readonly assets: readonly string[] }>> = {
  'prepare.claimed': { role: 'load', assets: ['chaos/appended', 'chaos/replaced'] },
  'extract.claimed': { role: 'extract', assets: ['chaos/appended', 'chaos/replaced'] },
  'extract.spooled': { role: 'extract', assets: ['chaos/appended', 'chaos/replaced'] },
  'extract.recorded': { role: 'extract', assets: ['chaos/appended', 'chaos/replaced'] },
  'extract.sealed': { role: 'extract', assets: ['chaos/appended', 'chaos/replaced'] },
  'transform.claimed': { role: 'transform', assets: ['chaos/appended', 'chaos/replaced'] },
  'transform.middle': { role: 'transform', assets: ['chaos/appended', 'chaos/replaced'] },
  'transform.spooled': { role: 'transform', assets: ['chaos/appended', 'chaos/replaced'] },
  'transform.encoded': { role: 'transform', assets: ['chaos/appended', 'chaos/replaced'] },
  'load.claimed': { role: 'load', assets: ['chaos/appended', 'chaos/replaced'] },
  'load.copying': { role: 'load', assets: ['chaos/appended', 'chaos/replaced'] },
  'load.committed': { role: 'load', assets: ['chaos/appended', 'chaos/replaced'] },
  'load.acknowledged': { role: 'load', assets: ['chaos/appended', 'chaos/replaced'] },
  'publish.claimed': { role: 'load', assets: ['chaos/appended', 'chaos/replaced'] },
  'publish.applied': { role: 'load', assets: ['chaos/appended', 'chaos/replaced'] },
  'publish.committed': { role: 'load', assets: ['chaos/appended', 'chaos/replaced'] },
  'compute.claimed': { role: 'load', assets: ['chaos/appended', 'chaos/summary'] },
  'compute.committed': { role: 'load', assets: ['chaos/appended', 'chaos/summary'] },
  'execute.claimed': { role: 'ops', assets: ['chaos/value', 'chaos/valued'] },
  'execute.computed': { role: 'ops', assets: ['chaos/value', 'chaos/valued'] },
  'execute.halfway': { role: 'ops', assets: multiAssets },
  'execute.stored': { role: 'ops', assets: ['chaos/value', 'chaos/valued'] },
  'execute.committed': { role: 'ops', assets: ['chaos/value', 'chaos/valued'] },
  'op.computed': { role: 'ops', assets: ['chaos/counted'] },
  'op.stored': { role: 'ops', assets: ['chaos/counted'] },
  'branch.computed': { role: 'ops', assets: ['chaos/counted'] },
  'branch.stored': { role: 'ops', assets: ['chaos/counted'] },
  'launch.middle': { role: 'ticks', assets: [] },
  'launch.committed': { role: 'ticks', assets: [] },
  'backfill.launched': { role: 'ops', assets: ['chaos/daily', 'chaos/weekly'] },
  'backfill.committed': { role: 'ops', assets: ['chaos/daily', 'chaos/weekly'] },
}

/** What the other ways of writing, and quarantine, add to the points: where their own code stands. */
export const writePoints: readonly RunPoint[] = ['load.copying', 'load.committed', 'publish.claimed', 'publish.applied', 'publish.committed']
export const writeAssets = ['chaos/merged', 'chaos/snapshots', 'chaos/history', 'chaos/grown', 'chaos/parts', 'chaos/followed'] as const

/** What a function of several assets adds to the points: its outputs are one commit, and what hangs on them goes on. */
export const multiPoints: readonly RunPoint[] = ['execute.claimed', 'execute.computed', 'execute.stored', 'execute.committed']

/** Strikes one process at one point in the middle of a run, and sees the run end exactly. @param chosen other assets than the point's own */
export async function runCell(cluster: Cluster, point: RunPoint, action: FaultAction, chosen?: readonly string[]): Promise<Outcome> {
  const { role, assets: usual } = points[point]
  if (point.startsWith('backfill.')) return backfillCell(cluster, point, action, usual)
  const assets = chosen ?? usual
  const victim = await cluster.replace(role, { fault: { point, action } })
  const runId = role === 'ticks' ? undefined : (await cluster.launch(assets)).runId
  const scheduledAt = role === 'ticks' ? await cluster.tick() : undefined
  const struckAt = await victim.struck()
  const held = await heldBy(cluster, victim)
  await cluster.start(role)
  const endedAt = await runSucceeds(cluster, runId ?? (await runOfTick(cluster, scheduledAt ?? '')))
  const resumedAfter = await resumption(cluster, held, struckAt)
  await expectExact(cluster)
  if (assets.includes('chaos/summary')) await expectSummary(cluster)
  if (assets.includes('chaos/value')) await expectValues(cluster)
  if (assets.includes('chaos/joined')) await expectJoined(cluster, runId ?? '')
  if (assets.includes('chaos/counted')) await expectCounted(cluster, runId ?? '')
  if (action === 'stop') await thaw(cluster, victim)
  if (scheduledAt !== undefined) await expectOneRun(cluster, scheduledAt)
  return { seconds: secondsBetween(struckAt, endedAt), ...(resumedAfter === undefined ? {} : { resumedAfter }) }
}

/** Strikes the worker that takes a backfill on, and sees each partition made by one run. */
async function backfillCell(cluster: Cluster, point: FaultPoint, action: FaultAction, assets: readonly string[]): Promise<Outcome> {
  const victim = await cluster.replace('ops', { fault: { point, action } })
  const id = await cluster.backfill(assets)
  const struckAt = await victim.struck()
  await cluster.start('ops')
  const endedAt = await backfillSucceeds(cluster, id)
  await expectBackfill(cluster, id)
  if (action === 'stop') await thaw(cluster, victim)
  await expectBackfill(cluster, id)
  return { seconds: secondsBetween(struckAt, endedAt) }
}

export const secondsBetween = (from: Date, to: Date): number => (to.getTime() - from.getTime()) / 1000

/** Lets a stopped process go on: it must find that its work is somebody else's, and change nothing. */
export async function thaw(cluster: Cluster, zombie: Member): Promise<void> {
  const before = await fingerprint(cluster)
  const sessions = await sessionsOf(cluster, zombie)
  // What stood between two pieces of work held nobody up: the run may be over sooner than the lease.
  await waitFor(async () => !(await hasLease(cluster, zombie)), { what: 'the lease of the stopped process to run out' })
  zombie.process.kill('SIGCONT')
  await waitFor(async () => (await sessionsOf(cluster, zombie)) > sessions, { what: 'the thawed process to begin a new session' })
  // It ends in order, which means that everything it still had in hand has come to its end.
  await zombie.stop()
  expect(await fingerprint(cluster), 'targets, ledger and catalogue after the zombie').toEqual(before)
  await expectExact(cluster)
}

async function hasLease({ pool }: Cluster, { pid }: Member): Promise<boolean> {
  const { rowCount } = await pool.query(`SELECT 1 FROM millrace.process WHERE pid = $1 AND lease_until > clock_timestamp()`, [pid])
  return (rowCount ?? 0) > 0
}

export async function sessionsOf({ pool }: Cluster, { pid }: Member): Promise<number> {
  return (await pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM millrace.process WHERE pid = $1`, [pid])).rows[0]?.n ?? 0
}

/** Everything that a zombie could have changed. */
async function fingerprint({ pool }: Cluster): Promise<unknown> {
  const { rows } = await pool.query(
    `SELECT (SELECT json_agg(json_build_array(id, status, claim, generation, batches, result) ORDER BY id) FROM millrace.step) AS steps,
       (SELECT json_agg(json_build_array(id, status, ended_at) ORDER BY id) FROM millrace.run) AS runs,
       (SELECT json_agg(json_build_array(id, status, generation, ordinal, claim, encoded) ORDER BY id) FROM millrace.batch) AS batches,
       (SELECT json_agg(json_build_array(step_id, generation, state, result) ORDER BY step_id) FROM millrace_load.step) AS fences,
       (SELECT json_agg(json_build_array(step_id, output, value) ORDER BY step_id, output) FROM millrace.step_value) AS values,
       (SELECT json_agg(json_build_array(id, state) ORDER BY id) FROM millrace.quarantine) AS quarantine,
       (SELECT json_agg(json_build_array(target_name, load_order) ORDER BY target_name) FROM millrace_load.target) AS targets`,
  )
  return rows[0]
}

interface Held {
  readonly table: 'step' | 'batch'
  readonly id: string
  readonly claim: number
}

/** What a dead process had claimed. */
async function heldBy({ pool }: Cluster, { pid }: Member): Promise<Held[]> {
  const { rows } = await pool.query<Held>(
    `SELECT 'step' AS table, s.id::text, s.claim FROM millrace.step s JOIN millrace.process p ON p.id = s.claimed_by WHERE p.pid = $1
     UNION ALL SELECT 'batch', b.id::text, b.claim FROM millrace.batch b JOIN millrace.process p ON p.id = b.claimed_by WHERE p.pid = $1`,
    [pid],
  )
  return rows
}

/** How long after the fault the last of it was claimed by somebody else. */
async function resumption({ pool }: Cluster, held: readonly Held[], struckAt: Date): Promise<number | undefined> {
  const times: number[] = []
  for (const { table, id, claim } of held) {
    const { rows } = await pool.query<{ claimed_at: Date }>(`SELECT claimed_at FROM millrace.${table} WHERE id::text = $1 AND claim > $2`, [id, claim])
    if (rows[0] !== undefined) times.push(secondsBetween(struckAt, rows[0].claimed_at))
  }
  return times.length === 0 ? undefined : Math.max(...times)
}

export async function runOfTick({ pool }: Cluster, scheduledAt: string): Promise<string> {
  return waitFor(
    async () => (await pool.query<{ run_id: string | null }>(`SELECT run_id FROM millrace.tick WHERE scheduled_at = $1`, [scheduledAt])).rows[0]?.run_id,
    {
      what: 'the tick to launch its run',
      timeoutMs: 60_000,
    },
  )
}

async function expectOneRun({ pool }: Cluster, scheduledAt: string): Promise<void> {
  const { rows } = await pool.query<{ ticks: number; runs: number; by_schedule: number }>(
    `SELECT (SELECT count(*)::int FROM millrace.tick WHERE scheduled_at = $1) AS ticks,
       (SELECT count(*)::int FROM millrace.tick) AS runs, (SELECT count(*)::int FROM millrace.run WHERE launched_by = 'schedule yearly') AS by_schedule`,
    [scheduledAt],
  )
  expect(rows[0]?.ticks).toBe(1)
  expect(rows[0]?.by_schedule, 'as many runs as ticks').toBe(rows[0]?.runs)
}

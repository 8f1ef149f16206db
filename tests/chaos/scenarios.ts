import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { requestCancel } from '../../src/catalog/cancel.ts'
import { FencedError } from '../../src/errors.ts'
import { expect, waitFor } from '../support/test.ts'
import { backfillMade, backfillSucceeds, expectBackfill } from './backfill.ts'
import { points, runOfTick, secondsBetween, sessionsOf, thaw } from './cells.ts'
import type { Outcome, RunPoint } from './cells.ts'
import { redeployed } from './cluster.ts'
import type { Cluster, Member } from './cluster.ts'
import { expectExact, runEnd, runSucceeds } from './exactness.ts'
import { fillingsOf } from './readers.ts'
import type { Hold } from './source.ts'

const both = ['chaos/appended', 'chaos/replaced']

interface MidRun {
  readonly runId: string
  readonly edition: number
  readonly hold: Hold
}

/** A run that stands in the middle of its source until its hold is released. */
async function midRun(cluster: Cluster, assets: readonly string[] = both, page = 4): Promise<MidRun> {
  const edition = cluster.nextEdition()
  const hold = cluster.source.hold(edition, page)
  const { runId } = await cluster.launch(assets, edition)
  await hold.reached
  return { runId, edition, hold }
}

async function endsExactly(cluster: Cluster, runId: string, since: Date): Promise<Outcome> {
  const endedAt = await runSucceeds(cluster, runId)
  await expectExact(cluster)
  return { seconds: secondsBetween(since, endedAt) }
}

async function expectBatches(cluster: Cluster, runId: string, status: 'recorded' | 'encoded', atLeast: number): Promise<void> {
  await waitFor(
    async () => {
      const { rows } = await cluster.pool.query<{ n: number }>(
        `SELECT coalesce(min(n), 0)::int AS n FROM (SELECT count(b.id) FILTER (WHERE b.status = $2) AS n FROM millrace.step s LEFT JOIN millrace.batch b ON b.step_id = s.id WHERE s.run_id = $1 GROUP BY s.id) c`,
        [runId, status],
      )
      return (rows[0]?.n ?? 0) >= atLeast
    },
    { what: `${String(atLeast)} batches of each step to be ${status}` },
  )
}

async function stopAll(cluster: Cluster, role: Member['role']): Promise<void> {
  await Promise.all(cluster.members(role).map((one) => one.stop()))
}

/** What the run's steps say: status, generation and the kinds of their events. */
async function stepsOf(cluster: Cluster, runId: string): Promise<{ asset: string; status: string; generation: number; attempt: number; kinds: string[] }[]> {
  const { rows } = await cluster.pool.query<{ asset: string; status: string; generation: number; attempt: number; kinds: string[] }>(
    `SELECT asset, status, generation, attempt, array(SELECT DISTINCT kind FROM millrace.event e WHERE e.step_id = s.id ORDER BY kind) AS kinds FROM millrace.step s WHERE run_id = $1 ORDER BY asset`,
    [runId],
  )
  return rows
}

/** The database server is killed while a process stands at a point; server and process go on. */
export async function postgresKilledAt(cluster: Cluster, point: RunPoint, chosen?: readonly string[]): Promise<Outcome> {
  const { role, assets: usual } = points[point]
  const assets = chosen ?? usual
  const victim = await cluster.replace(role, { fault: { point, action: 'stop' } })
  const runId = role === 'ticks' ? undefined : (await cluster.launch(assets)).runId
  const scheduledAt = role === 'ticks' ? await cluster.tick() : undefined
  const struckAt = await victim.struck()
  await cluster.database.kill()
  await cluster.database.restart()
  victim.process.kill('SIGCONT')
  return endsExactly(cluster, runId ?? (await runOfTick(cluster, scheduledAt ?? '')), struckAt)
}

/** The database is away for 20 s in the middle of a run. */
export async function databaseAway(cluster: Cluster): Promise<Outcome> {
  const { runId, hold } = await midRun(cluster)
  const since = await cluster.now()
  await cluster.database.stop()
  hold.release()
  await delay(20_000) // what is tried here is an absence of this length
  await cluster.database.restart()
  return endsExactly(cluster, runId, since)
}

/** Redis loses everything while jobs wait in it. */
export async function redisEmptied(cluster: Cluster, how: 'flush' | 'restart'): Promise<Outcome> {
  await stopAll(cluster, 'transform')
  const { runId, hold } = await midRun(cluster)
  await expectBatches(cluster, runId, 'recorded', 3)
  const since = await cluster.now()
  await cluster.redis?.[how]()
  await cluster.start('transform')
  hold.release()
  return endsExactly(cluster, runId, since)
}

/** Spool files that wait for their stage are deleted, or a byte of each is changed. */
export async function spoolLost(cluster: Cluster, kind: 'raw' | 'copy', how: 'deleted' | 'damaged'): Promise<Outcome> {
  const role = kind === 'raw' ? 'transform' : 'load'
  if (kind === 'raw') await stopAll(cluster, role)
  const { runId, hold } = await midRun(cluster, both, kind === 'raw' ? 4 : 0)
  // Load workers prepare the staging table, so they may go only now.
  if (kind === 'copy') {
    await extractingSteps(cluster, runId, 2)
    await stopAll(cluster, role)
    hold.release()
  }
  await expectBatches(cluster, runId, kind === 'raw' ? 'recorded' : 'encoded', 3)
  const since = await cluster.now()
  expect(await loseFiles(cluster, kind, how)).toBeGreaterThan(5)
  await cluster.start(role)
  hold.release()
  const outcome = await endsExactly(cluster, runId, since)
  // Raw bytes come only from the source again, as a new generation; encoded ones are made again from the raw.
  const generation = kind === 'raw' ? 2 : 1
  for (const step of await stepsOf(cluster, runId))
    expect(step).toMatchObject({ status: 'succeeded', generation, attempt: 1, kinds: expect.arrayContaining(['spool']) })
  return outcome
}

/** The spool is away for a while in the middle of a run: whoever needs it waits, and nothing is begun afresh. */
export async function spoolAway(cluster: Cluster): Promise<Outcome> {
  const { runId, hold } = await midRun(cluster)
  const since = await cluster.now()
  await cluster.batches.relay?.leave()
  hold.release()
  await waitFor(async () => (await cluster.pool.query(`SELECT 1 FROM millrace.step WHERE run_id = $1 AND spool_wait IS NOT NULL`, [runId])).rowCount === 2, {
    what: 'the steps to wait for the spool',
    timeoutMs: 60_000,
  })
  await cluster.batches.relay?.comeBack()
  const outcome = await endsExactly(cluster, runId, since)
  for (const step of await stepsOf(cluster, runId))
    expect(step).toMatchObject({ status: 'succeeded', generation: 1, attempt: 1, kinds: expect.arrayContaining(['spool']) })
  return outcome
}

async function extractingSteps(cluster: Cluster, runId: string, number: number): Promise<void> {
  await waitFor(
    async () => (await cluster.pool.query(`SELECT 1 FROM millrace.step WHERE run_id = $1 AND status = 'extracting'`, [runId])).rowCount === number,
    {
      what: 'the steps to extract',
    },
  )
}

async function loseFiles({ spool }: Cluster, kind: string, how: 'deleted' | 'damaged'): Promise<number> {
  const names = (await readdir(spool, { recursive: true })).filter((name) => name.endsWith(`.${kind}`))
  for (const name of names) {
    const path = join(spool, name)
    if (how === 'deleted') await rm(path, { force: true })
    else {
      const bytes = await readFile(path)
      const middle = bytes.length >> 1
      bytes[middle] = (bytes[middle] ?? 0) ^ 1
      await writeFile(path, bytes)
    }
  }
  return names.length
}

interface Leader {
  readonly pid: number
  readonly epoch: string
  readonly now: Date
}

async function leaderOf(cluster: Cluster): Promise<Leader> {
  return waitFor(
    async () => {
      const { rows } = await cluster.pool.query<Leader>(
        `SELECT p.pid, l.epoch, clock_timestamp() AS now FROM millrace.leader l JOIN millrace.process p ON p.id = l.holder WHERE l.name = 'producers' AND l.lease_until > clock_timestamp()`,
      )
      return rows[0]
    },
    { what: 'a leader' },
  )
}

async function nextLeader(cluster: Cluster, before: Leader): Promise<Leader> {
  return waitFor(async () => (await leaderOf(cluster).then((one) => (one.epoch === before.epoch ? undefined : one))) ?? undefined, {
    what: 'the standby to lead',
  })
}

function memberOf(cluster: Cluster, leader: Leader): Member {
  const member = cluster.members('producers').find((one) => one.pid === leader.pid)
  if (member === undefined) throw new Error(`the leader ${String(leader.pid)} is none of the cluster's`)
  return member
}

/** The leader dies, and with it a worker whose work only a leader hands on. */
export async function leaderKilled(cluster: Cluster): Promise<Outcome> {
  const { runId, hold } = await midRun(cluster)
  const leader = await leaderOf(cluster)
  const since = await cluster.now()
  await Promise.all([memberOf(cluster, leader).kill(), ...cluster.members('extract').map((one) => one.kill())])
  const next = await nextLeader(cluster, leader)
  expect(secondsBetween(since, next.now), 'seconds until the standby leads').toBeLessThan(10)
  await Promise.all([cluster.start('extract'), cluster.start('producers')])
  hold.release()
  return endsExactly(cluster, runId, since)
}

/** The leader, or the worker, is struck in the middle of a backfill. One that was frozen goes on once all is done, and changes nothing. */
export async function backfillStruck(cluster: Cluster, who: 'leader' | 'worker', how: 'kill' | 'stop'): Promise<Outcome> {
  const worker = await cluster.replace('ops')
  const id = await cluster.backfill(['chaos/daily', 'chaos/weekly'])
  await backfillMade(cluster, id, 5)
  const leader = await leaderOf(cluster)
  const victim = who === 'worker' ? worker : memberOf(cluster, leader)
  await (how === 'kill' ? victim.kill() : victim.freeze())
  const struckAt = await cluster.now()
  expect(await backfillMade(cluster, id, 5), 'struck in its middle').toBeLessThan(32)
  await cluster.start(who === 'worker' ? 'ops' : 'producers')
  const endedAt = await backfillSucceeds(cluster, id)
  await expectBackfill(cluster, id)
  // It may end without the leader: one that is thawed too early leads on.
  if (who === 'leader') await nextLeader(cluster, leader)
  if (how === 'stop') await thaw(cluster, victim)
  await expectBackfill(cluster, id)
  return { seconds: secondsBetween(struckAt, endedAt) }
}

/** The leader is frozen until the standby leads, and goes on in the belief that it leads still. */
export async function leaderFrozen(cluster: Cluster): Promise<Outcome> {
  const leader = await leaderOf(cluster)
  const zombie = memberOf(cluster, leader)
  const since = await cluster.now()
  await zombie.freeze()
  const next = await nextLeader(cluster, leader)
  await expect(cluster.launchAsLeader(leader.epoch)).rejects.toBeInstanceOf(FencedError)
  const sessions = await sessionsOf(cluster, zombie)
  zombie.process.kill('SIGCONT')
  await waitFor(async () => (await sessionsOf(cluster, zombie)) > sessions, { what: 'the old leader to begin a new session' })
  expect(await leaderOf(cluster)).toMatchObject({ pid: next.pid, epoch: next.epoch })
  const { runId } = await cluster.launch(both)
  await endsExactly(cluster, runId, since)
  return { seconds: secondsBetween(since, next.now) }
}

/** Only the transform worker is deployed anew in the middle of a run. */
export async function transformRedeployed(cluster: Cluster, columns: 'same' | 'other'): Promise<Outcome> {
  const { runId, edition, hold } = await midRun(cluster)
  const since = await cluster.now()
  await cluster.replace('transform', { env: columns === 'same' ? { MILLRACE_CODE_VERSION: 'second' } : redeployed })
  hold.release()
  const outcome = await endsExactly(cluster, runId, since)
  for (const step of await stepsOf(cluster, runId)) {
    expect(step).toMatchObject({ status: 'succeeded', generation: columns === 'same' ? 1 : 2, kinds: expect.arrayContaining(['version']) })
  }
  if (columns === 'other') {
    for (const table of ['chaos.replaced', 'chaos.appended']) {
      const { rows } = await cluster.pool.query(
        `SELECT count(*)::int AS rows, count(*) FILTER (WHERE doubled = id * 2)::int AS doubled FROM ${table} WHERE edition = $1`,
        [edition],
      )
      expect(rows[0], table).toEqual({ rows: cluster.source.rows, doubled: cluster.source.rows })
    }
  }
  await cluster.replace('transform')
  return outcome
}

/** A run is canceled in the middle: what was there stays. */
export async function canceled(cluster: Cluster): Promise<Outcome> {
  const before = await Promise.all([fillingsOf(cluster.pool, 'chaos.appended'), fillingsOf(cluster.pool, 'chaos.replaced')])
  const { runId, hold } = await midRun(cluster)
  const since = await cluster.now()
  await requestCancel(cluster.pool, runId)
  const { status, endedAt } = await runEnd(cluster, runId)
  hold.release()
  expect(status).toBe('canceled')
  expect(await Promise.all([fillingsOf(cluster.pool, 'chaos.appended'), fillingsOf(cluster.pool, 'chaos.replaced')])).toEqual(before)
  await expectExact(cluster)
  return { seconds: secondsBetween(since, endedAt) }
}

/** A worker is told to stop while its source is silent: it gives its work back, and the next one goes on after the last recorded batch. */
export async function workerDrained(cluster: Cluster): Promise<Outcome> {
  await cluster.replace('extract', { env: { MILLRACE_DRAIN_SECONDS: '1' } })
  const { runId, hold } = await midRun(cluster, ['chaos/appended'])
  await waitFor(async () => (await cluster.pool.query(`SELECT 1 FROM millrace.step WHERE run_id = $1 AND batches = 4`, [runId])).rowCount === 1, {
    what: 'four pages to be recorded',
  })
  const before = cluster.source.requests()
  const since = await cluster.now()
  await cluster.replace('extract')
  hold.release()
  const outcome = await endsExactly(cluster, runId, since)
  expect((await stepsOf(cluster, runId))[0]).toMatchObject({ generation: 1, attempt: 1 })
  // The held page is answered to both; the four before it are not asked for again.
  expect(cluster.source.requests() - before).toBeLessThanOrEqual(cluster.source.pages - 4 + 1)
  return outcome
}

/** Two runs of one asset at once, and the older one comes last: it never publishes over the newer. */
export async function twoRunsAtOnce(cluster: Cluster): Promise<Outcome> {
  const older = await midRun(cluster, ['chaos/replaced'])
  const since = await cluster.now()
  const newer = await cluster.launch(['chaos/replaced'])
  await runSucceeds(cluster, newer.runId)
  older.hold.release()
  const endedAt = await runSucceeds(cluster, older.runId)
  expect(await stepsOf(cluster, older.runId)).toMatchObject([{ status: 'superseded' }])
  expect(await fillingsOf(cluster.pool, 'chaos.replaced')).toMatchObject([{ edition: newer.edition }])
  await expectExact(cluster)
  return { seconds: secondsBetween(since, endedAt) }
}

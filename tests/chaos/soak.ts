import { setTimeout as delay } from 'node:timers/promises'
import { expect, waitFor } from '../support/test.ts'
import type { Backend } from '../support/test.ts'
import { startCluster } from './cluster.ts'
import type { Cluster, Member, Role } from './cluster.ts'
import { expectClean, expectExact, expectSummary } from './exactness.ts'

export interface SoakReport {
  readonly runs: number
  readonly text: string
}

/** How long a run may go without ending once nothing is struck any more, in ms. */
const settleMs = 120_000
const roles: readonly Role[] = ['producers', 'extract', 'transform', 'load']

/** A reproducible sequence of numbers in [0, 1). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Kills, freezes and restarts whatever it likes while runs are launched one after another; then all of it must settle and be exact. */
export async function soak(backend: Backend, seconds: number): Promise<SoakReport> {
  const seed = Number(process.env['MILLRACE_SOAK_SEED'] ?? Date.now() % 1_000_000)
  const random = randomFrom(seed)
  const cluster = await startCluster({ backend, members: { extract: 2, transform: 2, load: 2 } })
  const until = performance.now() + seconds * 1000
  const counts: Record<string, number> = {}
  const count = (what: string): void => {
    counts[what] = (counts[what] ?? 0) + 1
  }
  const launching = launchUntil(cluster, () => performance.now() < until)
  while (performance.now() < until) {
    // The pause between two strikes is part of what is drawn by lot.
    await delay(200 + random() * 4000)
    await strike(cluster, random, count)
  }
  const launched = await launching
  await waitFor(
    async () => {
      const { rows } = await cluster.pool.query(
        `SELECT r.id, r.status, (SELECT json_agg(json_build_array(s.asset, s.status, s.claimed_by, s.enqueued, s.lost_claims, s.error)) FROM millrace.step s WHERE s.run_id = r.id) AS steps FROM millrace.run r WHERE ended_at IS NULL`,
      )
      return rows.length === 0 || Promise.reject(new Error(JSON.stringify(rows)))
    },
    { what: `every run to end (seed ${String(seed)})`, timeoutMs: settleMs },
  )
  const { rows } = await cluster.pool.query<{ status: string; n: number; error: unknown }>(
    `SELECT status, count(*)::int AS n, (SELECT json_agg(error) FROM millrace.step WHERE error IS NOT NULL AND status = 'failed') AS error FROM millrace.run GROUP BY status`,
  )
  expect(rows, `seed ${String(seed)}`).toEqual([{ status: 'succeeded', n: launched, error: null }])
  await expectExact(cluster)
  const last = await cluster.launch(['chaos/appended', 'chaos/summary', 'chaos/replaced'])
  await waitFor(async () => (await cluster.pool.query(`SELECT 1 FROM millrace.run WHERE id = $1 AND status = 'succeeded'`, [last.runId])).rowCount === 1, {
    what: 'one more run',
    timeoutMs: 60_000,
  })
  await expectExact(cluster)
  await expectSummary(cluster)
  await expectClean(cluster)
  const { rows: total } = await cluster.pool.query<{ rows: string }>(`SELECT count(*) AS rows FROM chaos.appended`)
  const struck = Object.entries(counts)
    .map(([what, n]) => `${String(n)} × ${what}`)
    .join(', ')
  return {
    runs: launched,
    text: `Soak on ${backend}, ${String(seconds)} s, seed ${String(seed)}: ${struck || 'nothing struck'}; ${String(launched + 1)} runs, ${String(total[0]?.rows)} rows appended, every one once; ${String(cluster.readers.looks())} looks of two readers, ${String(cluster.readers.violations().length)} wrong.`,
  }
}

async function launchUntil(cluster: Cluster, goesOn: () => boolean): Promise<number> {
  const sets = [['chaos/appended', 'chaos/replaced'], ['chaos/replaced'], ['chaos/appended', 'chaos/summary']] as const
  let launched = 0
  while (goesOn()) {
    try {
      const { runId } = await cluster.launch(sets[launched % sets.length] ?? ['chaos/replaced'])
      launched += 1
      // The next one begins when this one is through, or while it still lies broken.
      await waitFor(async () => (await cluster.pool.query(`SELECT 1 FROM millrace.run WHERE id = $1 AND ended_at IS NOT NULL`, [runId])).rowCount === 1, {
        what: 'the run',
        timeoutMs: 10_000,
      }).catch(() => undefined)
    } catch {
      // The database was away. Whether the launch was committed is told by the rows below.
      await delay(200)
    }
  }
  return waitFor(async () => (await cluster.pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM millrace.run`)).rows[0]?.n, {
    what: 'the number of runs',
  })
}

async function strike(cluster: Cluster, random: () => number, count: (what: string) => void): Promise<void> {
  const draw = random()
  if (draw < 0.04) {
    count('Postgres killed')
    await cluster.database.kill()
    await cluster.database.restart()
    return
  }
  if (draw < 0.08 && cluster.redis !== undefined) {
    const how = random() < 0.5 ? 'flush' : 'restart'
    count(how === 'flush' ? 'Redis flushed' : 'Redis restarted')
    await cluster.redis[how]()
    return
  }
  const role = roles[Math.floor(random() * roles.length)] ?? 'load'
  const members = cluster.members(role)
  const victim = members[Math.floor(random() * members.length)]
  if (victim === undefined) return
  if (random() < 0.6) {
    count(`${role} killed`)
    await Promise.all([victim.kill(), cluster.start(role)])
  } else {
    count(`${role} frozen`)
    await freezeFor(victim, random() * 8000)
  }
}

/** Longer than the lease of 3 s more often than not. */
async function freezeFor(victim: Member, ms: number): Promise<void> {
  await victim.freeze()
  await delay(ms)
  victim.process.kill('SIGCONT')
}

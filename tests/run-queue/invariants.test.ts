import { asset } from '../../src/definitions/function-asset.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { startWhatFits } from '../../src/producers/launch/start-waiting.ts'
import { createLocation, startEngine, testLogger } from '../support/engine.ts'
import { createProject } from '../cli/project.ts'
import { describeBackends, expect, redisUrl, spawnMillrace, temporaryFolder, test, waitFor } from '../support/test.ts'

const definitions = (folder: string) => `import { asset, defineLocation } from 'millrace'
import { jsonFiles } from 'millrace/io'

const io = jsonFiles({ folder: ${JSON.stringify(folder)} })
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const work = (key, slots) => asset({
  key, io, pool: 'api', slots, retry: { retries: 2, delayMs: 20 },
  run: async () => {
    await sleep(Math.random() * 60)
    if (Math.random() < 0.2) throw new Error('by lot')
    return 1
  },
})
const one = work('lot/one', 1)
const two = work('lot/two', 2)
export default defineLocation({ name: 'lot', assets: [one, two], pools: { api: 3 }, limits: { runs: 6 } })
`

describeBackends('whatever ends in whatever way', (backend) => {
  test('hundreds of runs at once under a limit of ten: never more than ten, and all end, with no leader at all', { timeout: 120_000 }, async () => {
    const engine = await startEngine({ backend, producers: 'none' })
    let now = 0
    let most = 0
    const io = jsonFiles({ folder: await temporaryFolder() })
    const trivial = asset({
      key: 'many/trivial',
      io,
      run: async () => {
        now += 1
        most = Math.max(most, now)
        await Promise.resolve()
        now -= 1
        return 1
      },
    })
    await engine.work(createLocation([trivial], { limits: { runs: 10 } }))
    const runs = 200
    let open = true
    let mostOpen = 0
    const watching = (async () => {
      while (open) mostOpen = Math.max(mostOpen, Number(await engine.value(`SELECT count(*) FROM millrace.run WHERE status IN ('started', 'canceling')`)))
    })()
    // Many that start what fits at once, as processes do that know nothing of each other.
    const deps = { pool: engine.database.pool, queues: engine.queues, logger: testLogger }
    await Promise.all(
      Array.from({ length: runs }, async (_, n) => Promise.all([engine.launch('many/trivial'), n % 10 === 0 ? startWhatFits(deps) : undefined])),
    )
    await waitFor(async () => Number(await engine.value(`SELECT count(*) FROM millrace.run WHERE status = 'succeeded'`)) === runs, {
      what: 'all runs to end',
      timeoutMs: 100_000,
    })
    open = false
    await watching
    expect(mostOpen).toBeLessThanOrEqual(10)
    expect(mostOpen).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(10)
    await engine.stop()
  })

  test(
    'workers killed at random, runs canceled and failing by lot: slots and runs never above their limits, and none is lost',
    { timeout: 120_000 },
    async () => {
      const folder = await temporaryFolder()
      const engine = await startEngine({ backend, leaseMs: 2000 })
      const { pipelines } = await createProject({ lot: definitions(folder) })
      const prefix = String(engine.queues.queue('lot', 'ops').opts.prefix)
      const env = {
        DATABASE_URL: engine.database.url,
        MILLRACE_PIPELINES: pipelines,
        MILLRACE_HOME: folder,
        MILLRACE_SPOOL: engine.spoolFolder,
        MILLRACE_LEASE_SECONDS: '2',
        ...(backend === 'redis' ? { REDIS_URL: redisUrl ?? '', MILLRACE_QUEUE_PREFIX: prefix } : {}),
      }
      spawnMillrace(['worker'], env)
      await waitFor(async () => (await engine.query(`SELECT 1 FROM millrace.location WHERE name = 'lot'`)).length === 1, { what: 'the definitions' })
      // The lease of one that was killed goes on for a while.
      const killed: number[] = []
      const pidOf = async () => {
        const [live] = await engine.query<{ pid: number }>(
          `SELECT pid FROM millrace.process WHERE role = 'worker' AND lease_until > clock_timestamp() AND pid <> ALL($1) ORDER BY random() LIMIT 1`,
          [killed],
        )
        return live?.pid
      }
      spawnMillrace(['worker'], env)
      const deps = { pool: engine.database.pool, queues: engine.queues, logger: testLogger }
      const worst = { slots: 0, runs: 0 }
      let open = true
      const watching = (async () => {
        while (open) {
          const [seen] = await engine.query<{ slots: number; runs: number }>(
            `SELECT (SELECT coalesce(sum(slots), 0)::int FROM millrace.step WHERE pool = 'api' AND status NOT IN ('waiting', 'retrying') AND ended_at IS NULL) AS slots,
                  (SELECT count(*)::int FROM millrace.run WHERE status IN ('started', 'canceling')) AS runs`,
          )
          worst.slots = Math.max(worst.slots, seen?.slots ?? 0)
          worst.runs = Math.max(worst.runs, seen?.runs ?? 0)
        }
      })()
      const launched = await Promise.all(
        Array.from(
          { length: 40 },
          async (_, n) =>
            (
              await engine.launch(n % 3 === 0 ? ['lot/one', 'lot/two'] : n % 3 === 1 ? 'lot/one' : 'lot/two', {
                priority: n % 5,
                retries: n % 2,
                retryDelayMs: 50,
              })
            ).runId,
        ),
      )
      for (const after of [5, 15]) {
        await waitFor(async () => Number(await engine.value(`SELECT count(*) FROM millrace.run WHERE ended_at IS NOT NULL`)) > after, { what: 'some to end' })
        const pid = await waitFor(pidOf, { what: 'a live worker' })
        process.kill(pid, 'SIGKILL')
        killed.push(pid)
        spawnMillrace(['worker'], env)
        for (const run of launched.filter(() => Math.random() < 0.05)) await engine.cancel(run)
        await Promise.all(Array.from({ length: 5 }, () => startWhatFits(deps)))
      }
      const closed = async () => Number(await engine.value(`SELECT count(*) FROM millrace.run WHERE status NOT IN ('succeeded', 'failed', 'canceled')`)) === 0
      await waitFor(closed, { what: 'all runs to end', timeoutMs: 60_000 })
      open = false
      await watching
      expect(worst.slots).toBeLessThanOrEqual(3)
      expect(worst.runs).toBeLessThanOrEqual(6)
      expect(worst).toEqual({ slots: 3, runs: 6 })
      expect(await engine.value(`SELECT count(*)::int FROM millrace.step WHERE ended_at IS NULL`)).toBe(0)
      await engine.stop()
    },
  )
})

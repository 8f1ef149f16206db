import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import { askForAutomation, setAutomationStopped } from '../../src/catalog/automation.ts'
import { transaction } from '../../src/catalog/database.ts'
import { lead } from '../../src/catalog/leader.ts'
import { publishManifest } from '../../src/catalog/manifests.ts'
import { automationHistory, listAutomation } from '../../src/api/automation.ts'
import { createLocationReader } from '../../src/catalog/read/locations.ts'
import { eager, when } from '../../src/definitions/automation/conditions.ts'
import { externalAsset } from '../../src/definitions/external-asset.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import type { FunctionAsset } from '../../src/definitions/function-asset.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { staticPartitions } from '../../src/definitions/partitions/partitions.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { tickAutomations, tidyAutomations, tryAutomation } from '../../src/producers/automation/tick.ts'
import { createLocation, startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, onTestFinished, temporaryFolder, test, waitFor } from '../support/test.ts'

interface StartedRun {
  readonly id: string
  readonly assets: string[]
  readonly partitions: string[] | null
}

describeBackends('automation conditions', (backend) => {
  let engine: Engine
  let epoch: string
  let io: ReturnType<typeof jsonFiles>
  let names = 0
  beforeAll(async () => {
    engine = await startEngine({ backend, producers: 'none' })
    io = jsonFiles({ folder: await temporaryFolder() })
    epoch = (await lead(engine.database.pool, 'producers', randomUUID(), 600_000)) ?? ''
    return engine.stop
  })
  const deps = () => ({ pool: engine.database.pool, queues: engine.queues, logger: testLogger })
  const tick = (as = epoch) => tickAutomations(deps(), as)
  const startedIn = (location: string) =>
    engine.query<StartedRun & Record<string, unknown>>(
      `SELECT id, assets, partitions FROM millrace.run WHERE location = $1 AND launched_by = 'automation' ORDER BY created_at, partitions`,
      [location],
    )

  /** `<place>/a`, and what is made from it. */
  function freshKeys() {
    names += 1
    const place = `auto${String(names)}`
    return { a: `${place}/a`, b: `${place}/b`, c: `${place}/c` }
  }

  test('start what hangs on an update once, by one run, and keep why', async () => {
    const keys = freshKeys()
    const a = asset({ key: keys.a, io, run: () => 1 })
    const b = asset({ key: keys.b, io, inputs: { a }, run: ({ inputs }) => inputs.a + 1, automation: eager() })
    const c = asset({ key: keys.c, io, inputs: { b }, run: ({ inputs }) => inputs.b + 1, automation: eager() })
    const { location } = await engine.define([a, b, c])
    await tick()
    expect(await startedIn(location.name)).toEqual([])
    await engine.succeed(a.key)
    const pool = engine.database.pool
    const tried = await tryAutomation(pool, manifestOf(location), new Date())
    expect(tried.runs.map((run) => run.assets.map(({ key }) => key))).toEqual([[b.key, c.key]])
    expect(await startedIn(location.name)).toEqual([])

    await Promise.all([tick(), tick(), tick()])
    const [run, ...others] = await startedIn(location.name)
    expect([run?.assets, others]).toEqual([[b.key, c.key], []])
    const ended = await engine.ended(run?.id ?? '')
    expect(ended.status).toBe('succeeded')
    // What it made itself starts nothing more.
    for (let round = 0; round < 3; round += 1) await tick()
    expect(await startedIn(location.name)).toHaveLength(1)

    const { evaluations } = await automationHistory({ pool }, location.name, b.key, { limit: 10 })
    const asked = evaluations.find(({ answer }) => answer === 'requested')
    expect(asked).toMatchObject({ runs: [run?.id], reason: expect.stringMatching(`anyDepsUpdated: ${a.key}: .*materialized at .* by the run`) as unknown })
    const parts = asked?.outcome[0]?.outcome.of ?? []
    expect(parts.map(({ kind, value }) => [kind, value])).toEqual([
      ['latestWindow', true],
      ['since', true],
      ['not', true],
      ['not', true],
      ['not', true],
    ])
    const [listed] = (await listAutomation({ pool, locations: createLocationReader() })).filter((one) => one.location === location.name)
    expect(listed?.assets.map(({ asset: key, condition, answer }) => [key, condition, answer])).toEqual([
      [b.key, 'eager', 'no'],
      [c.key, 'eager', 'no'],
    ])
  })

  test('do not start a failing asset again until something has changed', async () => {
    const keys = freshKeys()
    const a = asset({ key: keys.a, io, run: () => 1 })
    const broken = (): number => {
      throw new Error('broken')
    }
    const b = asset({ key: keys.b, io, deps: [a], run: broken, retry: { retries: 0 }, automation: eager() })
    const c = asset({ key: keys.c, io, run: broken, retry: { retries: 0 }, automation: when.all(when.missing(), when.not(when.inProgress())) })
    const { location } = await engine.define([a, b, c])
    const failures = async () => (await startedIn(location.name)).map(({ assets }) => assets.join())
    const settle = async () => {
      await tick()
      for (const { id } of await startedIn(location.name)) expect((await engine.ended(id)).status).toBe('failed')
      for (let round = 0; round < 3; round += 1) await tick()
    }
    await settle()
    expect(await failures()).toEqual([c.key])
    await engine.succeed(a.key)
    await settle()
    expect(await failures()).toEqual([c.key, b.key])
    expect(await engine.value(`SELECT answer FROM millrace.automation_asset WHERE location = $1 AND asset = $2`, [location.name, c.key])).toBe('held')
    await engine.succeed(a.key)
    await settle()
    expect(await failures()).toEqual([c.key, b.key, b.key])
  })

  test('are evaluated for each partition, and each is made by a run of its own', async () => {
    const keys = freshKeys()
    const partitions = staticPartitions(['eu', 'us', 'asia'])
    const a = asset({ key: keys.a, partitions, io, run: ({ partition }) => partition.key })
    const b = asset({ key: keys.b, partitions, io, inputs: { a }, run: ({ inputs }) => inputs.a, automation: eager() })
    const { location } = await engine.define([a, b])
    await tick()
    await engine.succeed(a.key, { partitions: ['eu', 'us'] })
    await tick()
    const runs = await startedIn(location.name)
    expect(runs.map((run) => run.partitions)).toEqual([['eu'], ['us']])
    for (const { id } of runs) expect((await engine.ended(id)).status).toBe('succeeded')
    for (let round = 0; round < 2; round += 1) await tick()
    expect(await startedIn(location.name)).toHaveLength(2)
    expect(await engine.query(`SELECT partitions FROM millrace.automation_evaluation WHERE location = $1 AND answer = 'requested'`, [location.name])).toEqual([
      { partitions: ['eu', 'us'] },
    ])
  })

  test('look at what another location makes: what was made, is being made, and is wiped there', async () => {
    const keys = freshKeys()
    const regions = staticPartitions(['eu', 'us'])
    let gate = Promise.resolve()
    const a = asset({ key: keys.a, io, run: () => gate.then(() => 1) })
    const b = asset({ key: keys.b, io, partitions: regions, run: () => 1 })
    const { location: maker } = await engine.define([a, b])
    await engine.succeed(a.key)

    const madeIn = maker.name
    const elsewhere = externalAsset({ key: a.key, madeIn })
    const parted = externalAsset({ key: b.key, partitions: regions, madeIn })
    const afterA = asset({ key: `${keys.a}/after`, io, deps: [elsewhere], run: () => 1, automation: eager() })
    const afterB = asset({ key: `${keys.b}/after`, io, deps: [parted], partitions: regions, run: () => 1, automation: eager() })
    const meanwhile = asset({ key: `${keys.c}/meanwhile`, io, deps: [elsewhere], run: () => 1, automation: when.anyDepsInProgress() })
    const { location } = await engine.define([elsewhere, parted, afterA, afterB, meanwhile])
    const known = () =>
      engine.query('SELECT key, run_id FROM millrace.asset WHERE location = $1 AND key = ANY($2) ORDER BY key', [location.name, [a.key, b.key]])
    // What was there is known at once.
    expect(await known()).toMatchObject([{ key: a.key }])
    await tick()
    expect(await startedIn(location.name)).toEqual([])

    let open = (): void => undefined
    gate = new Promise((resolve) => (open = resolve))
    // Of the two locations that know the key, the one that makes it is meant.
    const { runId } = await engine.launch(a.key)
    await waitFor(
      async () => {
        await tick()
        return (await startedIn(location.name)).some(({ assets }) => assets.includes(meanwhile.key))
      },
      { what: 'the run that is started while another location makes what it hangs on' },
    )
    open()
    expect((await engine.ended(runId)).status).toBe('succeeded')
    await engine.succeed(b.key, { partitions: ['eu'] })
    const madeOf = async () =>
      (await startedIn(location.name)).filter(({ assets }) => !assets.includes(meanwhile.key)).map(({ assets, partitions }) => [assets, partitions])
    await waitFor(
      async () => {
        await tick()
        return (await madeOf()).length === 2
      },
      { what: 'the runs that are started by what another location made' },
    )
    expect(await madeOf()).toEqual(
      expect.arrayContaining([
        [[afterA.key], null],
        [[afterB.key], ['eu']],
      ]),
    )
    expect(await known()).toEqual([
      { key: a.key, run_id: runId },
      { key: b.key, run_id: expect.any(String) as unknown },
    ])
    const others = await engine.query(`SELECT partition FROM millrace.asset_partition WHERE location = $1 AND asset = $2`, [location.name, b.key])
    expect(others).toEqual([{ partition: 'eu' }])

    // What is being written while the definitions come into force is not missed between the two.
    const late = createLocation([externalAsset({ key: keys.c, madeIn })])
    let published = false
    const waits = `SELECT count(*)::int FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND mode = 'ExclusiveLock'`
    const publishing = await transaction(engine.database.pool, async (client) => {
      await client.query(`INSERT INTO millrace.asset (location, key, materialized_at, metadata) VALUES ($1, $2, clock_timestamp(), '{}')`, [madeIn, keys.c])
      const done = publishManifest(engine.database.pool, manifestOf(late), 'v1', undefined).then(() => (published = true))
      await waitFor(async () => published || Number(await engine.value(waits)) > 0, { what: 'the definitions in force, or waiting for what is being written' })
      return { done }
    })
    await publishing.done
    expect(await engine.query('SELECT key FROM millrace.asset WHERE location = $1', [late.name])).toEqual([{ key: keys.c }])

    await engine.query('DELETE FROM millrace.asset WHERE location = $1 AND key = $2', [madeIn, a.key])
    expect(await known()).toMatchObject([{ key: b.key }])
    // What is wiped while the location is away is gone when it is back; what was reported here stays.
    const inForce = async (version: string | null) => engine.query('UPDATE millrace.location SET version = $2 WHERE name = $1', [location.name, version])
    const version = String(await engine.value('SELECT version FROM millrace.location WHERE name = $1', [location.name]))
    await engine.query(`INSERT INTO millrace.asset (location, key, materialized_at, metadata) VALUES ($1, $2, clock_timestamp(), '{}')`, [location.name, a.key])
    await inForce(null)
    await engine.query('DELETE FROM millrace.asset WHERE location = $1', [madeIn])
    await engine.query('DELETE FROM millrace.asset_partition WHERE location = $1', [madeIn])
    expect(await known()).toMatchObject([{ key: a.key }, { key: b.key }])
    await inForce(version)
    expect(await known()).toMatchObject([{ key: a.key, run_id: null }])
    expect(await engine.query('SELECT partition FROM millrace.asset_partition WHERE location = $1 AND asset = $2', [location.name, b.key])).toEqual([])
    // Two that name each other are told once.
    const circle = [`${location.name}_x`, `${location.name}_y`]
    await engine.query(`INSERT INTO millrace.asset_elsewhere (location, key, maker) VALUES ($1, 'k', $2), ($2, 'k', $1)`, circle)
    await engine.query(`INSERT INTO millrace.asset (location, key, materialized_at, metadata) VALUES ($1, 'k', clock_timestamp(), '{}')`, [circle[0]])
    await engine.query(`UPDATE millrace.asset SET materialized_at = clock_timestamp() WHERE location = $1`, [circle[1]])
    expect(await engine.value(`SELECT count(DISTINCT materialized_at)::int FROM millrace.asset WHERE key = 'k'`)).toBe(1)
  })

  test('that ask for what cannot be run say why, and start the others', async () => {
    const keys = freshKeys()
    const a = asset({ key: keys.a, io, run: () => 1 })
    const b = asset({ key: keys.b, io, deps: [a], config: z.object({ day: z.string() }), run: () => 2, automation: eager() })
    const { location } = await engine.define([a, b, asset({ key: keys.c, io, deps: [a], run: () => 3, automation: eager() })])
    await tick()
    await engine.succeed(a.key)
    for (let round = 0; round < 4; round += 1) await tick()
    expect((await startedIn(location.name)).map(({ assets }) => assets)).toEqual([[keys.c]])
    const failures = `SELECT asset, error ->> 'code' AS code FROM millrace.automation_evaluation WHERE location = $1 AND answer = 'failed'`
    expect(await engine.query(failures, [location.name])).toEqual([{ asset: b.key, code: 'CONFIG_INVALID' }])
  })

  test('that are stopped start nothing, and look at what happened meanwhile when they are started', async () => {
    const keys = freshKeys()
    const a = asset({ key: keys.a, io, run: () => 1 })
    const { location } = await engine.define([a, asset({ key: keys.b, io, deps: [a], run: () => 2, automation: eager() })])
    await tick()
    await tick()
    expect(await setAutomationStopped(engine.database.pool, location.name, true)).toBe(true)
    await engine.succeed(a.key)
    await engine.succeed(a.key)
    await tick()
    expect(await askForAutomation(engine.database.pool, location.name)).toBe(false)
    await tidyAutomations(deps(), 0)
    // Of what a stopped one keeps, each asset has one row.
    expect(await engine.query(`SELECT kind, asset FROM millrace.automation_change WHERE location = $1`, [location.name])).toEqual([
      { kind: 'updated', asset: a.key },
    ])
    expect(await startedIn(location.name)).toEqual([])
    expect(await setAutomationStopped(engine.database.pool, location.name, false)).toBe(true)
    await tick()
    expect((await startedIn(location.name)).map(({ assets }) => assets)).toEqual([[keys.b]])
    expect(await setAutomationStopped(engine.database.pool, 'nowhere', true)).toBe(false)
    // A deployment without any conditions starts none of those of the next one; what happens in between is not kept.
    await setAutomationStopped(engine.database.pool, location.name, true)
    await publishManifest(engine.database.pool, { ...manifestOf(createLocation([a])), location: location.name }, 'without', undefined)
    await tidyAutomations(deps(), 0)
    expect(await engine.value(`SELECT stopped FROM millrace.automation WHERE location = $1`, [location.name])).toBe(true)
    expect(await engine.query(`SELECT FROM millrace.automation_change WHERE location = $1`, [location.name])).toEqual([])
  })

  test('of a leader that no longer leads are refused, with all that they would have written', async () => {
    const keys = freshKeys()
    const a = asset({ key: keys.a, io, run: () => 1 })
    const { location } = await engine.define([a, asset({ key: keys.b, io, deps: [a], run: () => 2, automation: eager() })])
    await tick()
    await tick()
    await engine.succeed(a.key)
    await expect(tick(String(Number(epoch) - 1))).rejects.toThrow(/no longer/)
    expect(await startedIn(location.name)).toEqual([])
    await tick()
    expect(await startedIn(location.name)).toHaveLength(1)
  })

  test('that cannot be evaluated say why, keep no other back, and what happened is not lost', async () => {
    const keys = freshKeys()
    const a = asset({ key: keys.a, io, run: () => 1 })
    const { location } = await engine.define([a, asset({ key: keys.b, io, deps: [a], run: () => 2, automation: eager() })])
    await tick()
    await tick()
    const spoil = (state: string) => engine.query(`UPDATE millrace.automation_asset SET state = $2 WHERE location = $1`, [location.name, state])
    await spoil('[]')
    await engine.succeed(a.key)
    await tick()
    const about = () => engine.value(`SELECT error ->> 'message' FROM millrace.automation WHERE location = $1`, [location.name])
    expect(await about()).toMatch(/expected object/)
    await spoil('{"cells":{"":{"nodes":{}}}}')
    await tick()
    expect(await startedIn(location.name), 'half a minute is not over').toEqual([])
    await engine.query(`UPDATE millrace.automation SET failed_at = failed_at - interval '1 minute' WHERE location = $1`, [location.name])
    await tick()
    expect(await startedIn(location.name)).toHaveLength(1)
    expect(await about()).toBeNull()
  })

  // Of queues nothing is asked.
  test.runIf(backend === 'postgres')('of many assets take as many queries as those of a few, and one where nothing happens', async () => {
    const chain = (count: number): FunctionAsset[] => {
      const { a } = freshKeys()
      const root = asset({ key: a, io, run: () => 1 })
      return [root, ...Array.from({ length: count }, (_, n) => asset({ key: `${a}/n${String(n)}`, io, deps: [root], run: () => n, automation: eager() }))]
    }
    const queriesOf = async (assets: FunctionAsset[]): Promise<number> => {
      const location = createLocation(assets)
      await publishManifest(engine.database.pool, manifestOf(location), 'v1', undefined)
      for (let round = 0; round < 3; round += 1) await tick()
      const { pool } = engine.database
      await pool.query(`INSERT INTO millrace.asset (location, key, materialized_at, metadata) VALUES ($1, $2, clock_timestamp(), '{}')`, [
        location.name,
        assets[0]?.key,
      ])
      let queries = 0
      const count = { ...deps(), pool: counting(pool, () => (queries += 1)) }
      await tickAutomations(count, epoch)
      expect((await startedIn(location.name)).map((run) => run.assets)).toEqual([assets.slice(1).map(({ key }) => key)])
      const evaluated = queries
      // What was asked for is looked at twice more: that it was asked for, and that this is over.
      for (let round = 0; round < 2; round += 1) await tickAutomations(count, epoch)
      queries = 0
      await tickAutomations(count, epoch)
      expect(queries).toBe(1)
      return evaluated
    }
    expect(await queriesOf(chain(200))).toBe(await queriesOf(chain(10)))
  })

  test('are evaluated by the producers when something happens', async () => {
    const own = await startEngine({ backend, producers: 'all' })
    onTestFinished(own.stop)
    const keys = freshKeys()
    const a = asset({ key: keys.a, io, run: () => 1 })
    const { location } = await own.define([a, asset({ key: keys.b, io, deps: [a], run: () => 2, automation: eager() })])
    const settled = async () => (await own.value(`SELECT NOT again FROM millrace.automation WHERE location = $1`, [location.name])) === true
    await waitFor(settled, { what: 'the first evaluation' })
    await own.succeed(a.key)
    const runs = () => own.query<{ id: string; status: string }>(`SELECT id, status FROM millrace.run WHERE launched_by = 'automation'`)
    await waitFor(async () => (await runs())[0]?.status === 'succeeded', { what: 'the run' })
    await waitFor(async () => (await settled()) && (await own.value('SELECT count(*)::int FROM millrace.automation_change')) === 0, {
      what: 'the evaluation after it',
    })
    expect(await runs()).toHaveLength(1)
  })
})

/** A pool that tells of each query of it and of its connections. */
function counting(pool: Engine['database']['pool'], tell: () => void): Engine['database']['pool'] {
  const told = <T extends object>(of: T): T =>
    new Proxy(of, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return (...values: unknown[]): unknown => {
          if (name === 'query') tell()
          const answer: unknown = Reflect.apply(value, target, values)
          return name === 'connect' && answer instanceof Promise ? answer.then((client: object) => told(client)) : answer
        }
      },
    })
  return told(pool)
}

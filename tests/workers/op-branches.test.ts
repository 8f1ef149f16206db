import * as z from 'zod'
import { asset } from '../../src/definitions/function-asset.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { graphAsset } from '../../src/definitions/ops/graph-asset.ts'
import { graph } from '../../src/definitions/ops/graph.ts'
import { job } from '../../src/definitions/ops/job.ts'
import { mapOver } from '../../src/definitions/ops/map-over.ts'
import { op } from '../../src/definitions/ops/op.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { retry } from '../../src/producers/launch/retry.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { jobsOn } from '../support/jobs.ts'
import { beforeAll, describeBackends, expect, temporaryFolder, test, waitFor } from '../support/test.ts'

const multiplyByTwo = op({ name: 'multiply_by_two', inputs: { n: z.number() }, output: z.number(), run: ({ inputs }) => inputs.n * 2 })
const once = { retries: 0 }
const range = (length: number): number[] => Array.from({ length }, (_, index) => index)

describeBackends('branches', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })
  const { start, run, statuses, output } = jobsOn(() => engine, 'branches')

  test('are mapped over what an op found, branch by branch, and collected in order', async () => {
    const order: string[] = []
    const list = op({ name: 'list', output: z.array(z.string()), run: () => ['b', 'a', 'c'] })
    const login = op({ name: 'login', output: z.string(), run: () => 'token' })
    const fetchOne = op({
      name: 'fetch',
      inputs: { id: z.string(), token: z.string() },
      outputs: { text: z.string().optional(), id: z.string() },
      run: ({ inputs: { id, token } }) => (order.push(id), id === 'a' ? { id } : { id, text: `${token} ${id}` }),
    })
    const upper = op({ name: 'upper', inputs: { text: z.string() }, output: z.string(), run: ({ inputs }) => inputs.text.toUpperCase() })
    const join = op({
      name: 'join',
      inputs: { texts: z.array(z.string()), ids: z.array(z.string()) },
      output: z.string(),
      run: ({ inputs }) => `${inputs.texts.join()} ${inputs.ids.join()}`,
    })
    const mapped = graph({
      name: 'mapped',
      compose: () => {
        const token = login()
        const branches = mapOver(
          list(),
          (id) => {
            const one = fetchOne({ id, token })
            return { text: upper({ text: one.text }), id: one.id }
          },
          { key: (id) => id },
        ).collect()
        return join({ texts: branches.text, ids: branches.id })
      },
    })
    const view = await run(job({ name: 'mapped_job', graph: mapped }))
    expect(view.status).toBe('succeeded')
    expect(await output(view, 'join')).toBe('TOKEN B,TOKEN C b,a,c')
    expect(statuses(view)).toMatchObject({ 'fetch[a]': 'succeeded', 'upper[a]': 'skipped', 'upper[b]': 'succeeded' })
    expect(order.toSorted()).toEqual(['a', 'b', 'c'])
  })

  const spread = (count: number, run: (n: number) => number) => {
    const numbers = op({ name: 'numbers', output: z.array(z.number()), run: () => range(count) })
    const one = op({ name: 'one', inputs: { n: z.number() }, output: z.number(), retry: once, run: ({ inputs }) => run(inputs.n) })
    const total = op({
      name: 'total',
      inputs: { all: z.array(z.number()) },
      output: z.number(),
      run: ({ inputs }) => inputs.all.reduce((sum, n) => sum + n, 0),
    })
    return job({ name: 'spread', graph: graph({ name: 'spreading', compose: () => total({ all: mapOver(numbers(), (n) => one({ n })).collect() }) }) })
  }

  test('mapped over nothing collect nothing', async () => {
    const view = await run(spread(0, () => 1))
    expect(view.status).toBe('succeeded')
    expect(await output(view, 'total')).toBe(0)
  })

  test('mapped over more than go at once all have their turn', async () => {
    let most = 0
    const location = await start(spread(130, (n) => n))
    const { runId } = await engine.launch([], { job: 'spread', location })
    for (let over = false; !over;) {
      const [row] = await engine.query<{ due: number; over: boolean }>(
        `SELECT (SELECT count(*)::int FROM millrace.step WHERE run_id = $1 AND template = 'one' AND status = 'running') AS due, ended_at IS NOT NULL AS over FROM millrace.run WHERE id = $1`,
        [runId],
      )
      most = Math.max(most, row?.due ?? 0)
      over = row?.over === true
    }
    const view = await engine.ended(runId)
    expect(view.status).toBe('succeeded')
    expect(await output(view, 'total')).toBe((130 * 129) / 2)
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(100)
  })

  test('of a branch that fails leave the other branches alone', async () => {
    const view = await run(
      spread(3, (n) => {
        if (n === 1) throw new Error('not this one')
        return n
      }),
    )
    expect(view.status).toBe('failed')
    expect(statuses(view)).toEqual({ numbers: 'succeeded', 'one[0]': 'succeeded', 'one[1]': 'failed', 'one[2]': 'succeeded', total: 'skipped' })
  })

  test.for<[why: string, key: (n: number) => unknown, code: string]>([
    ['the same for two items', () => 'same', 'MAP_KEY_TWICE'],
    ['no text', (n) => n, 'MAP_KEY_INVALID'],
    ['with brackets', (n) => `[${String(n)}]`, 'MAP_KEY_INVALID'],
  ])('with keys that are %s make no branches', async ([, key, code]) => {
    const numbers = op({ name: 'numbers', output: z.array(z.number()), run: () => [1, 2] })
    const keyed = graph({ name: 'keyed', compose: () => void mapOver(numbers(), (n) => multiplyByTwo({ n }), { key: key as () => string }) })
    const view = await run(job({ name: 'keyed_job', graph: keyed }))
    expect(view.step.error).toMatchObject({ code })
  })

  test('of branches that failed run again, and only they', async () => {
    const ran: number[] = []
    let mended = false
    const location = await start(
      spread(4, (n) => {
        ran.push(n)
        if (n % 2 === 1 && !mended) throw new Error('not yet')
        return n
      }),
    )
    const first = await engine.run([], { job: 'spread', location })
    expect(first.status).toBe('failed')
    const kept = await engine.query(`SELECT v.* FROM millrace.step_value v JOIN millrace.step s ON s.id = v.step_id WHERE run_id = $1 ORDER BY 1`, [first.id])
    mended = true
    ran.length = 0
    await retry({ pool: engine.database.pool, queues: engine.queues, logger: testLogger }, first.id)
    const second = await engine.ended(first.id)
    expect(second.status).toBe('succeeded')
    expect(ran.toSorted((a, b) => a - b)).toEqual([1, 3])
    expect(await engine.value(`SELECT count(skipped_because)::int FROM millrace.step WHERE run_id = $1`, [first.id])).toBe(0)
    expect(await output(second, 'total')).toBe(6)
    expect(
      await engine.query(`SELECT v.* FROM millrace.step_value v JOIN millrace.step s ON s.id = v.step_id WHERE run_id = $1 ORDER BY 1`, [first.id]),
    ).toEqual(expect.arrayContaining(kept))
    await expect(retry({ pool: engine.database.pool, queues: engine.queues, logger: testLogger }, first.id)).rejects.toMatchObject({ code: 'RUN_NOT_FAILED' })
  })

  test('make an asset, with the values of other assets as inputs', async () => {
    const io = jsonFiles({ folder: await temporaryFolder() })
    const stock = asset({ key: 'shop/stock', io, run: () => [3, 4, 5] })
    const double = op({
      name: 'double',
      inputs: { n: z.number() },
      output: z.number(),
      config: z.object({ by: z.number().default(2) }),
      run: ({ inputs, config }) => inputs.n * config.by,
    })
    const echo = op({ name: 'echo', inputs: { all: z.array(z.number()) }, output: z.array(z.number()), run: ({ inputs }) => inputs.all })
    const doubling = graph({
      name: 'doubling',
      inputs: { stock: z.array(z.number()) },
      compose: (inputs) => mapOver(echo({ all: inputs.stock }), (n) => double({ n })).collect(),
    })
    const doubled = graphAsset({ key: 'shop/doubled', graph: doubling, inputs: { stock }, io })
    const last = asset({ key: 'shop/last', inputs: { doubled }, io, run: ({ inputs }) => inputs.doubled.length })
    const name = 'branches_stored'
    await engine.work(
      defineLocation({
        name,
        assets: [last, doubled, stock],
        jobs: [job({ name: 'refresh', assets: 'shop/*', tags: { team: 'shop' }, config: { by: 7, ops: { 'shop/doubled.double': { config: { by: 5 } } } } })],
      }),
    )
    const view = await engine.run([], { job: 'refresh', location: name, config: { ops: { 'shop__doubled.double': { config: { by: 3 } } } } })
    expect(view.status).toBe('succeeded')
    expect(statuses(view)).toEqual({
      'shop/stock': 'succeeded',
      'shop/doubled.echo': 'succeeded',
      'shop/doubled.double[0]': 'succeeded',
      'shop/doubled.double[1]': 'succeeded',
      'shop/doubled.double[2]': 'succeeded',
      'shop/doubled': 'succeeded',
      'shop/last': 'succeeded',
    })
    const { started } = { started: await io.start({ env: {}, signal: new AbortController().signal, throttle: undefined as never }) }
    expect(await started.load({ asset: 'shop/doubled', partition: undefined }, { signal: new AbortController().signal })).toEqual([9, 12, 15])
    expect(await engine.query(`SELECT job, tags, assets FROM millrace.run WHERE id = $1`, [view.id])).toEqual([
      { job: 'refresh', tags: { team: 'shop' }, assets: expect.arrayContaining(['shop/doubled']) as unknown },
    ])
    expect(view.events.filter(({ kind }) => kind === 'materialization')).toHaveLength(3)
  })

  // What is slow about it is the catalogue, which is the same for both.
  test.runIf(backend === 'postgres')(
    'mapped over 10,000 items are written at once, go a hundred at a time, and are collected',
    { timeout: 60_000 },
    async () => {
      const count = 10_000
      let go = (): void => undefined
      const gate = new Promise<void>((resolve) => {
        go = resolve
      })
      const numbers = op({ name: 'numbers', output: z.array(z.number()), run: () => range(count) })
      const one = op({
        name: 'one',
        inputs: { n: z.number() },
        output: z.number(),
        run: async ({ inputs }) => {
          await gate
          return inputs.n
        },
      })
      const inOrder = op({
        name: 'in_order',
        inputs: { all: z.array(z.number()) },
        output: z.boolean(),
        run: ({ inputs }) => inputs.all.length === count && inputs.all.every((n, at) => n === at),
      })
      const location = await start(
        job({
          name: 'huge',
          graph: graph({ name: 'huge', compose: () => inOrder({ all: mapOver(numbers(), (n) => one({ n }), { key: (n) => `n${String(n)}` }).collect() }) }),
        }),
      )
      const { runId } = await engine.launch([], { job: 'huge', location })
      const byStatus = () =>
        engine.query(`SELECT status, count(*)::int AS n FROM millrace.step WHERE run_id = $1 AND template = 'one' GROUP BY 1 ORDER BY 1`, [runId])
      await waitFor(async () => (await byStatus()).length > 0, { what: 'the branches to be written', timeoutMs: 30_000 })
      expect(await byStatus()).toEqual([
        { status: 'running', n: 100 },
        { status: 'waiting', n: count - 100 },
      ])
      // All of them would take a minute: most are done by hand.
      await engine.query(
        `WITH done AS (UPDATE millrace.step SET status = 'succeeded', ended_at = clock_timestamp(), cleaned_at = clock_timestamp()
         WHERE run_id = $1 AND template = 'one' AND status = 'waiting' AND ordinal < $2 RETURNING id, ordinal)
       INSERT INTO millrace.step_value (step_id, output, value) SELECT id, 'result', to_json(ordinal) FROM done`,
        [runId, count - 50],
      )
      go()
      const view = await engine.ended(runId)
      expect(view.status).toBe('succeeded')
      expect(await output(view, 'in_order')).toBe(true)
      expect(await engine.value(`SELECT asset FROM millrace.step WHERE run_id = $1 AND ordinal = $2`, [runId, count - 1])).toBe('one[n9999]')
    },
  )
})

import * as z from 'zod'
import { readRun } from '../../src/catalog/read/runs.ts'
import { readSteps } from '../../src/catalog/read/steps.ts'
import { output as answer } from '../../src/definitions/function-asset.ts'
import { metadata } from '../../src/definitions/metadata/index.ts'
import { graph } from '../../src/definitions/ops/graph.ts'
import { job } from '../../src/definitions/ops/job.ts'
import { op } from '../../src/definitions/ops/op.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { startBoard } from '../board/start.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { jobsOn } from '../support/jobs.ts'
import { beforeAll, describeBackends, expect, spawnMillrace, temporaryFolder, test, waitFor } from '../support/test.ts'

const addNumbers = op({ name: 'add_numbers', inputs: { a: z.number(), b: z.number() }, output: z.number(), run: ({ inputs }) => inputs.a + inputs.b })
const multiplyByTwo = op({ name: 'multiply_by_two', inputs: { n: z.number() }, output: z.number(), run: ({ inputs }) => inputs.n * 2 })
const math = graph({ name: 'math', compose: () => multiplyByTwo({ n: addNumbers({ a: 1, b: addNumbers({ a: 2, b: 3 }) }) }) })
const once = { retries: 0 }

describeBackends('ops', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })
  const { start, run, statuses, output } = jobsOn(() => engine, 'ops')

  test('hand their outputs on, each stored once', async () => {
    const view = await run(job({ name: 'math_job', graph: math }))
    expect(view.status).toBe('succeeded')
    expect(statuses(view)).toEqual({ add_numbers: 'succeeded', add_numbers_2: 'succeeded', multiply_by_two: 'succeeded' })
    expect(await output(view, 'multiply_by_two')).toBe(12)
    expect(await engine.value(`SELECT job FROM millrace.run WHERE id = $1`, [view.id])).toBe('math_job')
    expect(await engine.value(`SELECT count(*)::int FROM millrace.step_value v JOIN millrace.step s ON s.id = v.step_id WHERE run_id = $1`, [view.id])).toBe(3)
    expect(view.events.filter(({ kind }) => kind === 'materialization')).toEqual([])
  })

  test('say what is shown with their steps, once, and nothing that cannot be', async () => {
    const page = metadata.url('https://shop.example.com/1')
    const fetchAll = op({
      name: 'fetch_all',
      outputs: { a: z.number(), b: z.number(), c: z.number().optional() },
      retry: { retries: 1, delayMs: 1 },
      run: ({ attempt }) => {
        if (attempt === 1) throw new Error('not yet')
        const b = answer(2, { metadata: { page, token: 'hunter2', rows: 3 } })
        return answer({ a: 1, b, c: answer(undefined, { metadata: { rows: 0 } }) }, { metadata: { found: 2, page, rows: 4, password: 'hunter2' } })
      },
    })
    const told = op({ name: 'told', run: () => answer(undefined, { metadata: { done: true, rows: 1.5, quarantined: 1e30 } }) })
    const wrong = op({ name: 'wrong', output: z.number(), retry: once, run: () => answer(1, { metadata: { at: new Date(0) as never } }) })
    const both = graph({
      name: 'saying',
      compose: () => {
        const { a, b } = fetchAll()
        addNumbers({ a, b })
        told()
        wrong()
      },
    })
    const view = await run(job({ name: 'saying', graph: both }))
    expect(await output(view, 'add_numbers')).toBe(3)
    const steps = await readSteps(engine.database.pool, view.id)
    expect(Object.fromEntries(steps.map((one) => [one.asset, one.metadata]))).toEqual({
      fetch_all: {
        found: 2,
        page,
        rows: 4,
        password: '[redacted]',
        'b.page': page,
        'b.token': '[redacted]',
        'b.rows': 3,
        seconds: expect.any(Number) as unknown,
      },
      told: { done: true, rows: 1.5, quarantined: 1e30, seconds: expect.any(Number) as unknown },
      add_numbers: null,
      wrong: null,
    })
    const board = await startBoard({ pool: engine.database.pool, queues: engine.queues })
    expect(await (await fetch(`${board.url}/runs/${view.id}`)).text()).toMatch(/<dt>b\.page<\/dt>\s*<dd><a [^>]*href="https:\/\/shop\.example\.com\/1"/)
    const shown = spawnMillrace(['runs', 'show', view.id], { DATABASE_URL: engine.database.url })
    expect(await shown.exited).toMatchObject({ code: 0 })
    expect(shown.stdout()).toMatch(/\nfetch_all\n(?: {2}.*\n)* {2}b\.page: https:\/\/shop\.example\.com\/1\n/)
    // What is no count is none of rows.
    expect(await readRun(engine.database.pool, view.id)).toMatchObject({ rows: 4 })
    expect(view.steps.find(({ asset }) => asset === 'wrong')?.error).toMatchObject({ code: 'METADATA_INVALID' })
    const said = view.events.filter(({ kind, message }) => kind === 'step succeeded' && message.startsWith('fetch_all '))
    expect(said.map(({ data }) => data['found'])).toEqual([2])
  })

  test('are handed configuration, resources and what tells their attempt', async () => {
    const seen: unknown[] = []
    const flaky = op({
      name: 'flaky',
      config: z.object({ size: z.int().default(3), name: z.string().default('none') }),
      resources: { rate: { start: () => ({ factor: 2 }) } },
      output: z.number(),
      retry: { retries: 2, delayMs: 1 },
      run: ({ config, resources, attempt, idempotencyKey, log }) => {
        seen.push([config, attempt, idempotencyKey])
        log('tried', { attempt })
        if (attempt === 1) throw new Error('not yet')
        return config.size * resources.rate.factor
      },
    })
    const both = graph({
      name: 'both',
      compose: () => {
        flaky()
        flaky.as('second')()
      },
    })
    const view = await run(job({ name: 'configured', graph: both, config: { size: 5, ops: { second: { config: { name: 'job' } } } } }), {
      name: 'all',
      ops: { flaky: { config: { size: 7 } } },
    })
    expect(view.status).toBe('succeeded')
    expect(await output(view, 'flaky')).toBe(14)
    expect(await output(view, 'second')).toBe(10)
    expect(seen).toHaveLength(4)
    const key = view.steps.find(({ asset }) => asset === 'second')?.id
    expect(seen).toEqual(
      expect.arrayContaining([
        [{ size: 5, name: 'job' }, 1, key],
        [{ size: 5, name: 'job' }, 2, key],
      ]),
    )
  })

  test('of a wrong configuration are not run: all that is wrong is named', async () => {
    const configured = op({ name: 'configured', config: z.object({ size: z.int() }), run: () => undefined })
    const location = await start(job({ name: 'a', graph: configured }))
    await expect(
      engine.launch([], { job: 'a', location, config: { size: 'x', other: 1, ops: { gone: {}, configured: { config: { odd: 1 } } } } }),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/ops\.configured\.config\.odd: .*size of configured: .*ops\.gone: the job has no such step.*other: no step/) as unknown,
    })
    await expect(engine.launch([], { job: 'b', location })).rejects.toMatchObject({ code: 'UNKNOWN_JOB', hint: 'The jobs are: a.' })
  })

  test('that are handed the wrong type fail before they run, and what hangs on them is skipped', async () => {
    let ran = false
    const answers = op({ name: 'answers', output: z.unknown(), run: () => ({ password: 'hunter2', n: 'x'.repeat(500) }) })
    const takes = op({ name: 'takes', inputs: { n: z.number() }, output: z.number(), run: ({ inputs }) => ((ran = true), inputs.n) })
    const wrong = graph({ name: 'wrong', compose: () => multiplyByTwo({ n: takes({ n: answers() as never }) }) })
    const view = await run(job({ name: 'wrong_job', graph: wrong }))
    expect(view.status).toBe('failed')
    expect(ran).toBe(false)
    const step = view.steps.find(({ asset }) => asset === 'takes')
    expect(step).toMatchObject({
      attempt: 1,
      status: 'failed',
      error: {
        code: 'INPUT_INVALID',
        message: expect.stringMatching(
          /^The input n of takes is to be a number: it: .*expected number.*, but is \{"password":"\[redacted\]","n":"x+…/,
        ) as unknown,
      },
    })
    expect(step?.error?.message).not.toContain('hunter2')
    expect(step?.error?.message.length).toBeLessThan(300)
    expect(statuses(view)['multiply_by_two']).toBe('skipped')
  })

  test.for<[why: string, answer: unknown, schema: z.ZodType, code: string, message: RegExp]>([
    ['another type', 'x', z.number(), 'OUTPUT_INVALID', /What wrong answered is to be a number: .*is "x"/],
    ['nothing', undefined, z.number(), 'OUTPUT_INVALID', /is to be a number: .*is undefined/],
    ['a Date', { at: new Date(0) }, z.unknown(), 'VALUE_NOT_JSON', /What wrong answered cannot be handed on as JSON: at is a Date/],
    ['5 MiB', 'x'.repeat(5 * 1024 * 1024), z.string(), 'VALUE_TOO_LARGE', /has 5242882 bytes as JSON; the catalogue keeps at most 4194304/],
  ])('that answer %s fail, and are not tried again', async ([, answer, schema, code, message]) => {
    const wrong = op({ name: 'wrong', output: schema, run: () => answer as never })
    const view = await run(job({ name: 'wrong_job', graph: wrong }))
    expect(view.step).toMatchObject({ attempt: 1, error: { code, message: expect.stringMatching(message) as unknown } })
  })

  test('that leave an output out have what is handed it skipped, and the rest goes on', async () => {
    const choose = op({ name: 'choose', outputs: { yes: z.number().nullable(), no: z.number().optional() }, run: () => ({ yes: null }) })
    const take = op({ name: 'take', inputs: { n: z.number().nullable() }, output: z.number(), run: ({ inputs }) => inputs.n ?? 7 })
    const chosen = graph({
      name: 'chosen',
      compose: () => {
        const { yes, no } = choose()
        take.as('taken')({ n: yes })
        multiplyByTwo({ n: take.as('left')({ n: no }) })
      },
    })
    const view = await run(job({ name: 'chosen_job', graph: chosen }))
    expect(view.status).toBe('succeeded')
    expect(statuses(view)).toEqual({ choose: 'succeeded', taken: 'succeeded', left: 'skipped', multiply_by_two: 'skipped' })
    expect(await output(view, 'taken')).toBe(7)
  })

  test('may keep their outputs by an I/O manager', async () => {
    const folder = await temporaryFolder()
    const large = op({ name: 'large', output: z.string(), io: jsonFiles({ folder }), run: () => 'x'.repeat(5 * 1024 * 1024) })
    const size = op({ name: 'size', inputs: { text: z.string() }, output: z.number(), run: ({ inputs }) => inputs.text.length })
    const view = await run(job({ name: 'large_job', graph: graph({ name: 'sized', compose: () => size({ text: large() }) }) }))
    expect(await output(view, 'size')).toBe(5 * 1024 * 1024)
    expect(await output(view, 'large')).toBeNull()
  })

  test('of a run that is canceled stop, and what has not begun never begins', async () => {
    let began = 0
    const location = await start(
      job({
        name: 'slow',
        graph: graph({
          name: 'slow',
          compose: () => {
            const wait = op({
              name: 'wait',
              output: z.number(),
              retry: once,
              run: ({ signal }) => {
                began += 1
                return new Promise<number>((_, reject) => {
                  signal.addEventListener('abort', () => reject(new Error('stopped')))
                })
              },
            })
            return multiplyByTwo({ n: wait() })
          },
        }),
      }),
    )
    const { runId } = await engine.launch([], { job: 'slow', location })
    await waitFor(() => began === 1, { what: 'the op to begin' })
    await engine.cancel(runId)
    const view = await engine.ended(runId)
    expect(view.status).toBe('canceled')
    expect(statuses(view)).toEqual({ wait: 'canceled', multiply_by_two: 'canceled' })
  })
})

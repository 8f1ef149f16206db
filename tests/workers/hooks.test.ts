import { asset } from '../../src/definitions/function-asset.ts'
import { hook } from '../../src/definitions/hook.ts'
import type { Hook, HookContext } from '../../src/definitions/hook.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { multiAsset } from '../../src/definitions/multi-asset.ts'
import { job } from '../../src/definitions/ops/job.ts'
import { graph } from '../../src/definitions/ops/graph.ts'
import { mapOver } from '../../src/definitions/ops/map-over.ts'
import { op } from '../../src/definitions/ops/op.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import * as z from 'zod'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describe, expect, temporaryFolder, test, waitFor } from '../support/test.ts'

type Called = Pick<HookContext, 'outcome' | 'run' | 'step' | 'error' | 'attempt' | 'idempotencyKey'>

const often = { outboxLookMs: 50 }

describe('hooks', () => {
  let engine: Engine
  let io: ReturnType<typeof jsonFiles>
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    io = jsonFiles({ folder: await temporaryFolder() })
    return engine.stop
  })
  /** A hook that remembers its calls; the first `failing` of them throw. */
  const remember = (name = 'remember', failing = 0): { readonly hook: Hook; readonly calls: Called[] } => {
    const calls: Called[] = []
    return {
      calls,
      hook: hook({
        name,
        retry: { delayMs: 10 },
        run: ({ outcome, run, step, error, attempt, idempotencyKey, log }) => {
          calls.push({ outcome, run, step, error, attempt, idempotencyKey })
          log('remembered', { token: 'abc' })
          if (calls.length <= failing) throw new Error('the hook is not ready')
        },
      }),
    }
  }
  const settled = (runId: string) =>
    waitFor(
      async () => (await engine.value(`SELECT count(*)::int FROM millrace.outbox WHERE run_id = $1 AND status IN ('waiting', 'working')`, [runId])) === 0,
      { what: 'the outbox to be empty' },
    )

  test('of an asset are called with what became of it, once its last try has ended', async () => {
    const { hook: seen, calls } = remember()
    let tries = 0
    const good = asset({ key: 'hooked/good', io, run: () => 1, onSuccess: seen, onFailure: seen })
    const bad = asset({
      key: 'hooked/bad',
      io,
      retry: { retries: 1, delayMs: 10 },
      onSuccess: seen,
      onFailure: seen,
      run: () => {
        tries += 1
        throw new Error('no bread: password=hunter2', { cause: new Error('Bearer abc123456789') })
      },
    })
    await engine.define([good, bad], often)
    const succeeded = await engine.succeed('hooked/good')
    await settled(succeeded.id)
    const failed = await engine.run('hooked/bad')
    await settled(failed.id)
    expect(tries).toBe(2)
    expect(calls).toMatchObject([
      {
        outcome: 'success',
        run: { id: succeeded.id, launchedBy: 'test' },
        step: { name: 'hooked/good', kind: 'function', attempt: 1, metadata: { seconds: expect.any(Number) as unknown } },
      },
      {
        outcome: 'failure',
        run: { id: failed.id, failedSteps: ['hooked/bad'] },
        step: { name: 'hooked/bad', attempt: 2 },
        error: { message: expect.stringContaining('no bread') as unknown },
      },
    ])
    expect(calls[0]?.error).toBeUndefined()
    expect(calls[1]?.error).not.toHaveProperty('stack')
    expect(JSON.stringify(calls)).not.toContain('abc123456789')
    const { events } = await engine.view(succeeded.id)
    expect(events.filter(({ kind }) => kind === 'hook' || kind === 'log')).toMatchObject([
      { kind: 'log', message: 'remembered', data: { token: '[redacted]' } },
      { kind: 'hook', message: 'The hook remember was called.' },
    ])
  })

  test('of ops are called for each branch, those of a job when the run has ended for good', async () => {
    const { hook: ofStep, calls: steps } = remember('of_step')
    const { hook: ofRun, calls: runs } = remember('of_run')
    let pays = 0
    const list = op({ name: 'list', output: z.array(z.string()), run: () => ['a', 'b'] })
    const each = op({ name: 'each', inputs: { item: z.string() }, run: () => undefined, onSuccess: ofStep })
    const pay = op({
      name: 'pay',
      retry: { retries: 0 },
      onFailure: ofStep,
      run: () => {
        pays += 1
        if (pays === 1) throw new Error('the bank is shut')
      },
    })
    const both = graph({
      name: 'both',
      compose: () => {
        pay()
        mapOver(list(), (item) => each({ item }), { key: (item) => item })
      },
    })
    await engine.work(defineLocation({ name: 'hooked_jobs', jobs: [job({ name: 'payroll', graph: both, onSuccess: ofRun, onFailure: ofRun })] }), often)
    // It fails once, and is tried again as a whole: that is no failure of the run.
    const run = await engine.run([], { job: 'payroll', location: 'hooked_jobs', retries: 1, retryDelayMs: 10 })
    expect(run.status).toBe('succeeded')
    await settled(run.id)
    expect(pays).toBe(2)
    expect(steps.map(({ step }) => step?.name ?? '').toSorted()).toEqual(['each[a]', 'each[b]'])
    expect(runs.map(({ outcome, run: facts, step }) => [outcome, facts.job, facts.status, step])).toEqual([['success', 'payroll', 'succeeded', undefined]])
  })

  test('of outputs of one function are called once where it fails, and of each that was made', async () => {
    const { hook: made, calls: successes } = remember('made')
    const { hook: failed, calls: failures } = remember('broken_split')
    let fails = true
    const split = multiAsset({
      name: 'halves/split',
      io,
      retry: { retries: 0 },
      outputs: {
        a: { key: 'halves/a', value: z.int(), onSuccess: made, onFailure: failed },
        b: { key: 'halves/b', value: z.int(), onSuccess: made, onFailure: failed },
      },
      run: () => {
        if (fails) throw new Error('nothing to split')
        return { a: 1, b: 2 }
      },
    })
    const { location } = await engine.define([split], often)
    const broken = await engine.run('halves/*', { location: location.name })
    await settled(broken.id)
    expect(failures.map(({ step, error }) => [step?.name, error?.message])).toEqual([['halves/split', 'nothing to split']])
    fails = false
    const whole = await engine.succeed('halves/*', { location: location.name })
    await settled(whole.id)
    expect(successes.map(({ step }) => step?.name ?? '').toSorted()).toEqual(['halves/a', 'halves/b'])
  })

  test('that throw are tried again with the same key, then given up; the run stays what it was', async () => {
    const { hook: shaky, calls } = remember('shaky', 1)
    const { hook: broken, calls: vain } = remember('broken', 99)
    await engine.define([asset({ key: 'shaky/one', io, run: () => 1, onSuccess: [shaky, { ...broken, retry: { ...broken.retry, retries: 1 } }] })], often)
    const { id } = await engine.succeed('shaky/one')
    await settled(id)
    expect(calls.map(({ attempt }) => attempt)).toEqual([1, 2])
    expect(new Set(calls.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1)
    expect(vain).toHaveLength(2)
    expect(
      await engine.query(`SELECT target, status, attempt, error->>'message' AS error FROM millrace.outbox WHERE run_id = $1 ORDER BY target`, [id]),
    ).toEqual([
      { target: 'broken', status: 'failed', attempt: 2, error: 'the hook is not ready' },
      { target: 'shaky', status: 'done', attempt: 2, error: null },
    ])
    expect((await engine.view(id)).events.filter(({ kind, level }) => kind === 'hook' && level === 'error')).toMatchObject([
      { message: 'The hook broken failed: the hook is not ready.' },
    ])
  })

  test('are not called where somebody canceled', async () => {
    const { hook: seen, calls } = remember()
    const slow = asset({
      key: 'canceled/slow',
      io,
      run: ({ signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
      onFailure: seen,
    })
    const after = asset({ key: 'canceled/after', io, run: () => 1, onSuccess: seen })
    await engine.define([slow, after], often)
    const { runId } = await engine.launch('canceled/slow')
    await waitFor(async () => (await engine.value(`SELECT claimed_by IS NOT NULL FROM millrace.step WHERE run_id = $1`, [runId])) === true, {
      what: 'the step to run',
    })
    await engine.cancel(runId)
    expect((await engine.ended(runId)).status).toBe('canceled')
    // Whatever was written before this is called before it.
    await settled((await engine.succeed('canceled/after')).id)
    expect(calls.map(({ step }) => step?.name)).toEqual(['canceled/after'])
  })

  test('of one name must be one', () => {
    const define =
      (...hooks: readonly Hook[]) =>
      () =>
        defineLocation({ name: 'twice', assets: hooks.map((one, at) => asset({ key: `twice/n${String(at)}`, io, run: () => 1, onSuccess: one })) })
    const { hook: same } = remember()
    expect(define(same, same)).not.toThrow()
    expect(define(same, remember().hook)).toThrow('Two different hooks of twice are called remember.')
  })
})

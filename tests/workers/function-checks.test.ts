import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { asset, output } from '../../src/definitions/function-asset.ts'
import { check } from '../../src/definitions/function-check.ts'
import type { CheckAnswer } from '../../src/definitions/function-check.ts'
import { metadata } from '../../src/definitions/metadata/index.ts'
import { graph } from '../../src/definitions/ops/graph.ts'
import { graphAsset } from '../../src/definitions/ops/graph-asset.ts'
import { op } from '../../src/definitions/ops/op.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, temporaryFolder, test, waitFor } from '../support/test.ts'

describeBackends('checks of function assets', (backend) => {
  let engine: Engine
  let folder: string
  beforeAll(async () => {
    folder = await temporaryFolder()
    engine = await startEngine({ backend })
    return engine.stop
  })
  const io = () => jsonFiles({ folder })
  const stored = async (key: string): Promise<unknown> => JSON.parse(await readFile(join(folder, key, 'value.json'), 'utf8'))
  const results = (key: string) =>
    engine.query('SELECT name, passed, blocking, severity, message, metadata FROM millrace.check_result WHERE asset = $1 ORDER BY name', [key])

  test('that block keep the value that was there, are not tried again, and stop what is downstream', async () => {
    let answer = 1
    let runs = 0
    const files = io()
    const number = asset({
      key: 'blocking/number',
      io: files,
      run: () => {
        runs += 1
        return answer
      },
      checks: [
        {
          name: 'small',
          run: ({ value, asset: key, partition, log }) => {
            log('looking', { key, partition: partition ?? null })
            return { passed: value < 5, message: `it is ${String(value)}.`, metadata: { expected: { below: 5 }, found: value } }
          },
        },
        { name: 'odd', severity: 'warn', run: ({ value }) => ({ passed: value % 2 === 1 }) },
      ],
    })
    const twice = asset({ key: 'blocking/twice', inputs: { number }, io: files, run: ({ inputs }) => inputs.number * 2 })
    const thrice = asset({ key: 'blocking/thrice', inputs: { twice }, io: files, run: () => 0 })
    await engine.define([number, twice, thrice])
    const assets = ['blocking/number', 'blocking/twice', 'blocking/thrice']
    const good = await engine.succeed(assets)
    expect(await results('blocking/number')).toEqual([
      { name: 'odd', passed: true, blocking: false, severity: 'warn', message: 'it passed.', metadata: {} },
      { name: 'small', passed: true, blocking: true, severity: 'error', message: 'it is 1.', metadata: { expected: { below: 5 }, found: 1 } },
    ])
    await waitFor(async () => (await engine.value(`SELECT data FROM millrace.event WHERE run_id = $1 AND kind = 'log'`, [good.id])) !== undefined, {
      what: 'the line',
    })
    expect(await engine.value(`SELECT data FROM millrace.event WHERE run_id = $1 AND kind = 'log'`, [good.id])).toEqual({
      check: 'small',
      key: 'blocking/number',
      partition: null,
    })

    answer = 6
    const bad = await engine.run(assets)
    expect(runs).toBe(2)
    expect(bad.steps.map(({ asset: key, status }) => [key, status])).toEqual([
      ['blocking/number', 'failed'],
      ['blocking/thrice', 'skipped'],
      ['blocking/twice', 'skipped'],
    ])
    expect(bad.step).toMatchObject({ attempt: 1, error: { code: 'CHECK_FAILED', message: 'The check small of blocking/number failed: it is 6.' } })
    expect(bad.events.filter(({ kind }) => kind === 'skipped').map(({ message }) => message)).toContain(
      'blocking/twice was skipped, because the check small of blocking/number failed.',
    )
    expect(await stored('blocking/number')).toBe(1)
    expect(await results('blocking/number')).toMatchObject([
      { name: 'odd', passed: false },
      { name: 'small', passed: false, metadata: { found: 6 } },
    ])
    expect(await engine.query('SELECT name, passed FROM millrace.check_history WHERE asset = $1 ORDER BY id', ['blocking/number'])).toEqual([
      { name: 'odd', passed: true },
      { name: 'small', passed: true },
      { name: 'odd', passed: false },
      { name: 'small', passed: false },
    ])
  })

  test('that warn are recorded, and the value is stored', async () => {
    const checks = [check<number>({ name: 'odd', severity: 'warn', run: ({ value }) => ({ passed: value % 2 === 1 }) })]
    await engine.define([asset({ key: 'warning/number', io: io(), checks, run: () => 2 })])
    const { events } = await engine.succeed('warning/number')
    expect(await stored('warning/number')).toBe(2)
    expect(events).toContainEqual(expect.objectContaining({ kind: 'check', level: 'warn', message: 'Check odd failed: it gave no reason.' }))
  })

  test.for<[what: string, run: (context: { signal: AbortSignal }) => CheckAnswer | Promise<CheckAnswer>, message: string]>([
    [
      'throws',
      () => {
        throw new TypeError('no such field')
      },
      'it threw TypeError: no such field',
    ],
    ['rejects with no error', () => Promise.reject('nothing'), 'it threw Error: nothing'],
    ['answers nothing', () => undefined as never, 'it answered undefined, and not { passed: true } or { passed: false }.'],
    ['answers a word', () => 'yes' as never, 'it answered "yes", and not'],
    ['answers a truth that is none', () => ({ passed: 1 }) as never, 'it answered {"passed":1}, and not'],
    [
      'never ends',
      ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
      'it took longer than 0.2 s.',
    ],
  ])('one that %s has failed, and others have their say', async ([what, run, message]) => {
    const key = `nonsense/${what.replaceAll(' ', '_')}`
    await engine.define([
      asset({ key, io: io(), checks: [check({ name: 'bad', run, timeoutMs: 200 }), check({ name: 'good', run: () => ({ passed: true }) })], run: () => 1 }),
    ])
    const { step } = await engine.run(key)
    expect(step).toMatchObject({ status: 'failed', attempt: 1 })
    expect(step.error?.message).toContain(message)
    expect(await results(key)).toMatchObject([
      { name: 'bad', passed: false },
      { name: 'good', passed: true },
    ])
    await expect(stored(key)).rejects.toThrow('ENOENT')
  })

  test('go on at once, and keep as much metadata as there is room for', async () => {
    let waiting = 0
    let go: (() => void) | undefined
    const both = new Promise<void>((resolve) => {
      go = resolve
    })
    // Each waits for the other.
    const meeting = async (): Promise<CheckAnswer> => {
      waiting += 1
      if (waiting === 2) go?.()
      await both
      return { passed: true, metadata: { text: 'x'.repeat(waiting * 20_000) } }
    }
    const checks = ['first', 'second'].map((name) => check({ name, timeoutMs: 10_000, run: meeting }))
    await engine.define([asset({ key: 'many/values', io: io(), checks, run: () => 1 })])
    await engine.succeed('many/values')
    expect(await results('many/values')).toMatchObject([
      { passed: true, metadata: { omitted: expect.stringContaining('more than the 32768 that are kept') as unknown } },
      { passed: true },
    ])
  })

  test('may be made by the function itself, which the asset’s declarations hold for', async () => {
    let checks = [
      { name: 'declared', passed: true, severity: 'warn' as const, blocking: false, message: 'well.' },
      { name: 'free', passed: false, metadata: { n: 3 } },
    ]
    const key = 'reported/value'
    const declared = [check({ name: 'declared' })]
    await engine.define([asset({ key, io: io(), checks: declared, run: () => output(1, { checks, metadata: { of: 'it' } }) })])
    await engine.succeed(key)
    expect(await results(key)).toEqual([
      { name: 'declared', passed: true, blocking: true, severity: 'error', message: 'well.', metadata: {} },
      { name: 'free', passed: false, blocking: false, severity: 'error', message: 'it gave no reason.', metadata: { n: 3 } },
    ])
    checks = []
    expect((await engine.run(key)).step.error?.message).toBe(`The check declared of ${key} failed: the function did not report it.`)
    checks = [{ name: 'declared', passed: false, severity: 'warn', blocking: false, message: 'bad.' }]
    expect((await engine.run(key)).step.error?.message).toBe(`The check declared of ${key} failed: bad.`)
  })

  test('of a graph-backed asset are asked of what its graph answers', async () => {
    let n = 1
    const count = op({ name: 'count', output: z.number(), run: () => n })
    const counted = graph({ name: 'counted', compose: () => count() })
    const key = 'graph/count'
    await engine.define([graphAsset({ key, graph: counted, io: io(), checks: [{ name: 'small', run: ({ value }) => ({ passed: value < 5 }) }] })])
    await engine.succeed(key)
    n = 7
    const run = await engine.run(key)
    expect(run.steps.find(({ asset: name }) => name === key)).toMatchObject({ status: 'failed', error: { code: 'CHECK_FAILED' } })
    expect(await stored(key)).toBe(1)
    expect(await results(key)).toMatchObject([{ name: 'small', passed: false, blocking: true }])
  })

  test('have metadata of every kind, and none that merely looks like one; no secret is stored', async () => {
    const lookalike = { type: 'url', value: 'https://example.com' }
    const said = { page: metadata.url('https://me:hush@example.com'), lookalike, token: 'hush', n: 3 }
    const checks = [check({ name: 'kinds', run: () => ({ passed: true, message: 'asked postgres://me:hush@db/shop.', metadata: said }) })]
    const key = 'kinds/value'
    await engine.define([asset({ key, io: io(), checks, run: () => 1 })])
    await engine.succeed(key)
    const [result] = await results(key)
    expect(result).toMatchObject({
      message: 'asked postgres://me:[redacted]@db/shop.',
      metadata: {
        page: { type: 'url', value: 'https://me:[redacted]@example.com' },
        lookalike: { type: 'json', value: lookalike },
        token: '[redacted]',
        n: 3,
      },
    })
    expect(JSON.stringify(await engine.query('SELECT message, metadata FROM millrace.check_history WHERE asset = $1', [key]))).not.toContain('hush')
  })

  test('leave a step that is canceled canceled', async () => {
    let began = false
    const waits = check({
      name: 'waits',
      run: ({ signal }) => {
        began = true
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))))
      },
    })
    await engine.define([asset({ key: 'ends/canceled', io: io(), checks: [waits], run: () => 1 })])
    const { runId } = await engine.launch('ends/canceled')
    await waitFor(() => began, { what: 'the check to run' })
    await engine.cancel(runId)
    expect((await engine.ended(runId)).status).toBe('canceled')
    expect(await results('ends/canceled')).toEqual([])
  })
})

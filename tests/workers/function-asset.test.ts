import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { asset, output } from '../../src/definitions/function-asset.ts'
import type { FunctionContext } from '../../src/definitions/function-asset.ts'
import { resource } from '../../src/definitions/resource.ts'
import { table } from '../../src/definitions/table.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, temporaryFolder, test, waitFor } from '../support/test.ts'

const once = { retries: 0 }

describeBackends('function assets', (backend) => {
  let engine: Engine
  let folder: string
  beforeAll(async () => {
    folder = await temporaryFolder()
    engine = await startEngine({ backend })
    return engine.stop
  })
  const io = () => jsonFiles({ folder })
  const stored = async (key: string): Promise<unknown> => JSON.parse(await readFile(join(folder, key, 'value.json'), 'utf8'))

  test('hand their values on, with their metadata, configuration and resources', async () => {
    const files = io()
    const five = asset({ key: 'basics/five', io: files, config: z.object({ start: z.int().default(5) }), run: ({ config }) => config.start })
    const rate = resource({ start: () => ({ factor: 3 }) })
    const product = asset({
      key: 'basics/product',
      inputs: { five },
      resources: { rate },
      value: z.object({ product: z.int() }),
      io: files,
      run: ({ inputs, resources, log, attempt }) => {
        log('multiplied', { attempt })
        return output({ product: inputs.five * resources.rate.factor }, { metadata: { factor: resources.rate.factor } })
      },
    })
    await engine.define([product, five])
    const run = await engine.succeed(['basics/product', 'basics/five'])
    expect(await stored('basics/product')).toEqual({ product: 15 })
    expect(run.steps.map(({ asset: key, status }) => [key, status])).toEqual(
      expect.arrayContaining([
        ['basics/five', 'succeeded'],
        ['basics/product', 'succeeded'],
      ]),
    )
    const path = join(folder, 'basics/product/value.json')
    expect(await engine.value(`SELECT metadata - 'seconds' FROM millrace.asset WHERE key = 'basics/product'`)).toEqual({ path, bytes: 14, factor: 3 })
    expect(await engine.value(`SELECT data FROM millrace.event WHERE kind = 'log' AND asset = 'basics/product'`)).toEqual({ attempt: 1 })

    await engine.succeed('basics/five', { config: { start: 7 } })
    expect(await stored('basics/five')).toBe(7)
    expect(await stored('basics/product')).toEqual({ product: 15 })
    await engine.succeed('basics/product')
    expect(await stored('basics/product')).toEqual({ product: 21 })
  })

  test('go on below tables, and tables below them', async () => {
    const rows = table({ key: 'mixed/rows', columns: z.object({ id: z.int() }), write: { disposition: 'replace' }, extract: () => [[{ id: 1 }, { id: 2 }]] })
    const order: string[] = []
    const middle = asset({ key: 'mixed/middle', deps: [rows], io: io(), run: () => order.push('middle') })
    const last = table({
      key: 'mixed/last',
      columns: z.object({ id: z.int() }),
      deps: [middle],
      extract: () => {
        order.push('last')
        return [[{ id: order.length }]]
      },
    })
    await engine.define([last, middle, rows])
    await engine.succeed(['mixed/rows', 'mixed/middle', 'mixed/last'])
    expect(order).toEqual(['middle', 'last'])
    expect(await engine.value('SELECT id::int FROM mixed.last')).toBe(2)
  })

  test.for<[name: string, run: (context: FunctionContext) => unknown, code: string, message: RegExp]>([
    [
      'answers another type than its schema says',
      () => ({ total: '3' }),
      'VALUE_INVALID',
      /What bad\/wrong answered is not as its schema says: total: .*number.*, but is "3"/,
    ],
    ['answers nothing', () => undefined, 'VALUE_INVALID', /it: .*object.*, but is undefined/],
    [
      'answers what JSON cannot hold',
      () => ({ total: 1, at: new Date(0) }),
      'VALUE_NOT_JSON',
      /The value of bad\/wrong cannot be stored as JSON: at is a Date/,
    ],
    ['answers a number that is none', () => ({ total: 1, list: [0, Number.POSITIVE_INFINITY] }), 'VALUE_NOT_JSON', /list\.1 is Infinity/],
  ])('one that %s fails, and the value before stays', async ([, run, code, message]) => {
    const key = 'bad/wrong'
    const value = z.looseObject({ total: z.number() })
    const good = await engine.define([asset({ key, io: io(), value, run: () => ({ total: 1 }) })])
    await engine.succeed(key, { location: good.location.name })
    const { location } = await engine.define([asset({ key, io: io(), value, retry: once, run: run as () => { total: number } })])
    const { step, status } = await engine.run(key, { location: location.name })
    expect(status).toBe('failed')
    expect(step.error).toMatchObject({ code, message: expect.stringMatching(message) as unknown })
    expect(await stored(key)).toEqual({ total: 1 })
    expect(await readdir(join(folder, key))).toEqual(['value.json'])
  })

  test('an input that nobody stored yet is a failure that says what to do', async () => {
    const files = io()
    const upstream = asset({ key: 'missing/upstream', io: files, run: () => 1 })
    const downstream = asset({ key: 'missing/downstream', inputs: { upstream }, io: files, retry: once, run: ({ inputs }) => inputs.upstream })
    await engine.define([upstream, downstream])
    const { step } = await engine.run('missing/downstream')
    expect(step.error).toMatchObject({ code: 'VALUE_MISSING', hint: expect.stringContaining('Materialize missing/upstream first') as unknown })
  })

  test('one that throws is tried again, and told how often', async () => {
    const flaky = asset({
      key: 'tries/flaky',
      io: io(),
      retry: { retries: 2, delayMs: 1 },
      run: ({ attempt }) => {
        if (attempt < 3) throw new Error(`not at attempt ${String(attempt)}`)
        return attempt
      },
    })
    await engine.define([flaky])
    const { step, events } = await engine.succeed('tries/flaky')
    expect(step.attempt).toBe(3)
    expect(await stored('tries/flaky')).toBe(3)
    expect(events.filter(({ kind }) => kind === 'retry')).toHaveLength(2)
  })

  test('one that takes too long is stopped, and so is one of a run that is canceled', async () => {
    const stopped: unknown[] = []
    const untilStopped = (key: string, timeoutMs?: number) =>
      asset({
        key,
        io: io(),
        retry: once,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        run: ({ signal }) =>
          new Promise<number>((_, reject) => {
            signal.addEventListener('abort', () => {
              stopped.push(key)
              reject(new Error('stopped'))
            })
          }),
      })
    await engine.define([untilStopped('ends/late', 50), untilStopped('ends/canceled')])
    const late = await engine.run('ends/late')
    expect(late.step.error).toMatchObject({ code: 'STEP_TIMEOUT' })
    const { runId } = await engine.launch('ends/canceled')
    await waitFor(
      async () =>
        (await engine.view(runId)).step.status === 'running' &&
        (await engine.value(`SELECT claimed_by IS NOT NULL FROM millrace.step WHERE run_id = $1`, [runId])) === true,
      {
        what: 'the function to run',
      },
    )
    await engine.cancel(runId)
    expect((await engine.ended(runId)).status).toBe('canceled')
    await waitFor(() => stopped.length === 2, { what: 'both to be stopped' })
    expect(stopped).toEqual(['ends/late', 'ends/canceled'])
  })
})

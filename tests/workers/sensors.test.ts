import { askForEvaluation, keepMessage, setSensorStopped } from '../../src/catalog/sensors.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { dynamicPartitions } from '../../src/definitions/partitions/partitions.ts'
import { sensor } from '../../src/definitions/sensor.ts'
import type { SensorContext, SensorOptions } from '../../src/definitions/sensor.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { syncTicks } from '../../src/producers/schedules.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, temporaryFolder, test, waitFor } from '../support/test.ts'

interface Tick {
  readonly cause: string
  readonly status: string
  readonly reason: string | null
  readonly runs: number
  readonly known: number
  readonly repeated: number
  readonly error: { readonly code: string; readonly message: string } | null
  readonly log: readonly { readonly message: string }[]
}

describeBackends('a sensor', (backend) => {
  let engine: Engine
  let folder: string
  beforeAll(async () => {
    folder = await temporaryFolder()
    engine = await startEngine({ backend, producers: 'none' })
    return engine.stop
  })
  /** What the leader does every second. */
  const sync = () => syncTicks({ pool: engine.database.pool, queues: engine.queues, logger: testLogger }, new Date(), new Map())
  const never = 86_400_000
  let places = 0

  /** A location with the asset `<place>/one` and a sensor; the first evaluation, which the clock gives it, is over. */
  async function define(options: Partial<SensorOptions<Record<string, never>>> & { run: SensorOptions<Record<string, never>>['run'] }, value = asset) {
    places += 1
    const key = `watch${String(places)}/one`
    const one = value({ key, io: jsonFiles({ folder }), run: () => 1 })
    const { location, worker } = await engine.define([one], undefined, { sensors: [sensor({ name: 'look', everyMs: never, assets: key, ...options })] })
    await sync()
    return { name: location.name, key, location, worker }
  }
  const ticks = (location: string) =>
    engine.query<Tick & Record<string, unknown>>(
      `SELECT cause, status, reason, cardinality(runs) AS runs, known, repeated, error, log FROM millrace.sensor_tick WHERE location = $1 ORDER BY id`,
      [location],
    )
  const evaluate = async (location: string): Promise<void> => {
    const before = await engine.value(`SELECT claim FROM millrace.sensor WHERE location = $1`, [location])
    const asked = await askForEvaluation(engine.database.pool, { location, sensor: 'look' })
    await engine.queues.enqueue(location, 'sense', { sensor: 'look', cause: 'hand', asked: asked ?? 1, failures: 0 })
    await over(location, Number(before ?? 0))
  }
  const over = (location: string, claims: number): Promise<unknown> =>
    waitFor(
      async () => (await engine.value(`SELECT claim > $2 AND claimed_by IS NULL FROM millrace.sensor WHERE location = $1`, [location, claims])) === true,
      {
        what: 'the evaluation to be over',
      },
    )
  const cursorOf = (location: string) => engine.value(`SELECT cursor FROM millrace.sensor WHERE location = $1`, [location])
  const runsOf = (location: string) =>
    engine.query<{ status: string; launched_by: string; tags: unknown; partitions: string[] | null; id: string }>(
      `SELECT id, status, launched_by, tags, partitions FROM millrace.run WHERE location = $1 ORDER BY created_at`,
      [location],
    )

  test('launches what it asks for, once for a run key, and goes on from its cursor', async () => {
    const seen: unknown[] = []
    const { name } = await define({
      run: ({ cursor, log }) => {
        seen.push(cursor)
        log('looked at https://me:hush@shop.example', { at: cursor ?? null, token: 'hush' })
        const n = Number(cursor ?? 0) + 1
        return { runs: [{ runKey: 'same' }, { runKey: String(n), tags: { n: String(n) } }], cursor: n }
      },
    })
    await over(name, 0)
    await evaluate(name)
    expect(seen).toEqual([undefined, 1])
    expect(await cursorOf(name)).toBe(2)
    const runs = await runsOf(name)
    expect(runs.map(({ launched_by, tags }) => [launched_by, tags])).toEqual([
      ['sensor look', {}],
      ['sensor look', { n: '1' }],
      ['sensor look', { n: '2' }],
    ])
    for (const { id } of runs) expect((await engine.ended(id)).status).toBe('succeeded')
    expect(await ticks(name)).toMatchObject([
      {
        cause: 'clock',
        status: 'launched',
        runs: 2,
        known: 0,
        log: [{ message: 'looked at https://me:[redacted]@shop.example', fields: { at: null, token: '[redacted]' } }],
      },
      { cause: 'hand', status: 'launched', runs: 1, known: 1 },
    ])
  })

  test('that has nothing to run says why, and a quiet one takes no more rows', async () => {
    const state = { reason: 'no new file at https://me:hush@shop.example' as string | undefined }
    const { name } = await define({ run: () => (state.reason === undefined ? undefined : { reason: state.reason }) })
    await over(name, 0)
    await evaluate(name)
    await evaluate(name)
    state.reason = undefined
    await evaluate(name)
    expect((await ticks(name)).map(({ status, reason, repeated }) => [status, reason, repeated])).toEqual([
      ['skipped', 'no new file at https://me:[redacted]@shop.example', 2],
      ['skipped', null, 0],
    ])
  })

  test('is evaluated by its own clock, and not while it is stopped', async () => {
    let times = 0
    const { name } = await define({ everyMs: 500, run: () => void (times += 1) })
    await waitFor(() => Promise.resolve(times >= 3), { what: 'three evaluations' })
    await setSensorStopped(engine.database.pool, { location: name, sensor: 'look' }, true)
    await sync()
    expect(await engine.queues.queue(name, 'ticks').getJobSchedulers(0, -1)).toEqual([])
    const stoppedAt = times
    await setSensorStopped(engine.database.pool, { location: name, sensor: 'look' }, false)
    await sync()
    await waitFor(() => Promise.resolve(times > stoppedAt), { what: 'an evaluation after it was started again' })
  })

  test('takes what webhooks brought, and keeps it while it fails', async () => {
    const state = { broken: true }
    const { name } = await define({
      run: ({ messages }) => {
        if (state.broken && messages.length > 0) throw new Error('the shop does not answer')
        return { runs: messages.map(({ body }) => ({ runKey: String((body as { id: number }).id) })) }
      },
    })
    await over(name, 0)
    for (const id of [1, 2]) await keepMessage(engine.database.pool, { location: name, sensor: 'look' }, { id })
    // Nobody asks for an evaluation: the leader finds that messages have waited for a while.
    await sync()
    expect(await engine.value('SELECT asked_at FROM millrace.sensor WHERE location = $1', [name])).toBeNull()
    await engine.query(`UPDATE millrace.sensor_message SET received_at = received_at - interval '1 minute' WHERE location = $1`, [name])
    await sync()
    await waitFor(async () => (await ticks(name)).some(({ status }) => status === 'failed'), { what: 'a failed evaluation' })
    expect(await engine.value('SELECT count(*)::int FROM millrace.sensor_message WHERE location = $1', [name])).toBe(2)
    expect((await ticks(name)).find(({ status }) => status === 'failed')?.error).toMatchObject({ message: 'the shop does not answer' })
    state.broken = false
    // Tried again by itself.
    await waitFor(async () => (await runsOf(name)).length === 2, { what: 'two runs' })
    expect(await engine.value('SELECT count(*)::int FROM millrace.sensor_message WHERE location = $1', [name])).toBe(0)
    expect((await ticks(name)).at(-1)).toMatchObject({ cause: 'retry', status: 'launched', runs: 2 })
  })

  const faults: readonly (readonly [run: (context: SensorContext<never>) => unknown, code: string, message: RegExp])[] = [
    [() => ({ run: [] }), 'SENSOR_ANSWER_INVALID', /The sensor look answered what is no answer: .*"run"/s],
    [() => 'nothing new', 'SENSOR_ANSWER_INVALID', /expected object/],
    [() => ({ runs: Array.from({ length: 100_000 }, () => ({})) }), 'SENSOR_TOO_MANY_RUNS', /asked for 100,000 runs at once; it may ask for 1,000/],
    [
      () => ({ cursor: 'after', runs: [{}, { assets: 'no/such', runKey: 'k' }] }),
      'UNKNOWN_ASSET',
      /The run request "k" of the sensor look cannot be launched, and so none/,
    ],
    [() => Promise.reject(new TypeError('no such file')), 'UNKNOWN', /^no such file$/],
    [() => new Promise(() => undefined), 'SENSOR_TIMEOUT', /took longer than 0.3 s/],
  ]

  test('that answers nonsense, asks for 100,000 runs or for what there is not, throws or hangs fails, launches nothing, and keeps its cursor', async () => {
    let run: (context: SensorContext<never>) => unknown = () => ({ cursor: 'before' })
    const { name } = await define({ timeoutMs: 300, run: (context) => run(context as never) as undefined })
    await over(name, 0)
    for (const [fault, code, message] of faults) {
      run = fault
      await evaluate(name)
      // It is tried again by itself, too: the newest may be of that.
      const failed = (await ticks(name)).findLast(({ status, error }) => status === 'failed' && error?.code === code && message.test(error.message))
      expect(failed, `${code}: ${JSON.stringify((await ticks(name)).at(-1))}`).toBeDefined()
    }
    expect(await runsOf(name)).toEqual([])
    expect(await cursorOf(name)).toBe('before')
    run = () => undefined
  })

  test('adds the partitions that it finds, has them made, and removes those that are gone', async () => {
    const partitioned: typeof asset = (options) => asset({ ...options, partitions: dynamicPartitions('files') } as never)
    const answers = [
      { partitionKeys: { files: { add: ['a', 'b'] } }, runs: [{ partitions: ['b'] }] },
      { partitionKeys: { files: { add: ['c'], remove: ['a'] } } },
    ]
    const { name, key } = await define({ run: () => answers.shift() }, partitioned)
    await over(name, 0)
    const [run] = await runsOf(name)
    expect(run?.partitions).toEqual(['b'])
    expect((await engine.ended(run?.id ?? '')).status).toBe('succeeded')
    expect(await engine.query('SELECT key FROM millrace.partition_key WHERE location = $1 ORDER BY ordinal', [name])).toEqual([{ key: 'a' }, { key: 'b' }])
    expect(await engine.value('SELECT partition FROM millrace.asset_partition WHERE asset = $1', [key])).toBe('b')
    await evaluate(name)
    expect(await engine.query('SELECT key FROM millrace.partition_key WHERE location = $1 ORDER BY ordinal', [name])).toEqual([{ key: 'b' }, { key: 'c' }])
  })
})

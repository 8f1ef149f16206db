import { once } from 'node:events'
import * as z from 'zod'
import { table } from '../../src/definitions/table.ts'
import type { QuarantineContract } from '../../src/definitions/quarantine.ts'
import type { TableOptions } from '../../src/definitions/table.ts'
import { SourceError } from '../../src/errors.ts'
import { csv } from '../../src/sources/index.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, startHttpServer, test } from '../support/test.ts'

const Row = z.object({ id: z.int(), name: z.string() })
type Options = Partial<TableOptions<typeof Row, unknown>>
type Pages = readonly (readonly unknown[])[]

const good = (count: number, from = 0) => Array.from({ length: count }, (_, index) => ({ id: from + index, name: `row ${String(from + index)}` }))

describeBackends('quarantine', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  /** An asset whose pages can be changed, each a batch of its own. */
  async function define(key: string, options: Options = {}) {
    const state: { pages: Pages } = { pages: [] }
    await engine.define([table<typeof Row, unknown>({ key, columns: Row, retry: { retries: 0 }, extract: () => state.pages, ...options })], { batchBytes: 1 })
    return (pages: Pages) => {
      state.pages = pages
      return engine.run(key)
    }
  }
  const load = async (key: string, pages: Pages, options: Options = {}) => (await define(key, options))(pages)
  const kept = (runId: string) =>
    engine.query(
      `SELECT asset, ordinal, record_index::int AS index, place, record, page, issues, state FROM millrace.quarantine WHERE run_id = $1 ORDER BY ordinal, record_index`,
      [runId],
    )
  const idsOf = async (target: string) => (await engine.query<{ id: number }>(`SELECT id::int FROM ${target} ORDER BY id`)).map((row) => row.id)

  test('keeps what does not fit, with all that is wrong with it, and the rest is loaded', async () => {
    const pages = [[...good(2), { id: 'x', name: 3 }, ...good(1, 2)], good(2, 3), [{ id: 9, name: 'a\0\ud800' }, 'no object', null]]
    const run = await load('bad/mixed', pages, { quarantine: true })
    expect(run.status).toBe('succeeded')
    expect(run.step.result).toMatchObject({ rows: 5, records: 9, filtered: 0, quarantined: 4 })
    expect(await idsOf('bad.mixed')).toEqual([0, 1, 2, 3, 4])
    expect(await kept(run.id)).toMatchObject([
      {
        asset: 'bad/mixed',
        ordinal: 0,
        index: 2,
        place: 'record 2 of page 1 of batch 0 of bad/mixed',
        record: '{"id":"x","name":3}',
        issues: [
          { column: 'id', value: '"x"' },
          { column: 'name', value: '3' },
        ],
        state: 'kept',
      },
      { ordinal: 2, index: 0, record: '{"id":9,"name":"a\\u0000\\ud800"}', issues: [{ column: 'name' }] },
      { ordinal: 2, index: 1, record: '"no object"', issues: [{ column: '(row)' }] },
      { ordinal: 2, index: 2, record: 'null', issues: [{ column: '(row)' }] },
    ])
    const said = run.events.find((event) => event.kind === 'quarantine')
    expect(said).toMatchObject({ level: 'warn', message: '4 of 9 records do not fit and are in quarantine: `millrace quarantine list` shows them.' })
  })

  test('takes a record that the transform throws at, and none of the rows of one of which a row is wrong', async () => {
    const transform = (record: unknown) => {
      const { id } = record as { id: number }
      if (id === 1) throw new Error('no such thing')
      return [
        { id: id * 10, name: 'first' },
        { id: id * 10 + 1, name: id === 2 ? (null as never) : 'second' },
      ]
    }
    const run = await load('bad/transformed', [good(4)], { quarantine: {}, transform })
    expect(run.step.result).toMatchObject({ rows: 4, records: 4, quarantined: 2 })
    expect(await idsOf('bad.transformed')).toEqual([0, 1, 30, 31])
    expect(await kept(run.id)).toMatchObject([
      { index: 1, issues: [{ column: '(transform)', message: 'no such thing', value: '' }] },
      { index: 2, record: '{"id":2,"name":"row 2"}', issues: [{ column: 'name' }] },
    ])
  })

  test.for<[string, true | QuarantineContract, number]>([
    ['a number', { atMost: 2 }, 3],
    ['a share', { atMostPercent: 20 }, 3],
  ])('beyond %s fails the step, which publishes nothing and keeps what it found', async ([name, quarantine, bad]) => {
    const key = `bad/${name.replace(' ', '_')}`
    const page = (wrong: number) => [[...good(10 - wrong), ...Array.from({ length: wrong }, () => ({ id: null }))]]
    const loadLimited = await define(key, { quarantine })
    const tolerated = await loadLimited(page(bad - 1))
    expect(tolerated.step.result).toMatchObject({ rows: 8, quarantined: 2 })
    const failed = await loadLimited(page(bad))
    expect(failed.step.error).toMatchObject({ code: 'TOO_MANY_BAD_RECORDS', message: expect.stringContaining(`Too many records of ${key} do not fit: 3 `) })
    expect(await kept(failed.id)).toHaveLength(3)
    expect(await idsOf(key.replace('/', '.'))).toHaveLength(8)
  })

  test('beyond a share is judged while the source still gives, once 1,000 records were read', async () => {
    async function* extract({ signal }: { readonly signal: AbortSignal }) {
      yield [...good(899), ...Array.from({ length: 101 }, () => ({ id: null }))]
      await once(signal, 'abort')
    }
    const run = await load('bad/early', [], { quarantine: { atMostPercent: 10 }, extract })
    expect(run.step.error).toMatchObject({
      code: 'TOO_MANY_BAD_RECORDS',
      message: expect.stringContaining('101 of the first 1000, and its quarantine takes at most 10 %'),
    })
  })

  test('without it, the first record that does not fit fails the step', async () => {
    const run = await load('bad/strict', [[{ id: 'x', name: 'a' }]])
    expect(run.step.error).toMatchObject({ code: 'RECORD_INVALID' })
    expect(await kept(run.id)).toEqual([])
  })

  test('takes lines of a file that are no records', async () => {
    const lines = ['id,name', ...good(20).map(({ id, name }) => `${String(id)},"${name}"`)]
    const damaged = lines.with(3, '2,"row" 2"').with(9, '8').with(15, 'x,row 14')
    const server = await startHttpServer((_request, response) => response.end(damaged.join('\r\n')))
    const asset = table({
      key: 'bad/file',
      columns: Row.extend({ id: z.coerce.number().pipe(z.int()) }),
      quarantine: { atMost: 3 },
      extract: ({ signal }) => csv({ url: `${server.url}/rows.csv`, columns: ['id', 'name'], signal }),
    })
    await engine.define([asset])
    const run = await engine.succeed('bad/file')
    expect(run.step.result).toMatchObject({ rows: 17, records: 20, filtered: 0, quarantined: 3 })
    expect(await kept(run.id)).toMatchObject([
      {
        index: 0,
        place: expect.stringMatching(/^line 4 of /),
        record: '"2,\\"row\\" 2\\""',
        issues: [{ column: '(line)', message: expect.stringContaining('has a quote in the wrong place') }],
      },
      {
        index: 1,
        place: expect.stringMatching(/^line 10 of /),
        record: '"8"',
        issues: [{ column: '(line)', message: expect.stringContaining('has 1 fields; its header has 2') }],
      },
      { record: '{"id":"x","name":"row 14"}', issues: [{ column: 'id' }] },
    ])
  })

  test.for([true, false])('takes a record that is too large to be held by its beginning; without it (%s is with it), that fails the step', async (tolerant) => {
    const large = 'x'.repeat(5000)
    const server = await startHttpServer((_request, response) => response.end(`id,name\n1,a\n2,${large}\n3,c\n`))
    const key = `bad/large_${String(tolerant)}`
    const asset = table<typeof Row, { id: string; name: string }>({
      key,
      columns: Row,
      retry: { retries: 0 },
      ...(tolerant ? { quarantine: true } : {}),
      extract: ({ signal }) => csv({ url: server.url, columns: ['id', 'name'], maxRecordBytes: 1000, signal }),
      transform: ({ id, name }) => ({ id: Number(id), name }),
    })
    await engine.define([asset])
    const run = await engine.run(key)
    const message = expect.stringMatching(/^The record at line 3 \(byte 12\) of .* is 5003 bytes; the most is 1000$/)
    const record = JSON.stringify(`2,${large}`.slice(0, 1024))
    expect(run.step).toMatchObject(tolerant ? { result: { records: 3, rows: 2, quarantined: 1 } } : { error: { code: 'RECORD_TOO_LARGE', message } })
    expect(await kept(run.id)).toMatchObject(tolerant ? [{ index: 1, record, issues: [{ column: '(line)', message }] }] : [])
  })

  test('holds each record once when a source that cannot resume begins again', async () => {
    let attempts = 0
    async function* extract() {
      attempts += 1
      yield [{ id: 'x', name: 'a' }, ...good(1)]
      // The batch before is recorded when this one is asked for.
      yield good(1, 1)
      if (attempts === 1) throw new SourceError('the source broke off', { code: 'BROKE_OFF' })
      yield [{ id: 'y', name: 'b' }]
    }
    const run = await load('bad/again', [], { quarantine: true, extract, retry: { retries: 1, delayMs: 1 } })
    expect(attempts).toBe(2)
    expect(run.step.result).toMatchObject({ rows: 2, quarantined: 2 })
    expect((await kept(run.id)).map((row) => row['record'])).toEqual(['{"id":"x","name":"a"}', '{"id":"y","name":"b"}'])
  })
})

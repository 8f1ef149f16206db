import * as z from 'zod'
import { table } from '../../src/definitions/table.ts'
import type { WriteOptions } from '../../src/definitions/table.ts'
import { csv } from '../../src/sources/index.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, startHttpServer, test } from '../support/test.ts'

const Row = z.object({ id: z.int(), name: z.string() })

describeBackends('redriving', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  /** An asset that loads what fits; which records do, and what its source gives, can be changed. */
  async function define(key: string, write: WriteOptions, primaryKey: string[] = []) {
    const state = { rows: [] as readonly unknown[], mended: (id: unknown): unknown => id, extracted: 0 }
    const asset = table<typeof Row, unknown>({
      key,
      columns: Row,
      write,
      primaryKey,
      quarantine: { atMost: 10 },
      retry: { retries: 0 },
      extract: () => {
        state.extracted += 1
        return [{ records: state.rows, extra: { file: 'a' } }]
      },
      transform: (record, { page }) => {
        const { id, name } = record as { id: unknown; name: string }
        return { id: state.mended(id) as number, name: `${name} of ${(page as { file: string }).file}` }
      },
    })
    await engine.define([asset])
    return state
  }
  const rowsOf = (target: string) => engine.query(`SELECT id::int, name FROM ${target} ORDER BY id, name`)
  const statesOf = async (asset: string) =>
    (
      await engine.query<{ state: string; n: number }>(`SELECT state, count(*)::int AS n FROM millrace.quarantine WHERE asset = $1 GROUP BY 1 ORDER BY 1`, [
        asset,
      ])
    ).map((row) => `${row.state} ${String(row.n)}`)

  test('loads exactly what fits now, once, and keeps the rest', async () => {
    const state = await define('again/appended', { disposition: 'append' })
    state.rows = [
      { id: 1, name: 'a' },
      { id: '2', name: 'b' },
      { id: 'x', name: 'c' },
      { id: '4', name: 'd' },
    ]
    expect((await engine.succeed('again/appended')).step.result).toMatchObject({ rows: 1, quarantined: 3 })
    state.mended = (id) => (id === 'x' ? id : Number(id))
    const first = await engine.succeed('again/appended', { redrive: true })
    expect(first.step.result).toMatchObject({ records: 3, rows: 2, quarantined: 1 })
    const loaded = [
      { id: 1, name: 'a of a' },
      { id: 2, name: 'b of a' },
      { id: 4, name: 'd of a' },
    ]
    expect(await rowsOf('again.appended')).toEqual(loaded)
    expect(state.extracted).toBe(1)
    expect(await statesOf('again/appended')).toEqual(['kept 1', 'redriven 3'])
    expect((await engine.succeed('again/appended', { redrive: true })).step.result).toMatchObject({ records: 1, rows: 0, quarantined: 1 })
    expect(await rowsOf('again.appended')).toEqual(loaded)
    state.mended = (id) => (id === 'x' ? 3 : id)
    expect((await engine.succeed('again/appended', { redrive: true })).step.result).toMatchObject({ records: 1, rows: 1 })
    expect((await engine.succeed('again/appended', { redrive: true })).step.result).toMatchObject({ records: 0, rows: 0 })
    expect(await rowsOf('again.appended')).toHaveLength(4)
    expect(await statesOf('again/appended')).toEqual(['redriven 5'])
  })

  test.for([[[]], [['id']]])(
    'of a table that is replaced, with key %o, adds to the run that it shows, and not what older ones kept',
    async ([primaryKey = []]) => {
      const key = `again/replaced_${String(primaryKey.length)}`
      const state = await define(key, { disposition: 'replace' }, primaryKey)
      state.rows = [{ id: '7', name: 'old' }]
      await engine.succeed(key)
      state.rows = [
        { id: 1, name: 'new' },
        { id: '2', name: 'new' },
      ]
      await engine.succeed(key)
      state.mended = Number
      expect((await engine.succeed(key, { redrive: true })).step.result).toMatchObject({ records: 1, rows: 1 })
      expect(await rowsOf(key.replace('/', '.'))).toEqual([
        { id: 1, name: 'new of a' },
        { id: 2, name: 'new of a' },
      ])
      expect(await statesOf(key)).toEqual(['kept 1', 'redriven 1'])
    },
  )

  test('of a history closes nothing that it does not have', async () => {
    const state = await define('again/history', { disposition: 'scd2' }, ['id'])
    state.rows = [
      { id: 1, name: 'a' },
      { id: '2', name: 'b' },
    ]
    await engine.succeed('again/history')
    state.mended = Number
    await engine.succeed('again/history', { redrive: true })
    expect(await engine.query('SELECT id::int FROM again.history WHERE valid_to IS NULL ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }])
  })

  test('leaves to a failed load what is its own, and to a failed redriving nothing', async () => {
    const state = await define('again/failed', { disposition: 'append' })
    state.rows = [...Array.from({ length: 11 }, () => ({ id: 'x', name: 'too many' })), { id: 1, name: 'a' }]
    expect((await engine.run('again/failed')).status).toBe('failed')
    state.rows = [
      { id: '2', name: 'b' },
      { id: 1, name: 'a' },
    ]
    await engine.succeed('again/failed')
    await engine.query('ALTER TABLE again.failed ADD CONSTRAINT small CHECK (id < 2) NOT VALID')
    state.mended = Number
    expect((await engine.run('again/failed', { redrive: true })).status).toBe('failed')
    await engine.query('ALTER TABLE again.failed DROP CONSTRAINT small')
    expect((await engine.succeed('again/failed', { redrive: true })).step.result).toMatchObject({ records: 1, rows: 1 })
    expect(await rowsOf('again.failed')).toEqual([
      { id: 1, name: 'a of a' },
      { id: 2, name: 'b of a' },
    ])
  })

  test('keeps a record of which only the beginning was held, and reads a line of a dialect as it was written', async () => {
    const server = await startHttpServer((_request, response) => response.end(['id;name', `1;${'x'.repeat(200)}`, '2;b;;', ''].join('\r')))
    const defineFile = (longRows: 'refuse' | 'cut') =>
      engine.define([
        table<typeof Row, { id: string; name: string }>({
          key: 'again/large',
          columns: Row,
          quarantine: true,
          extract: ({ signal }) => csv({ url: server.url, columns: ['id', 'name'], delimiter: ';', longRows, maxRecordBytes: 100, signal }),
          transform: ({ id, name }) => ({ id: Number(id), name }),
        }),
      ])
    await defineFile('refuse')
    await engine.succeed('again/large')
    await engine.query(`UPDATE millrace.quarantine SET format = format || '{"longRows":"cut"}' WHERE asset = 'again/large' AND format->>'kind' = 'csv'`)
    expect((await engine.succeed('again/large', { redrive: true })).step.result).toMatchObject({ records: 2, rows: 1, quarantined: 1 })
    expect(await rowsOf('again.large')).toEqual([{ id: 2, name: 'b' }])
    const message = expect.stringMatching(/^The record at line 2 \(byte 8\) of .* is 203 bytes; the most is 100$/)
    expect(
      await engine.query(`SELECT state, issues->0->>'message' AS message FROM millrace.quarantine WHERE asset = 'again/large' ORDER BY quarantine.id`),
    ).toEqual([
      { state: 'redriven', message },
      { state: 'redriven', message: expect.stringContaining('4 fields') },
      { state: 'kept', message },
    ])
  })

  test('reads a line that was none with its file’s format', async () => {
    const columns = ['id', 'name', 'more']
    const server = await startHttpServer((_request, response) => response.end(`${columns.join(',')}\n1,a,x\n2,b\n3,c,z\n`))
    const asset = table<typeof Row, { id: string; name: string }>({
      key: 'again/file',
      columns: Row,
      quarantine: true,
      extract: ({ signal }) => csv({ url: server.url, columns, signal }),
      transform: ({ id, name }) => ({ id: Number(id), name }),
    })
    await engine.define([asset])
    expect((await engine.succeed('again/file')).step.result).toMatchObject({ rows: 2, quarantined: 1 })
    const again = await engine.succeed('again/file', { redrive: true })
    expect(again.step.result).toMatchObject({ records: 1, rows: 0, quarantined: 1 })
    expect(await engine.query(`SELECT state, record, issues->0->>'column' AS part FROM millrace.quarantine WHERE asset = 'again/file' ORDER BY id`)).toEqual([
      { state: 'redriven', record: '"2,b"', part: '(line)' },
      { state: 'kept', record: '"2,b"', part: '(line)' },
    ])
  })

  test.for([
    ['JSON lines', 'jsonl', (rows: readonly string[]) => `${rows.join('\n')}\n`, '{"id":2,"name":"J\xf6rg"}', '{"id":4,"name":nobody}'],
    ['CSV', 'csv', (rows: readonly string[]) => `${rows.join('\n')}\n`, '2,"J\xf6rg"', '4,nobody,4'],
    ['an element of JSON', 'json', (rows: readonly string[]) => `{"rows":[${rows.join(',')}]}`, '{"id":2,"name":"J\xf6rg"}', '{"id":4,"name":nobody}'],
  ] as const)(
    'takes %s that was no UTF-8, or no record, to the byte as it came, once its bytes are read as what they are',
    async ([, kind, join, latin1, broken]) => {
      const key = `again/bytes_${kind}`
      const others = kind === 'csv' ? ['1,"a"', '3,"b"'] : ['{"id":1,"name":"a"}', '{"id":3,"name":"b"}']
      const format = kind === 'csv' ? ({ kind, columns: ['id', 'name'] } as const) : kind === 'json' ? ({ kind, path: ['rows'] } as const) : ({ kind } as const)
      const body = Buffer.from(join([others[0] ?? '', latin1, others[1] ?? '', broken]), 'latin1')
      let mended = false
      const repair = (line: string, bytes: Uint8Array | undefined): string =>
        bytes === undefined ? line.replace(/nobody.*/, kind === 'csv' ? '"nobody"' : '"nobody"}') : new TextDecoder('latin1').decode(bytes)
      await engine.define([
        table<typeof Row, { id: unknown; name: string }>({
          key,
          columns: Row,
          quarantine: true,
          extract: () => [{ body, format, firstLine: 1 }],
          transform: ({ id, name }) => ({ id: Number(id), name }),
          repairLine: (line, { bytes }) => (mended ? repair(line, bytes) : null),
        }),
      ])
      expect((await engine.succeed(key)).step.result).toMatchObject({ rows: 2, quarantined: 2 })
      const kept = await engine.query<{ record: string; message: string }>(
        `SELECT record, issues->0->>'message' AS message FROM millrace.quarantine WHERE asset = $1 ORDER BY record_index`,
        [key],
      )
      const base64 = Buffer.from(latin1, 'latin1').toString('base64')
      expect(kept.map(({ record }) => JSON.parse(record) as unknown)).toEqual([{ text: latin1.replace('\xf6', '\uFFFD'), base64 }, broken])
      expect(kept[0]?.message).toMatch(/^(Line 2|Record 1 \(line 1\)) of page 1 of batch 0 of again\/bytes_\w+ is not UTF-8: wrong at byte \d+ of it$/)
      // By the code that kept them they are kept once more, as they were.
      expect((await engine.succeed(key, { redrive: true })).step.result).toMatchObject({ rows: 0, quarantined: 2 })
      mended = true
      expect((await engine.succeed(key, { redrive: true })).step.result).toMatchObject({ records: 2, rows: 2 })
      expect(await rowsOf(`again.bytes_${kind}`)).toEqual(['a', 'Jörg', 'b', 'nobody'].map((name, index) => ({ id: index + 1, name })))
    },
  )
})

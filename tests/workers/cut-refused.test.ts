import * as z from 'zod'
import type { ClaimedBatch } from '../../src/catalog/claims.ts'
import type { BadRecord } from '../../src/catalog/quarantine.ts'
import { columnsOf } from '../../src/definitions/columns.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import type { PageFormat } from '../../src/definitions/page.ts'
import { table } from '../../src/definitions/table.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
import { compileEncoder } from '../../src/warehouse/encoder/compile-encoder.ts'
import { frameHeader } from '../../src/workers/batch-file.ts'
import { cutRefused, oneByOneOf } from '../../src/workers/cut-refused.ts'
import type { OwnAsset } from '../../src/workers/versions.ts'
import { describe, expect, test } from '../support/test.ts'

const shapes = {
  text: z.object({ id: z.int(), name: z.string(), wait: z.string().meta({ postgres: 'interval' }) }),
  binary: z.object({ id: z.int(), name: z.string(), wait: z.string() }),
}

function ownAsset(columns: z.ZodObject, options: object = {}): OwnAsset {
  const asset = table<z.ZodObject, unknown>({ key: 'cut/rows', columns, quarantine: true, extract: () => [], ...options })
  const [spec] = manifestOf(defineLocation({ name: 'cut', assets: [asset] })).assets
  if (spec?.kind !== 'table') throw new Error('not a table')
  return { asset, spec, version: 'v1' }
}

/** Every fifth record does not fit; every third of the others' rows is refused. */
const records = Array.from({ length: 60 }, (_, id) => ({ id: id % 5 === 2 ? `no ${String(id)}` : id, name: `tab\t"${String(id)}" \\ ü`, wait: '1 s' }))
const pages = [records.slice(0, 25), [], records.slice(25, 26), records.slice(26)]

interface Form {
  readonly format: PageFormat
  readonly page: (rows: readonly (typeof records)[number][]) => string
}
const forms: Readonly<Record<string, Form>> = {
  'an array': { format: { kind: 'json' }, page: (rows) => JSON.stringify(rows) },
  'an array within a document': {
    format: { kind: 'json', path: ['data', 'rows'] },
    page: (rows) => JSON.stringify({ next: [1], data: { rows, more: {} }, end: 1 }, null, 2),
  },
  // The later one counts, so that the page is parsed.
  'an array that comes twice': { format: { kind: 'json', path: ['rows'] }, page: (rows) => `{"rows":[1,2],"rows":${JSON.stringify(rows)}}` },
  lines: { format: { kind: 'jsonl' }, page: (rows) => rows.map((row) => JSON.stringify(row)).join('\r\n\n') },
}

/** A batch as its first encoding leaves it, and what is expected of it without the rows refused. */
function batchOf({ format, page }: Form, columns: z.ZodObject, damage: (body: string) => string = (body) => body) {
  const first = compileEncoder(columnsOf(columns), columns)
  const second = compileEncoder(columnsOf(columns), columns)
  const raw: Buffer[] = []
  const bad: BadRecord[] = []
  const expected: object[] = []
  const refused: { row: number; column: string; message: string; value: string }[] = []
  let index = 0
  for (const [number, rows] of pages.entries()) {
    const body = Buffer.from(damage(page(rows)))
    raw.push(frameHeader({ format, body, extra: { page: number }, firstLine: 7 }, body.length, false), body)
    const name = `page ${String(number + 1)} of batch 3 of cut/rows`
    const parsed = parsePage({ format, body, firstLine: 7 }, { name, keepFault: () => undefined })
    for (const [at, record] of parsed.records.entries()) {
      const row = first.rows
      if (first.encode(record) !== null) bad.push({ index, place: '', record: '', tagged: false, page: undefined, issues: [] })
      else if (row % 3 === 0) {
        const issue = { column: 'wait', message: `is refused ${String(row)}`, value: '"1 s"' }
        refused.push({ row, ...issue })
        if (row === 3) refused.push({ row, ...issue, column: 'name' })
        const issues = row === 3 ? [issue, { ...issue, column: 'name' }] : [issue]
        expected.push({ index, place: `${parsed.locate(at)} of ${name}`, record: JSON.stringify(record), tagged: false, page: { page: number }, issues })
      } else if (second.encode(record) !== null) throw new Error('it did fit')
      index += 1
    }
  }
  const [rows, left] = [first.rows, second.rows]
  const stream = Buffer.from(first.finish())
  return { raw: Buffer.concat(raw), stream, rows, records: index, bad, refused, expected, left, without: Buffer.from(second.finish()), format: first.format }
}

function cut(batch: ReturnType<typeof batchOf>, own: OwnAsset, oneByOne = oneByOneOf(own, batch.bad, undefined), records = batch.records) {
  if (oneByOne === undefined) throw new Error('its rows cannot be told apart')
  const { raw, stream, rows, refused, format } = batch
  return cutRefused({
    claimed: { ordinal: 3, asset: 'cut/rows' } as ClaimedBatch,
    own,
    signal: new AbortController().signal,
    maxRecordBytes: 1 << 20,
    raw,
    stream,
    encoded: { name: '', bytes: stream.length, crc: 0, format, oneByOne, records, rows },
    refused,
  })
}

describe.each(Object.entries(shapes))('rows that Postgres refused, by %s', (kind, columns) => {
  const own = ownAsset(columns)

  test.each(Object.entries(forms))('are taken out of what was encoded of pages of %s', async (_, form) => {
    const batch = batchOf(form, columns)
    expect(batch.format).toBe(kind)
    expect(batch.expected).toHaveLength(16)
    const found = await cut(batch, own)
    expect(found).toEqual({ rows: batch.left, bad: batch.expected, stream: expect.anything() })
    expect(Buffer.from(found?.stream ?? []).toString('hex')).toBe(batch.without.toString('hex'))
  })

  test('may be all of them, or the last', async () => {
    const form = forms['lines'] as Form
    const batch = batchOf(form, columns)
    const refusal = { column: 'wait', message: 'no', value: '' }
    const all = await cut({ ...batch, stream: Buffer.from(batch.stream), refused: Array.from({ length: batch.rows }, (_, row) => ({ row, ...refusal })) }, own)
    const none = compileEncoder(columnsOf(columns), columns)
    expect(all).toMatchObject({ rows: 0, bad: { length: batch.rows } })
    expect(Buffer.from(all?.stream ?? [])).toEqual(Buffer.from(none.finish()))
    const last = await cut({ ...batch, refused: [{ row: batch.rows - 1, ...refusal }] }, own)
    expect(last).toMatchObject({ rows: batch.rows - 1, bad: [{ index: batch.records - 1 }] })
  })

  test('are left to another encoding by other definitions, and where their number is not what it was', async () => {
    const batch = batchOf(forms['an array'] as Form, columns)
    expect(await cut(batch, { ...own, version: 'v2' }, { version: 'v1', bad: batch.bad.map(({ index }) => index) })).toBeUndefined()
    expect(await cut(batch, own, { version: 'v1', bad: [] })).toBeUndefined()
    const more = { version: 'v1', bad: [...batch.bad.map(({ index }) => index), batch.records] }
    expect(await cut(batch, own, more, batch.records + 1)).toBeUndefined()
  })
})

test('whose page holds something that is no record are left to another encoding', async () => {
  const own = ownAsset(shapes.text)
  const batch = batchOf(forms['lines'] as Form, shapes.text, (body) => body.replace('"id":30', '"id":3x'))
  expect(batch.records).toBe(59)
  expect(await cut(batch, own)).toBeUndefined()
})

test('can be told apart later only where each record is a row or in quarantine', () => {
  const own = ownAsset(shapes.text)
  const one: BadRecord = { index: 4, place: '', record: '', tagged: false, page: undefined, issues: [] }
  expect(oneByOneOf(own, [one], undefined)).toEqual({ version: 'v1', bad: [4] })
  expect(oneByOneOf(own, [{ ...one, format: { kind: 'jsonl' } }], undefined)).toBeUndefined()
  expect(oneByOneOf(own, [], { unknownFields: { a: 1 } })).toBeUndefined()
  expect(oneByOneOf(ownAsset(shapes.text, { transform: (record: unknown) => record }), [], undefined)).toBeUndefined()
  expect(oneByOneOf(ownAsset(shapes.text, { repairLine: () => undefined }), [], undefined)).toBeUndefined()
  expect(
    oneByOneOf(
      own,
      Array.from({ length: 1001 }, () => one),
      undefined,
    ),
  ).toBeUndefined()
})

import { createHash } from 'node:crypto'
import { open, readdir, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JsonObject } from '../../src/definitions/json.ts'
import type { RawPage } from '../../src/definitions/page.ts'
import { parseBlocks } from '../../src/sources/parse-blocks.ts'
import { parquet } from '../../src/sources/parquet.ts'
import type { ParquetOptions } from '../../src/sources/parquet.ts'
import { bytesOf } from '../support/page-body.ts'
import { describe, expect, startHttpServer, temporaryFolder, test } from '../support/test.ts'
import { collect, failureOf } from './failure.ts'
import { everyType, everyTypeRecords, parquetFile } from './parquet-file.ts'

async function pagesOf(options: ParquetOptions): Promise<RawPage[]> {
  return collect(parquet(options))
}

async function recordsOf(pages: readonly RawPage[]): Promise<Record<string, unknown>[]> {
  const records: unknown[] = []
  for (const page of pages) for await (const block of parseBlocks({ ...page, body: bytesOf(page.body) }, { name: 'the page' })) records.push(...block.records)
  return records as Record<string, unknown>[]
}

/** Serves bytes as object stores do: ranges, with an ETag. */
async function serve(file: () => { bytes: Buffer; etag?: string }, asked: string[] = []) {
  const server = await startHttpServer((request, response) => {
    const { bytes, etag = '"1"' } = file()
    const range = request.headers.range ?? ''
    asked.push(range)
    const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(range) ?? []
    const begin = from === '' ? Math.max(0, bytes.length - Number(to)) : Number(from)
    const end = from === '' || to === '' ? bytes.length : Math.min(Number(to) + 1, bytes.length)
    response.writeHead(206, { etag, 'content-range': `bytes ${String(begin)}-${String(end - 1)}/${String(bytes.length)}` }).end(bytes.subarray(begin, end))
  })
  return `${server.url}/data.parquet`
}

const numbers = Array.from({ length: 2500 }, (_, index) => index)
const words = numbers.map((number) => (number % 7 === 0 ? null : `word ${String(number % 40)}`))
const long = numbers.map((number) => createHash('sha512').update(String(number)).digest('hex'))
const numbered = () =>
  parquetFile({
    columnData: [
      { name: 'id', data: numbers, type: 'INT32' },
      { name: 'long', data: long, type: 'STRING' },
      { name: 'word', data: words, type: 'STRING' },
    ],
    rowGroupSize: 1000,
    pageSize: 2000,
  })

describe('parquet', () => {
  test('keeps every type exactly, and NULL', async () => {
    const path = join(await temporaryFolder(), 'all.parquet')
    await writeFile(path, everyType())
    const pages = await pagesOf({ path })
    expect(pages).toHaveLength(1)
    // As they lie in a batch: the format is JSON.
    const [first, second, third] = await recordsOf(pages.map((page) => ({ ...page, format: JSON.parse(JSON.stringify(page.format)) as RawPage['format'] })))
    expect(first).toEqual(everyTypeRecords[0])
    expect(new Set(Object.values(second ?? {}))).toEqual(new Set([null]))
    expect(third).toEqual(everyTypeRecords[2])
  })

  test('reads lists, maps and structs, with what is empty and what is NULL in them', async () => {
    const list = (name: string, children: number) => ({ name, repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: children }) as const
    const bytes = parquetFile({
      schema: [
        { name: 'root', num_children: 2 },
        list('tags', 1),
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        { name: 'element', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
        { name: 'place', repetition_type: 'OPTIONAL', num_children: 2 },
        { name: 'since', type: 'INT32', converted_type: 'DATE', repetition_type: 'OPTIONAL' },
        { name: 'price', type: 'INT32', converted_type: 'DECIMAL', scale: 2, precision: 9, repetition_type: 'OPTIONAL' },
      ],
      columnData: [
        { name: 'tags', data: [['a', null], [], null] },
        { name: 'place', data: [{ since: 0, price: 5n }, { since: null, price: null }, null] },
      ],
      statistics: false,
    })
    const path = join(await temporaryFolder(), 'nested.parquet')
    await writeFile(path, bytes)
    expect(await recordsOf(await pagesOf({ path }))).toEqual([
      { tags: ['a', null], place: { since: '1970-01-01', price: '0.05' } },
      { tags: [], place: { since: null, price: null } },
      { tags: null, place: null },
    ])
  })

  test.for([
    ['by their converted types', (element: JsonObject) => element],
    [
      'by their logical types alone',
      ({ converted_type: kind, ...element }: JsonObject) =>
        kind === 'LIST' || kind === 'MAP' ? { ...element, logical_type: { type: kind } } : kind === undefined ? element : { ...element, converted_type: kind },
    ],
    [
      'by the name that older writers give maps',
      (element: JsonObject) => (element['converted_type'] === 'MAP' ? { ...element, converted_type: 'MAP_KEY_VALUE' } : element),
    ],
  ] as const)('knows lists of structs, and maps, %s', async ([, written]) => {
    const date = { type: 'INT32', converted_type: 'DATE', repetition_type: 'OPTIONAL' } as const
    const bytes = parquetFile({
      schema: [
        { name: 'root', num_children: 2 },
        { name: 'spans', repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        { name: 'element', repetition_type: 'OPTIONAL', num_children: 2 },
        { name: 'begin', ...date },
        { name: 'end', ...date },
        { name: 'since', repetition_type: 'OPTIONAL', converted_type: 'MAP', num_children: 1 },
        { name: 'key_value', repetition_type: 'REPEATED', num_children: 2 },
        { name: 'key', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
        { name: 'value', ...date },
      ],
      columnData: [
        { name: 'spans', data: [[{ begin: 0, end: null }, null], null] },
        { name: 'since', data: [{ a: 1, b: null }, null] },
      ],
      statistics: false,
    })
    const path = join(await temporaryFolder(), 'nested.parquet')
    await writeFile(path, bytes)
    const pages = (await pagesOf({ path })).map((page): RawPage => {
      if (page.format.kind !== 'parquet') throw new Error('it is no Parquet')
      return { ...page, format: { ...page.format, schema: page.format.schema.map(written) } }
    })
    expect(await recordsOf(pages)).toEqual([
      { spans: [{ begin: '1970-01-01', end: null }, null], since: { a: '1970-01-02', b: null } },
      { spans: null, since: null },
    ])
  })

  test('of no rows has no pages, and a footer of an unlikely size is not read', async () => {
    const path = join(await temporaryFolder(), 'odd.parquet')
    await writeFile(path, parquetFile({ columnData: [{ name: 'id', data: [], type: 'INT32' }] }))
    expect(await pagesOf({ path })).toEqual([])
    const end = Buffer.from('\0\0\0\0PAR1')
    end.writeUInt32LE(65 * 2 ** 20)
    await writeFile(path, end)
    await truncate(path, 66 * 2 ** 20)
    const handle = await open(path, 'r+')
    await handle.write(end, 0, 8, 66 * 2 ** 20 - 8)
    await handle.close()
    expect(await failureOf(pagesOf({ path }))).toMatchObject({ code: 'PARQUET_DAMAGED', message: expect.stringContaining('has a footer of 68157440 bytes') })
  })

  test('columns that lie together are fetched together', async () => {
    const asked: string[] = []
    const url = await serve(() => ({ bytes: numbered() }), asked)
    await pagesOf({ url })
    // One for the end of the file, and one for each row group.
    expect(asked.length).toBeLessThanOrEqual(4)
  })

  test('fetches by ranges only the columns asked for, a page for each row group, and goes on after any of them', async () => {
    const bytes = numbered()
    const asked: string[] = []
    const url = await serve(() => ({ bytes }), asked)
    const pages = await pagesOf({ url, columns: ['id', 'word'] })
    expect(pages.map((page) => page.format)).toMatchObject([
      { rowGroup: 0, rows: 1000 },
      { rowGroup: 1, rows: 1000 },
      { rowGroup: 2, rows: 500 },
    ])
    expect(await recordsOf(pages)).toEqual(numbers.map((id, index) => ({ id, word: words[index] })))
    const fetched = pages.reduce((sum, page) => sum + bytesOf(page.body).length, 0)
    expect(fetched).toBeLessThan(bytes.length / 4)
    expect(asked[0]).toMatch(/^bytes=-\d+$/)
    const rest = await pagesOf({ url, columns: ['id', 'word'], position: pages[0]?.position })
    expect(rest.map((page) => bytesOf(page.body))).toEqual(pages.slice(1).map((page) => bytesOf(page.body)))
    expect(await pagesOf({ url, position: pages.at(-1)?.position })).toEqual([])
  })

  test('of a server that answers no ranges, the file is fetched once, and nothing of it stays', async () => {
    const bytes = numbered()
    let asked = 0
    const server = await startHttpServer((_, response) => {
      asked += 1
      response.end(bytes)
    })
    const before = (await readdir(tmpdir())).filter((name) => name.startsWith('millrace-'))
    expect(await recordsOf(await pagesOf({ url: server.url }))).toHaveLength(2500)
    expect(asked).toBe(1)
    expect((await readdir(tmpdir())).filter((name) => name.startsWith('millrace-') && !before.includes(name))).toEqual([])
    expect(await failureOf(pagesOf({ url: server.url, maxFileBytes: 100 }))).toMatchObject({ code: 'SOURCE_FILE_TOO_LARGE' })
  })

  test('of a server that has no range of an empty file, it says that there is nothing', async () => {
    const server = await startHttpServer((_, response) => response.writeHead(416, { 'content-range': 'bytes */0' }).end())
    expect(await failureOf(pagesOf({ url: server.url }))).toMatchObject({ code: 'PARQUET_TRUNCATED' })
  })

  test('that changes between two row groups, or before it is gone on with, is read afresh', async () => {
    let file = { bytes: numbered(), etag: '"1"' }
    const url = await serve(() => file)
    const pages = parquet({ url, columns: ['long'] })
    const { value } = await pages.next()
    file = { ...file, etag: '"2"' }
    const failure = await failureOf(collect(pages))
    expect(failure).toMatchObject({ code: 'SOURCE_CHANGED', retryable: true })
    expect(await failureOf(pagesOf({ url, position: value?.position }))).toMatchObject({ code: 'SOURCE_CHANGED' })
    expect(await failureOf(pagesOf({ url, position: 7 }))).toMatchObject({ code: 'SOURCE_POSITION' })
  })

  test.for([
    ['empty', () => Buffer.alloc(0), 'PARQUET_TRUNCATED', 'is cut off, or no Parquet'],
    ['cut off', () => numbered().subarray(0, 5000), 'PARQUET_TRUNCATED', 'is cut off, or no Parquet'],
    ['encrypted', () => Buffer.concat([numbered().subarray(0, -4), Buffer.from('PARE')]), 'PARQUET_ENCRYPTED', 'is encrypted'],
    ['damaged in its footer', () => damage(numbered(), -300), 'PARQUET_DAMAGED', 'has a footer that cannot be read'],
  ] as const)('%s, it says so', async ([, make, code, message]) => {
    const path = join(await temporaryFolder(), 'bad.parquet')
    await writeFile(path, make())
    expect(await failureOf(pagesOf({ path }))).toMatchObject({ code, message: expect.stringContaining(message), hint: expect.any(String) })
  })

  test('damaged in a column, it names the row group and the column', async () => {
    const path = join(await temporaryFolder(), 'damaged.parquet')
    await writeFile(path, numbered())
    const [, second] = await pagesOf({ path, columns: ['id', 'word'] })
    if (second === undefined) throw new Error('there is no second row group')
    const body = bytesOf(second.body)
    body.fill(0xff, body.length - 200, body.length - 20)
    const failure = await failureOf(recordsOf([{ ...second, body }]))
    expect(failure).toMatchObject({ code: 'PARQUET_DAMAGED', message: expect.stringContaining('Row group 1 (the page) cannot be read in the column "word": ') })
  })

  test('without a column that was asked for, or with too large a row group, it is refused', async () => {
    const path = join(await temporaryFolder(), 'numbers.parquet')
    await writeFile(path, numbered())
    expect(await failureOf(pagesOf({ path, columns: ['id', 'town'] }))).toMatchObject({
      code: 'PARQUET_COLUMN_MISSING',
      message: expect.stringContaining('lacks the column "town"; it has "id", "long", "word"'),
    })
    expect(await failureOf(pagesOf({ path, maxRowGroupBytes: 1000 }))).toMatchObject({ code: 'PARQUET_ROW_GROUP_TOO_LARGE' })
    expect(await failureOf(pagesOf({ path: `${path}.gone` }))).toMatchObject({ code: 'SOURCE_FILE_UNREADABLE', retryable: false })
  })
})

function damage(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy.fill(0xff, copy.length + at, copy.length + at + 200)
  return copy
}

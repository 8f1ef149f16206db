import type { JsonObject } from '../../src/definitions/json.ts'
import type { ParquetFormat } from '../../src/definitions/page.ts'
import { parseBlocks } from '../../src/sources/parse-blocks.ts'
import type { ParsedPage } from '../../src/sources/parse-page.ts'
import { describe, expect, test } from '../support/test.ts'
import { collect, failureOf } from './failure.ts'

/** A number of Thrift's compact protocol, as page headers are written in. */
function varint(number: number): number[] {
  const bytes: number[] = []
  let rest = number * 2
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return [...bytes, rest]
}

interface PageParts {
  /** Default: a data page. */
  readonly type?: 'index'
  /** Default: as they are. */
  readonly encoding?: 'dictionary'
  readonly count?: number
  /** What the header says of its sizes, where that is not so. */
  readonly packed?: number
  readonly plain?: number
}

/** A page of values that lie one after the other. */
function pageOf(values: Buffer, { type, encoding, count = 1, packed = values.length, plain = values.length }: PageParts = {}): Buffer {
  const sizes = [0x15, ...varint(type === 'index' ? 1 : 0), 0x15, ...varint(plain), 0x15, ...varint(packed)]
  const data =
    type === 'index' ? [] : [0x2c, 0x15, ...varint(count), 0x15, ...varint(encoding === 'dictionary' ? 8 : 0), 0x15, ...varint(3), 0x15, ...varint(3), 0]
  return Buffer.concat([Buffer.from([...sizes, ...data, 0]), values])
}

const rootOf = (children: number): JsonObject => ({ name: 'root', num_children: children })

function formatOf(schema: readonly JsonObject[], chunks: readonly [path: readonly string[], bytes: Buffer][], rows: number): ParquetFormat {
  return { kind: 'parquet', rowGroup: 3, rows, schema, chunks: chunks.map(([path, { length }]) => ({ path, codec: 'UNCOMPRESSED', bytes: length })) }
}

async function read(schema: readonly JsonObject[], chunks: readonly [path: readonly string[], bytes: Buffer][], rows: number): Promise<ParsedPage[]> {
  return collect(parseBlocks({ format: formatOf(schema, chunks, rows), body: Buffer.concat(chunks.map(([, bytes]) => bytes)) }, { name: 'the page' }))
}

/** What one required column `c` has. */
async function column(element: JsonObject, pages: readonly Buffer[], rows: number): Promise<unknown[]> {
  const schema = [rootOf(1), { name: 'c', repetition_type: 'REQUIRED', ...element }]
  const blocks = await read(schema, [[['c'], Buffer.concat(pages)]], rows)
  return blocks.flatMap(({ records }) => records as { c: unknown }[]).map(({ c }) => c)
}

const int32 = (...values: number[]): Buffer => Buffer.concat(values.map((value) => Buffer.from(Int32Array.of(value).buffer)))
const int64 = (...values: bigint[]): Buffer => Buffer.concat(values.map((value) => Buffer.from(BigInt64Array.of(value).buffer)))
const byteArray = (...values: (string | Buffer)[]): Buffer => Buffer.concat(values.flatMap((value) => [int32(Buffer.byteLength(value)), Buffer.from(value)]))

const timestamp = (unit: string, utc = true): JsonObject => ({ type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: utc, unit } })
const time = (type: string, unit: string): JsonObject => ({ type, logical_type: { type: 'TIME', isAdjustedToUTC: true, unit } })
const raw = Buffer.of(1, 2, 255)

describe('a column of Parquet', () => {
  test.for<readonly [what: string, element: JsonObject, bytes: Buffer, expected: readonly unknown[]]>([
    ['decimals by their logical type', { type: 'INT32', logical_type: { type: 'DECIMAL', precision: 9, scale: 2 } }, int32(-5, 1234), ['-0.05', '12.34']],
    ['decimals without digits after the point', { type: 'INT64', converted_type: 'DECIMAL', precision: 18, scale: 0 }, int64(-7n, 0n), ['-7', '0']],
    [
      'decimals as bytes, also of none',
      { type: 'BYTE_ARRAY', converted_type: 'DECIMAL', precision: 9, scale: 1 },
      byteArray(Buffer.of(0xff, 0x85), ''),
      ['-12.3', '0.0'],
    ],
    ['milliseconds', timestamp('MILLIS'), int64(-1n, 1_795_254_000_100n), ['1969-12-31T23:59:59.999Z', '2026-11-21T09:40:00.1Z']],
    ['microseconds of no zone', timestamp('MICROS', false), int64(1n, 1_000_000n), ['1970-01-01T00:00:00.000001', '1970-01-01T00:00:01']],
    ['milliseconds, as older writers say it', { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' }, int64(1n), ['1970-01-01T00:00:00.001Z']],
    ['microseconds, as older writers say it', { type: 'INT64', converted_type: 'TIMESTAMP_MICROS' }, int64(1n), ['1970-01-01T00:00:00.000001Z']],
    ['moments beyond the calendar', timestamp('MILLIS'), int64(9_000_000_000_000_000n), ['9000000000000000 · 10^-3 s since 1970']],
    ['int96', { type: 'INT96' }, Buffer.concat([int64(1_000_000_001n), int32(2_440_589)]), ['1970-01-02T00:00:01.000000001Z']],
    ['days, also beyond the calendar', { type: 'INT32', logical_type: { type: 'DATE' } }, int32(-1, 2 ** 31 - 1), ['1969-12-31', 'day 2147483647 since 1970']],
    ['times of milliseconds', time('INT32', 'MILLIS'), int32(3_661_500), ['01:01:01.5']],
    ['times of microseconds', time('INT64', 'MICROS'), int64(86_399_000_001n), ['23:59:59.000001']],
    ['times of nanoseconds', time('INT64', 'NANOS'), int64(7n), ['00:00:00.000000007']],
    ['times of milliseconds, as older writers say it', { type: 'INT32', converted_type: 'TIME_MILLIS' }, int32(7), ['00:00:00.007']],
    ['times of microseconds, as older writers say it', { type: 'INT64', converted_type: 'TIME_MICROS' }, int64(7n), ['00:00:00.000007']],
    ['intervals', { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 12, converted_type: 'INTERVAL' }, int32(1, 2, 3), ['P1M2DT0.003S']],
    ['JSON', { type: 'BYTE_ARRAY', logical_type: { type: 'JSON' } }, byteArray('{"a":[1]}'), [{ a: [1] }]],
    ['words of a list of words', { type: 'BYTE_ARRAY', logical_type: { type: 'ENUM' } }, byteArray('ä'), ['ä']],
    ['words of a list of words, as older writers say it', { type: 'BYTE_ARRAY', converted_type: 'ENUM' }, byteArray('ä'), ['ä']],
    ['BSON as bytes', { type: 'BYTE_ARRAY', converted_type: 'BSON' }, byteArray(raw), [Uint8Array.from(raw)]],
    ['geometries as bytes', { type: 'BYTE_ARRAY', logical_type: { type: 'GEOMETRY' } }, byteArray(raw), [Uint8Array.from(raw)]],
    ['unsigned numbers', { type: 'INT32', converted_type: 'UINT_32' }, int32(-1), [4_294_967_295]],
  ])('has %s exactly', async ([, element, bytes, expected]) => {
    const values = await column(element, [pageOf(bytes, { count: expected.length })], expected.length)
    expect(values.map((value) => (value instanceof Uint8Array ? Uint8Array.from(value) : value))).toEqual(expected)
  })

  test('of many pages, of which some have nothing and some are no data, is read to its end', async () => {
    const pages = [pageOf(int32(1, 2), { count: 2 }), pageOf(int32(), { count: 0 }), pageOf(int32(9, 9), { type: 'index' }), pageOf(int32(3))]
    expect(await column({ type: 'INT32' }, pages, 3)).toEqual([1, 2, 3])
  })

  test('is read past pages that are a header alone, whatever their encoding would begin with', async () => {
    const empty = pageOf(Buffer.alloc(0), { count: 0, encoding: 'dictionary' })
    expect(await column({ type: 'INT32' }, [empty, pageOf(int32(1)), empty, pageOf(int32(2))], 2)).toEqual([1, 2])
  })

  test('named __proto__ is a column like any other', async () => {
    const [block] = await read([rootOf(1), { name: '__proto__', type: 'INT32', repetition_type: 'REQUIRED' }], [[['__proto__'], pageOf(int32(7))]], 1)
    expect(Object.entries(block?.records[0] ?? {})).toEqual([['__proto__', 7]])
  })

  test('of more rows than a block has tells which row is which', async () => {
    const values = Array.from({ length: 1002 }, (_, index) => index)
    const blocks = await read(
      [rootOf(1), { name: 'c', type: 'INT32', repetition_type: 'REQUIRED' }],
      [[['c'], pageOf(int32(...values), { count: 1002 })]],
      1002,
    )
    expect(blocks.map(({ records }) => records.length)).toEqual([1000, 2])
    expect(blocks.map(({ locate }) => locate(1))).toEqual(['row 1 of row group 3', 'row 1001 of row group 3'])
  })

  test.for<readonly [what: string, element: JsonObject, pages: readonly Buffer[], message: string]>([
    ['that is longer than its chunk', { type: 'INT32' }, [pageOf(int32(1), { packed: 400 })], 'a page of 400 bytes where'],
    ['that says it is of an unlikely size', { type: 'INT32' }, [pageOf(int32(1), { plain: 2 ** 29 })], 'and at most 268435456 are taken'],
    ['with text that is no UTF-8', { type: 'BYTE_ARRAY', converted_type: 'UTF8' }, [pageOf(byteArray(raw))], 'not valid for encoding'],
    ['with fewer values than there are rows', { type: 'INT32' }, [pageOf(int32(1))], 'it has fewer values than the row group has rows'],
  ])('%s is damaged, and says so', async ([, element, pages, message]) => {
    expect(await failureOf(column(element, pages, 2))).toMatchObject({
      code: 'PARQUET_DAMAGED',
      message: expect.stringMatching(new RegExp(`^Row group 3 \\(the page\\) cannot be read in the column "c": .*${message}`)),
    })
  })

  test.for([
    ['longer than its chunk', { packed: 400 }, 'a page of 400 bytes where'],
    ['of an unlikely size', { plain: 2 ** 29 }, 'and at most'],
  ] as const)('within a struct, with a page %s, is damaged too', async ([, sizes, message]) => {
    const schema = [rootOf(1), { name: 's', repetition_type: 'REQUIRED', num_children: 1 }, { name: 'c', type: 'INT32', repetition_type: 'REQUIRED' }]
    expect(await failureOf(read(schema, [[['s', 'c'], pageOf(int32(1), sizes)]], 1))).toMatchObject({
      code: 'PARQUET_DAMAGED',
      message: expect.stringContaining(message),
    })
  })
})

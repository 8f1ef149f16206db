import { ByteWriter, parquetWrite } from 'hyparquet-writer'
import type { ParquetWriteOptions } from 'hyparquet-writer'

/** A file of Parquet as bytes. */
export function parquetFile(options: Omit<ParquetWriteOptions, 'writer'>): Buffer {
  const writer = new ByteWriter()
  void parquetWrite({ writer, ...options })
  return Buffer.from(writer.getBuffer())
}

const optional = { repetition_type: 'OPTIONAL' } as const
/** A file of three rows, one column for each type; the second row is NULL throughout. */
export function everyType(): Buffer {
  const columns = [
    { name: 'int32', type: 'INT32', data: [-5, null, 7] },
    { name: 'int64', type: 'INT64', data: [9007199254740993n, null, -9223372036854775808n] },
    { name: 'uint64', type: 'INT64', converted_type: 'UINT_64', data: [18446744073709551615n, null, 1n] },
    { name: 'float', type: 'FLOAT', data: [0.5, null, -2] },
    { name: 'double', type: 'DOUBLE', data: [0.1, null, 1e300] },
    { name: 'boolean', type: 'BOOLEAN', data: [true, null, false] },
    { name: 'text', type: 'BYTE_ARRAY', converted_type: 'UTF8', data: ['Grüße', null, ''] },
    { name: 'bytes', type: 'BYTE_ARRAY', data: [Uint8Array.of(0, 255), null, Uint8Array.of(1)] },
    { name: 'day', type: 'INT32', converted_type: 'DATE', data: [20_778, null, -1] },
    { name: 'millis', type: 'INT64', converted_type: 'TIMESTAMP_MILLIS', data: [1_795_254_000_123n, null, -1n] },
    { name: 'micros', type: 'INT64', converted_type: 'TIMESTAMP_MICROS', data: [1_795_254_000_123_456n, null, -1n] },
    {
      name: 'nanos',
      type: 'INT64',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'NANOS' },
      data: [1_795_254_000_123_456_789n, null, 1n],
    },
    { name: 'clock', type: 'INT64', logical_type: { type: 'TIME', isAdjustedToUTC: true, unit: 'MICROS' }, data: [36_000_000_001n, null, 86_399_000_000n] },
    { name: 'dec32', type: 'INT32', converted_type: 'DECIMAL', precision: 9, scale: 2, data: [-1n, null, 123_450n] },
    { name: 'dec64', type: 'INT64', converted_type: 'DECIMAL', precision: 18, scale: 4, data: [123_456_789_012_345_678n, null, -1n] },
    {
      name: 'dec128',
      type: 'FIXED_LEN_BYTE_ARRAY',
      type_length: 16,
      converted_type: 'DECIMAL',
      precision: 38,
      scale: 3,
      data: [-1n, null, 9_223_372_036_854_775_807_123n],
    },
    { name: 'json', type: 'BYTE_ARRAY', converted_type: 'JSON', data: [{ a: [1] }, null, { b: null }] },
    {
      name: 'uuid',
      type: 'FIXED_LEN_BYTE_ARRAY',
      type_length: 16,
      logical_type: { type: 'UUID' },
      data: ['00112233-4455-4677-8899-aabbccddeeff', null, '00112233-4455-4677-8899-aabbccddee00'],
    },
  ] as const
  return parquetFile({
    schema: [{ name: 'root', num_children: columns.length }, ...columns.map((column) => ({ ...column, ...optional, data: undefined }))],
    columnData: columns.map(({ name, data }) => ({ name, data: [...data] })),
    statistics: false,
  })
}

/** What `everyType` holds, as records. */
export const everyTypeRecords = [
  {
    int32: -5,
    int64: 9007199254740993n,
    uint64: 18446744073709551615n,
    float: 0.5,
    double: 0.1,
    boolean: true,
    text: 'Grüße',
    bytes: Uint8Array.of(0, 255),
    day: '2026-11-21',
    millis: '2026-11-21T09:40:00.123Z',
    micros: '2026-11-21T09:40:00.123456Z',
    nanos: '2026-11-21T09:40:00.123456789',
    clock: '10:00:00.000001',
    dec32: '-0.01',
    dec64: '12345678901234.5678',
    dec128: '-0.001',
    json: { a: [1] },
    uuid: '00112233-4455-4677-8899-aabbccddeeff',
  },
  null,
  {
    int32: 7,
    int64: -9223372036854775808n,
    uint64: 1n,
    float: -2,
    double: 1e300,
    boolean: false,
    text: '',
    bytes: Uint8Array.of(1),
    day: '1969-12-31',
    millis: '1969-12-31T23:59:59.999Z',
    micros: '1969-12-31T23:59:59.999999Z',
    nanos: '1970-01-01T00:00:00.000000001',
    clock: '23:59:59',
    dec32: '1234.50',
    dec64: '-0.0001',
    dec128: '9223372036854775807.123',
    json: { b: null },
    uuid: '00112233-4455-4677-8899-aabbccddee00',
  },
] as const

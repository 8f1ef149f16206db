import * as z from 'zod'
import { bytes, decimal, inet } from '../../src/definitions/column-types.ts'
import { table } from '../../src/definitions/table.ts'
import { jsonPages } from '../../src/sources/index.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, startHttpServer, test } from '../support/test.ts'

const Every = z.object({
  text: z.string(),
  uuid: z.uuid(),
  flag: z.boolean(),
  small: z.int32(),
  whole: z.int(),
  large: z.int64(),
  larger: z.bigint(),
  ratio: z.number(),
  maybe: z.string().nullable(),
  absent: z.int().optional(),
  either: z.boolean().nullish(),
  moment: z.iso.datetime(),
  instant: z.date(),
  day: z.iso.date(),
  clock: z.iso.time(),
  size: z.enum(['S', 'M', "L'"]),
  fixed: z.literal('only'),
  tags: z.array(z.string()),
  numbers: z.array(z.int32().nullable()).nullable(),
  amounts: z.array(decimal(8, 3)),
  object: z.object({ a: z.number(), b: z.array(z.string()) }),
  record: z.record(z.string(), z.number()),
  union: z.union([z.string(), z.number()]),
  objects: z.array(z.object({ x: z.number() })),
  json: z.json(),
  amount: decimal(38, 12),
  content: bytes(),
  address: inet(),
  folded: z.string().meta({ postgres: 'citext' }),
})

const served = {
  text: 'tab\tquote"\\backslash\nünïcode 😀',
  uuid: '0b5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4e',
  flag: true,
  small: -2147483648,
  whole: 9007199254740991,
  large: '9223372036854775807',
  larger: '-9223372036854775808',
  ratio: 5e-324,
  maybe: null,
  moment: '2024-02-29T23:59:59.999999Z',
  instant: '1969-07-20T20:17:40.123Z',
  day: '0001-01-01',
  clock: '23:59:59.999999',
  size: "L'",
  fixed: 'only',
  tags: ['a,b', '{"}', ''],
  numbers: [1, null, -1],
  amounts: ['0.001', 12345.5],
  object: { a: 1.5, b: ['x'] },
  record: { one: 1 },
  union: 7,
  objects: [{ x: 1 }, { x: 2 }],
  json: { deep: [null, { er: true }] },
  amount: '-98765432109876543210987654.123456789012',
  content: 'AP9c',
  address: '2001:db8::1/64',
  folded: 'MiXed',
}

const printed = {
  text: served.text,
  uuid: served.uuid,
  flag: 'true',
  small: '-2147483648',
  whole: '9007199254740991',
  large: '9223372036854775807',
  larger: '-9223372036854775808',
  ratio: '5e-324',
  maybe: null,
  absent: null,
  either: null,
  moment: '2024-02-29 23:59:59.999999+00',
  instant: '1969-07-20 20:17:40.123+00',
  day: '0001-01-01',
  clock: '23:59:59.999999',
  size: "L'",
  fixed: 'only',
  tags: '{"a,b","{\\"}",""}',
  numbers: '{1,NULL,-1}',
  amounts: '{0.001,12345.500}',
  object: '{"a": 1.5, "b": ["x"]}',
  record: '{"one": 1}',
  union: '7',
  objects: '[{"x": 1}, {"x": 2}]',
  json: '{"deep": [null, {"er": true}]}',
  amount: '-98765432109876543210987654.123456789012',
  content: '\\x00ff5c',
  address: '2001:db8::1/64',
  folded: 'MiXed',
}

const types = {
  text: 'text', uuid: 'uuid', flag: 'boolean', small: 'integer', whole: 'bigint', large: 'bigint', larger: 'bigint', ratio: 'double precision', maybe: 'text', absent: 'bigint',
  either: 'boolean', moment: 'timestamp with time zone', instant: 'timestamp with time zone', day: 'date', clock: 'time without time zone', size: 'text', fixed: 'text', tags: 'text[]',
  numbers: 'integer[]', amounts: 'numeric(8,3)[]', object: 'jsonb', record: 'jsonb', union: 'jsonb', objects: 'jsonb', json: 'jsonb', amount: 'numeric(38,12)', content: 'bytea',
  address: 'inet', folded: 'citext',
} // prettier-ignore

describeBackends('every column type', (backend) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await startEngine({ backend })
    await engine.query('CREATE EXTENSION citext')
    return engine.stop
  })
  const textOf = async (name: string): Promise<Record<string, unknown>[]> => {
    const columns = Object.keys(types).map((column) => `"${column}"::text`)
    return engine.query(`SELECT ${columns.join(', ')} FROM every."${name}"`)
  }

  test.for(['append', 'replace'] as const)('comes whole from JSON over HTTP into its column, by %s', async (disposition) => {
    const server = await startHttpServer((_, response) => response.end(JSON.stringify([served])))
    const asset = table({
      key: `every/${disposition}`,
      columns: Every,
      write: { disposition },
      extract: ({ signal }) => jsonPages({ url: server.url, signal }),
      transform: (record: typeof served) => ({
        ...record,
        size: "L'" as const,
        fixed: 'only' as const,
        large: BigInt(record.large),
        larger: BigInt(record.larger),
        instant: new Date(record.instant),
      }),
    })
    await engine.define([asset])
    await engine.succeed(`every/${disposition}`)
    expect(await textOf(disposition)).toEqual([printed])
    const rows = await engine.query<{ name: string; type: string }>(
      `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum`,
      [`every.${disposition}`],
    )
    expect(Object.fromEntries(rows.map((row) => [row.name, row.type]))).toEqual(types)
    expect(await engine.value(`SELECT count(*)::int FROM every.${disposition} WHERE folded = 'mixed'`)).toBe(1)
  })

  test('comes whole from an extractor that yields it as JavaScript has it', async () => {
    const row: z.input<typeof Every> = {
      ...served,
      size: "L'",
      fixed: 'only',
      large: 9223372036854775807n,
      larger: -9223372036854775808n,
      instant: new Date(served.instant),
      content: Buffer.from([0, 255, 92]),
    }
    await engine.define([table({ key: 'every/own', columns: Every, extract: () => [[row]] })])
    await engine.succeed('every/own')
    expect(await textOf('own')).toEqual([printed])
  })

  test('keeps sums of money exact', async () => {
    const Money = z.object({ amount: decimal(20, 4) })
    const amounts = Array.from({ length: 3000 }, (_, index) => ({ amount: `${String(index)}.${String((index * 7919) % 10_000).padStart(4, '0')}` }))
    await engine.define([table({ key: 'money/rows', columns: Money, extract: () => [amounts] })])
    await engine.succeed('money/rows')
    const expected = amounts.reduce((sum, one) => sum + BigInt(one.amount.replace('.', '')), 0n)
    expect(String(await engine.value('SELECT (sum(amount) * 10000)::numeric(40, 0)::text FROM money.rows'))).toBe(String(expected))
  })
})

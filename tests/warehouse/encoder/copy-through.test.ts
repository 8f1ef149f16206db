import * as z from 'zod'
import { bytes, decimal, inet } from '../../../src/definitions/column-types.ts'
import { columnsOf } from '../../../src/definitions/columns.ts'
import type { CopyColumn } from '../../../src/definitions/page.ts'
import { parsePage } from '../../../src/sources/parse-page.ts'
import { postgres } from '../../../src/sources/postgres.ts'
import { compileEncoder } from '../../../src/warehouse/encoder/compile-encoder.ts'
import { compileThrough } from '../../../src/warehouse/encoder/copy-through.ts'
import { collect } from '../../sources/failure.ts'
import { bytesOf } from '../../support/page-body.ts'
import { describe, expect, test } from '../../support/test.ts'

/** Of each schema: what Postgres' type is, values that go through as they are, and values that must be looked at by the parser. */
const columns: readonly (readonly [name: string, schema: z.ZodType, type: string, through: readonly string[], parsed: readonly string[]])[] = [
  ['string', z.string(), 'text', [`''`, `E'\\t😀\\\\'`], ['NULL']],
  ['nullable string', z.string().nullable(), 'text', [`'a'`, 'NULL'], []],
  ['optional string', z.string().optional(), 'text', [`'a'`], ['NULL']],
  ['int32', z.int32(), 'int', ['-2147483648', '2147483647'], ['NULL']],
  ['bigint', z.bigint(), 'bigint', ['-9223372036854775808', '9223372036854775807'], []],
  ['int64', z.int64().nullish(), 'bigint', ['0', 'NULL'], []],
  ['number', z.number(), 'float8', ['0.1', '-1e308', '5e-324', '0'], [`'NaN'`, `'Infinity'`, `'-Infinity'`]],
  ['boolean', z.boolean(), 'bool', ['true', 'false'], []],
  ['decimal', decimal(12, 4), 'numeric(12,4)', ['0', '-12345678.9999', '0.0001', '10000'], [`'NaN'`]],
  [
    'datetime',
    z.iso.datetime(),
    'timestamptz',
    [`'0001-01-02 00:00+00'`, `'2024-02-29 12:34:56.123456+00'`, `'9999-12-30 23:59:59.999999+00'`],
    [`'infinity'`, `'-infinity'`, `'0001-12-31 BC'`, `'10000-01-02'`],
  ],
  ['date', z.iso.date(), 'date', [`'0001-01-01'`, `'9999-12-31'`], [`'infinity'`, `'0001-12-31 BC'`, `'10000-01-01'`]],
  ['time', z.iso.time(), 'time', [`'00:00'`, `'23:59:59.999999'`], [`'24:00'`]],
  ['uuid', z.uuid(), 'uuid', [`'0b5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4e'`], [`'0b5f1ad3-7a2c-0c66-9a5c-0f3a1b2c3d4e'`, `'0b5f1ad3-7a2c-4c66-1a5c-0f3a1b2c3d4e'`]],
  ['uuid of version 4', z.uuidv4(), 'uuid', [`'0b5f1ad3-7a2c-4c66-9a5c-0f3a1b2c3d4e'`], [`'0b5f1ad3-7a2c-7c66-9a5c-0f3a1b2c3d4e'`]],
  ['guid', z.guid(), 'uuid', [`'0b5f1ad3-7a2c-0c66-1a5c-0f3a1b2c3d4e'`], []],
  ['bytes', bytes(), 'bytea', [`'\\x'`, `'\\x00ff'`], []],
  ['inet', inet(), 'inet', [`'10.0.0.1'`, `'10.0.0.1/8'`, `'::ffff:1.2.3.4'`, `'2001:db8::/32'`], []],
  ['strings', z.array(z.string()), 'text[]', [`'{}'`, `'{a,"b,c"}'`], [`'{NULL}'`, `'{{a},{b}}'`, `'[0:1]={a,b}'`]],
  ['nullable decimals', z.array(decimal(8, 3).nullable()), 'numeric(8,3)[]', [`'{1.5,NULL}'`], [`'{NaN}'`]],
  ['json', z.json().nullable(), 'jsonb', [`'{"a":[1,null]}'`, `'"null"'`, 'NULL'], [`'null'`, `to_jsonb(repeat('x', 3000))`]],
  ['varchar', z.string().meta({ postgres: 'varchar(5)' }), 'varchar(5)', [`'ab'`], []],
]

/** What only the parser and zod can decide. */
const never: readonly (readonly [name: string, schema: z.ZodType, type: string])[] = [
  ['a refinement', z.string().min(1), 'text'],
  ['an enum', z.enum(['a', 'b']), 'text'],
  ['a literal', z.literal('a'), 'text'],
  ['a format', z.email(), 'text'],
  [
    'a transform',
    z
      .string()
      .transform((text) => text.trim())
      .pipe(z.string()),
    'text',
  ],
  ['a default', z.string().nullable().default('a'), 'text'],
  ['coercion', z.coerce.string(), 'text'],
  ['an object', z.object({ a: z.number() }), 'jsonb'],
  ['a safe integer', z.int(), 'bigint'],
  ['a Date', z.date(), 'timestamptz'],
  ['a range', z.number().positive(), 'float8'],
  ['another type', z.int64(), 'int'],
  ['another size', decimal(12, 4), 'numeric(12,3)'],
  ['another length', z.string().meta({ postgres: 'varchar(5)' }), 'varchar(6)'],
  ['an array for a scalar', z.string(), 'text[]'],
  ['citext', z.string().meta({ postgres: 'citext' }), 'text'],
]

const through = (from: readonly CopyColumn[], schema: z.ZodObject) => compileThrough(columnsOf(schema), schema, from)

/** Rows of one column each, as tuples, and what that column is. */
async function tuplesOf(url: string, rows: readonly string[]): Promise<{ readonly from: readonly CopyColumn[]; readonly tuples: readonly Buffer[] }> {
  const [page] = await collect(postgres({ url, query: rows.map((sql) => `SELECT ${sql} AS value`).join(' UNION ALL ') }))
  if (page?.format.kind !== 'pgcopy') throw new Error('no page')
  const tuples: Buffer[] = []
  const all = bytesOf(page.body)
  for (let at = 0; at < all.length; at += tuples.at(-1)?.length ?? 1) tuples.push(all.subarray(at, at + 6 + Math.max(0, all.readInt32BE(at + 2))))
  return { from: page.format.columns, tuples }
}

describe('tuples of a source', () => {
  test.for(columns)('of %s go through where the parser would make the same of them', async ([, schema, type, passing, parsed], { database }) => {
    const table = z.object({ value: schema })
    const { from, tuples } = await tuplesOf(
      database.url,
      [...passing, ...parsed].map((sql) => `(${sql})::${type}`),
    )
    const count = through(from, table)
    expect(count).toBeDefined()
    expect(tuples.map((tuple) => count?.(tuple))).toEqual([...passing.map(() => 1), ...parsed.map(() => undefined)])
    expect(count?.(Buffer.concat(tuples.slice(0, passing.length)))).toBe(passing.length)
    const encoder = compileEncoder(columnsOf(table), table)
    for (const tuple of tuples.slice(0, passing.length)) {
      // The same bytes, so the same value: what goes through is what zod takes and the encoder writes.
      expect(encoder.encode(parsePage({ body: tuple, format: { kind: 'pgcopy', columns: from } }).records[0])).toBeNull()
      const encoded = Buffer.from(encoder.finish())
      if (type !== 'jsonb') expect(encoded.subarray(19, -2)).toEqual(tuple)
      encoder.addTuples(tuple, 1)
      expect(encoder.rows).toBe(1)
      expect(Buffer.from(encoder.finish())).toEqual(Buffer.concat([encoded.subarray(0, 19), tuple, encoded.subarray(-2)]))
    }
  })

  test('never go through where only the parser and zod can decide', async ({ database }) => {
    const query = `SELECT ${never.map(([, , type], index) => `NULL::${type} AS v${String(index)}`).join(', ')}`
    const [page] = await collect(postgres({ url: database.url, query }))
    if (page?.format.kind !== 'pgcopy') throw new Error('no page')
    const { columns: from } = page.format
    for (const [index, [name, schema]] of never.entries()) {
      const column = from[index]
      expect(column === undefined ? [] : through([column], z.object({ [column.name]: schema })), name).toBeUndefined()
    }
  })

  test('go through by name and order only, and not where the schema looks at whole rows', () => {
    const table = z.object({ a: z.int32(), b: z.string() })
    const [a, b] = [
      { name: 'a', type: 'integer', oid: 23 },
      { name: 'b', type: 'text', oid: 25 },
    ]
    expect(through([a, b], table)).toBeDefined()
    expect(through([b, a], table)).toBeUndefined()
    expect(through([a, b, { ...b, name: 'c' }], table)).toBeUndefined()
    expect(through([a, { ...b, name: 'B' }], table)).toBeUndefined()
    expect(through([a, { ...b, type: 'myschema.text', oid: 70_000 }], table)).toBeUndefined()
    expect(
      through(
        [a, b],
        table.refine(() => true),
      ),
    ).toBeUndefined()
    expect(through([a, b], table.strict())).toBeUndefined()
  })

  test('that are damaged do not go through', () => {
    const count = through([{ name: 'a', type: 'integer', oid: 23 }], z.object({ a: z.int32() }))
    const whole = Buffer.from([0, 1, 0, 0, 0, 4, 0, 0, 0, 7])
    expect(count?.(Buffer.concat([whole, whole]))).toBe(2)
    for (const damaged of [
      whole.subarray(0, 9),
      whole.subarray(0, 5),
      whole.subarray(0, 1),
      Buffer.from([0, 2]),
      Buffer.from([0, 1, 0, 0, 0, 2, 0, 0]),
      Buffer.from([0, 1, 0x7f, 0xff, 0xff, 0xff]),
    ]) {
      expect(count?.(Buffer.concat([whole, damaged]))).toBeUndefined()
    }
  })
})

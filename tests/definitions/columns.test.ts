import * as z from 'zod'
import { bytes, decimal, inet } from '../../src/definitions/column-types.ts'
import { columnNameOf, columnsOf } from '../../src/definitions/columns.ts'
import { DefinitionError } from '../../src/definitions/definition-error.ts'
import { fingerprintOf } from '../../src/definitions/fingerprint.ts'
import { postgresType } from '../../src/definitions/postgres-type.ts'
import { describe, expect, test } from '../support/test.ts'

function columnOf(schema: z.ZodType): string {
  const [column] = columnsOf(z.object({ value: schema }))
  if (column === undefined) throw new Error('no column')
  return `${column.type}${column.array ? '[]' : ''}${column.nullable ? '' : ' not null'}${column.allowed === undefined ? '' : ` in ${column.allowed.join(',')}`}`
}

const timestamptz = 'timestamp with time zone'

test.for<[string, z.ZodType, string]>([
  ['string', z.string(), 'text not null'],
  ['email', z.email(), 'text not null'],
  ['uuid', z.uuid(), 'uuid not null'],
  ['boolean', z.boolean(), 'boolean not null'],
  ['stringbool', z.stringbool(), 'boolean not null'],
  ['int32', z.int32(), 'integer not null'],
  ['int', z.int(), 'bigint not null'],
  ['number().int()', z.number().int().min(0), 'bigint not null'],
  ['uint32', z.uint32(), 'bigint not null'],
  ['bigint', z.bigint(), 'bigint not null'],
  ['int64', z.int64(), 'bigint not null'],
  ['number', z.number(), 'double precision not null'],
  ['iso.datetime', z.iso.datetime(), `${timestamptz} not null`],
  ['date', z.date(), `${timestamptz} not null`],
  ['coerce.date', z.coerce.date(), `${timestamptz} not null`],
  ['iso.date', z.iso.date(), 'date not null'],
  ['iso.time', z.iso.time(), 'time without time zone not null'],
  ['enum', z.enum(['a', 'b']), 'text not null in a,b'],
  ['literal', z.literal(['x', 'y']), 'text not null in x,y'],
  ['literal of a number', z.literal(1), 'bigint not null'],
  ['literal with null', z.literal(['x', null]), 'text in x'],
  ['array', z.array(z.string()), 'text[] not null'],
  ['nullable array of ints', z.array(z.int32()).nullable(), 'integer[]'],
  ['array of enum', z.array(z.enum(['a', 'b'])), 'text[] not null in a,b'],
  ['array of objects', z.array(z.object({ a: z.string() })), 'jsonb not null'],
  ['array of arrays', z.array(z.array(z.string())), 'jsonb not null'],
  ['object', z.object({}), 'jsonb not null'],
  ['record', z.record(z.string(), z.unknown()), 'jsonb not null'],
  ['union', z.union([z.string(), z.number()]), 'jsonb not null'],
  ['union with null', z.union([z.string(), z.null()]), 'text'],
  ['json', z.json(), 'jsonb not null'],
  ['unknown', z.unknown(), 'jsonb'],
  ['nullable', z.string().nullable(), 'text'],
  ['optional', z.string().optional(), 'text'],
  ['nullish', z.uuid().nullish(), 'uuid'],
  ['default', z.string().default('a'), 'text not null'],
  ['nullable with default', z.string().nullable().default('a'), 'text'],
  ['optional with default', z.string().optional().default('a'), 'text not null'],
  ['nonoptional', z.string().optional().nonoptional(), 'text not null'],
  ['pipe', z.string().transform(Number).pipe(z.int32()), 'integer not null'],
  ['decimal', decimal(12, 4), 'numeric(12,4) not null'],
  ['optional decimal with a description', decimal(12, 4).describe('net').optional(), 'numeric(12,4)'],
  ['bytes', bytes(), 'bytea not null'],
  ['inet', z.array(inet()), 'inet[] not null'],
  ['meta', z.string().meta({ postgres: 'citext' }), 'citext not null'],
  ['meta under nullable', z.string().meta({ postgres: 'varchar(20)' }).nullable(), 'character varying(20)'],
  ['meta on an array', z.array(z.number()).meta({ postgres: 'vector(3)' }), 'vector(3) not null'],
  ['meta with brackets', z.unknown().meta({ postgres: 'int4[]' }), 'integer[]'],
  ['meta on a transform', z.string().transform(Number).meta({ postgres: 'smallint' }), 'smallint not null'],
])('%s becomes its column', ([, schema, expected]) => {
  expect(columnOf(schema)).toBe(expected)
})

test.for<[string, string]>([
  ['nodeId', 'node_id'],
  ['HTTPServer', 'http_server'],
  ['lastSeenIP', 'last_seen_ip'],
  ['addr2Line', 'addr2_line'],
  ['already_snake', 'already_snake'],
  ['with-dash and space', 'with_dash_and_space'],
  ['_id', '_id'],
  ['größeInMm', 'größe_in_mm'],
])('the field %s is the column %s', ([field, column]) => {
  expect(columnNameOf(field)).toBe(column)
})

test('descriptions come from the outermost layer that has one', () => {
  const columns = columnsOf(
    z.object({ a: z.string().describe('inner').nullable(), b: z.string().describe('inner').optional().describe('outer'), c: z.string() }),
  )
  expect(columns.map((column) => column.description)).toEqual(['inner', 'outer', undefined])
})

describe('a definition that cannot be a table names the field', () => {
  test.for<[string, z.ZodObject, RegExp]>([
    ['two fields of one column', z.object({ nodeId: z.string(), node_id: z.string() }), /"nodeId" and "node_id" would both be the column node_id/],
    ['a name over 63 bytes', z.object({ ['ä'.repeat(32)]: z.string() }), /"ä{32}" .*63 bytes/],
    ['a system column', z.object({ xmin: z.string() }), /"xmin" .*every Postgres table has already/],
    ['a map', z.object({ tags: z.map(z.string(), z.string()) }), /"tags" is a map, which has no column type/],
    ['a transform without a type', z.object({ when: z.string().transform(Number) }), /"when" is a transform/],
    ['a type that is none', z.object({ x: z.string().meta({ postgres: 'text); DROP TABLE a; --' }) }), /"x" .*not the name of a Postgres type/],
    ['an empty name', z.object({ '': z.string() }), /leaves no name/],
    ['no fields', z.object({}), /at least one column/],
  ])('%s', ([, schema, message]) => {
    expect(() => columnsOf(schema)).toThrow(DefinitionError)
    expect(() => columnsOf(schema)).toThrow(message)
  })
  test('a decimal that cannot be', () => {
    expect(() => decimal(4, 5)).toThrow(/decimal\(4, 5\) cannot be/)
  })
})

test.for<[string, string]>([
  ['timestamptz', timestamptz],
  ['timestamp(3) with time zone', 'timestamp(3) with time zone'],
  ['timestamptz(3)', 'timestamp(3) with time zone'],
  ['numeric(12)', 'numeric(12,0)'],
  ['DECIMAL(12, 4)', 'numeric(12,4)'],
  ['double  precision', 'double precision'],
  ['char', 'character(1)'],
])('%s is %s to Postgres', async ([written, printed], { database }) => {
  expect(postgresType(written).type).toBe(printed)
  const { rows } = await database.pool.query<{ type: string }>(
    `SELECT format_type(t, m) AS type FROM (SELECT to_regtype($1)::oid AS t, to_regtypemod($1) AS m) AS given`,
    [written],
  )
  expect(rows[0]?.type).toBe(printed)
})

test('decimal refuses what it would have to round, and says why', () => {
  const money = decimal(6, 2)
  for (const fine of ['1.50', '1.5000', 1.5, '-9999.99', '0.1e1', 0]) expect(money.safeParse(fine).success, String(fine)).toBe(true)
  expect(money.safeParse('1.505').error?.issues[0]?.message).toContain('nothing is rounded')
  expect(money.safeParse(10_000).error?.issues[0]?.message).toContain('5 digits before the point')
  expect(money.safeParse(0.1 + 0.2).success).toBe(false)
  for (const wrong of ['', ' 1', 'NaN', Number.NaN, Infinity, '1,5', true, null, {}]) expect(money.safeParse(wrong).success).toBe(false)
})

test('the fingerprint changes with the columns, not with their descriptions', () => {
  const of = (schema: z.ZodObject, primaryKey: string[] = []): string =>
    fingerprintOf({ schema: 's', name: 't', columns: columnsOf(schema), primaryKey, indexes: [], disposition: 'append' })
  const one = of(z.object({ a: z.string() }))
  expect(one).toMatch(/^[0-9a-f]{16}$/)
  expect(of(z.object({ a: z.string().describe('said') }))).toBe(one)
  expect(of(z.object({ a: z.string().nullable() }))).not.toBe(one)
  expect(of(z.object({ b: z.string() }))).not.toBe(one)
  expect(of(z.object({ a: z.string() }), ['a'])).not.toBe(one)
})

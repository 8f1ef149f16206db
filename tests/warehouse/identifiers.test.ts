import * as z from 'zod'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { quoteTable } from '../../src/warehouse/identifier.ts'
import { expect, test } from '../support/test.ts'
import { drive, specOf } from './drive-load.ts'

const long = (bytes: number): string => 'x'.repeat(bytes)

/** What somebody calls a field, and what Postgres is to call the column. */
const fields: [string, string][] = [
  ['select', 'select'],
  ['user', 'user'],
  ['Order', 'order'],
  ['lastSeenIP', 'last_seen_ip'],
  ['größe', 'größe'],
  ['ÄÖÜ', 'äöü'],
  ['名前', '名前'],
  ['e\u0301', 'é'],
  ['a"b', 'a_b'],
  ["it's", 'it_s'],
  ['back\\slash', 'back_slash'],
  ['a\0b', 'a_b'],
  ['two words', 'two_words'],
  ['1st', '1st'],
  ['__proto', '__proto'],
  ['constructor', 'constructor'],
  ['$1', '_1'],
  ['smile😀', 'smile_'],
  ['half\ud800', 'half_'],
  [long(63), long(63)],
  ['ü'.repeat(31), 'ü'.repeat(31)],
]

test.for(fields)('the field %j is the column %j: as key, in an index, with allowed values and a comment', async ([field, column], { database: { pool } }) => {
  const definition = {
    key: `fields/f${String(fields.findIndex(([one]) => one === field))}`,
    columns: z.object({ [field]: z.enum(["it's", 'b\\"c', 'plain']).describe(`what's "${field}" \\ it`), other: z.int32() }),
    primaryKey: [field],
    indexes: [[field], [field, 'other']],
    write: { disposition: 'replace' as const },
  }
  const { table } = specOf(definition)
  const rows = [{ [field]: "it's", other: 1 }]
  expect((await drive(pool, definition, rows)).issues).toEqual([])
  const again = await drive(pool, definition, [...rows, { [field]: 'b\\"c', other: 2 }])
  expect(again).toMatchObject({ ddl: [], result: { how: 'swapped', rows: 2 } })
  expect((await drive(pool, { ...definition, write: { disposition: 'merge' } }, [{ [field]: 'plain', other: 3 }])).result).toMatchObject({ inserted: 1 })
  const { rows: stored } = await pool.query<Record<string, unknown>>(`SELECT * FROM ${quoteTable(table)} ORDER BY other`)
  expect(stored).toEqual([
    { [column]: "it's", other: 1 },
    { [column]: 'b\\"c', other: 2 },
    { [column]: 'plain', other: 3 },
  ])
})

const keys: [string, string, string][] = [
  ['select/from', 'select', 'from'],
  ['User/Group', 'user', 'group'],
  ['my-schema/my-table', 'my_schema', 'my_table'],
  ['a/b/c', 'a_b', 'c'],
  [`names/${long(63)}`, 'names', long(63)],
  [`${long(63)}/${long(62)}y`, long(63), `${long(62)}y`],
  ['_/_', '_', '_'],
]

test.for(keys)('the key %s is the table %s.%s, with indexes, a key, a check and partitions', async ([key, schema, name], { database: { pool } }) => {
  const definition = {
    key,
    columns: z.object({ id: z.int32(), at: z.iso.date(), [long(63)]: z.enum(['x']).nullable() }),
    primaryKey: ['id', 'at'],
    indexes: [[long(63)], [long(63), 'id']],
    grants: { select: ['public'] },
  }
  const row = { id: 1, at: '2026-01-31', [long(63)]: 'x' }
  await drive(pool, definition, [row])
  expect((await drive(pool, definition, [{ ...row, id: 2 }])).ddl).toEqual([])
  expect((await pool.query(`SELECT count(*)::int AS n FROM ${quoteTable({ schema, name })}`)).rows).toEqual([{ n: 2 }])
  await pool.query(`DROP TABLE ${quoteTable({ schema, name })}`)
  const divided = { ...definition, partitionBy: { field: 'at', every: 'day' as const } }
  await drive(pool, divided, [row])
  expect((await drive(pool, divided, [{ ...row, id: 2 }])).ddl).toEqual([])
  expect((await pool.query(`SELECT count(*)::int AS n FROM ${quoteTable({ schema, name })}`)).rows).toEqual([{ n: 2 }])
})

test('two tables of one schema whose names begin alike have indexes and partitions of their own', async ({ database: { pool } }) => {
  const columns = z.object({ id: z.int32(), at: z.iso.date() })
  for (const name of [`${long(62)}1`, `${long(62)}2`, 'a', 'a_id']) {
    const definition = { key: `alike/${name}`, columns, indexes: [['id'], ['at']], partitionBy: { field: 'at', every: 'day' as const } }
    await drive(pool, definition, [{ id: 1, at: '2026-01-31' }])
    expect((await drive(pool, definition, [{ id: 2, at: '2026-01-31' }])).ddl).toEqual([])
  }
})

test('a table may be called otherwise than its key says', () => {
  expect(specOf({ key: 'a/b', tableName: 'c.d', columns: z.object({ a: z.int() }) }).table).toMatchObject({ schema: 'c', name: 'd' })
  const view = sqlAsset({ key: 'a/v', tableName: 'c.v', select: 'SELECT 1', store: { kind: 'view' } })
  expect(manifestOf(defineLocation({ name: 'named', assets: [view] })).assets).toMatchObject([{ key: 'a/v', schema: 'c', name: 'v' }])
})

const twoOfOneTable = () => [
  sqlAsset({ key: 'a/b', select: 'SELECT 1', store: { kind: 'view' } }),
  sqlAsset({ key: 'a/c', tableName: 'a.b', select: 'SELECT 1', store: { kind: 'view' } }),
]

const refused: [string, () => unknown, RegExp][] = [
  ['a table of 64 bytes', () => specOf({ key: `a/${long(64)}`, columns: z.object({ a: z.int() }) }), /keeps only 63 bytes/],
  ['a schema of 64 bytes', () => specOf({ key: `${long(64)}/a`, columns: z.object({ a: z.int() }) }), /keeps only 63 bytes/],
  ['a column of 64 bytes', () => specOf({ key: 'a/a', columns: z.object({ [`${'ü'.repeat(31)}xy`]: z.int() }) }), /keeps only 63 bytes/],
  ['a key with a quote', () => specOf({ key: 'a/b"c', columns: z.object({ a: z.int() }) }), /each part starts with a letter/],
  ['a key with a NUL byte', () => specOf({ key: 'a/b\0', columns: z.object({ a: z.int() }) }), /each part starts with a letter/],
  ['a key in other letters', () => specOf({ key: 'größe/b', columns: z.object({ a: z.int() }) }), /each part starts with a letter/],
  ['a schema of Postgres', () => specOf({ key: 'pg_catalog/a', columns: z.object({ a: z.int() }) }), /belongs to Postgres or to Millrace itself/],
  ['a schema of ours', () => specOf({ key: 'Millrace/load/a', columns: z.object({ a: z.int() }) }), /belongs to Postgres or to Millrace itself/],
  [
    'a table name without a schema',
    () => specOf({ key: 'a/b', tableName: 'b', columns: z.object({ a: z.int() }) }),
    /`tableName` of a\/b is "b"\. Write it as/,
  ],
  ['a table name of 64 bytes', () => specOf({ key: 'a/b', tableName: `a.${long(64)}`, columns: z.object({ a: z.int() }) }), /keeps only 63 bytes/],
  ['a table name in a schema of ours', () => specOf({ key: 'a/b', tableName: 'millrace.b', columns: z.object({ a: z.int() }) }), /Choose another `tableName`/],
  ['a table of two', () => defineLocation({ name: 'twice', assets: twoOfOneTable() }), /The table a\.b is defined twice/],
  ['a column of Postgres', () => specOf({ key: 'a/a', columns: z.object({ xmin: z.int() }) }), /every Postgres table has already/],
  ['two fields of one name', () => specOf({ key: 'a/a', columns: z.object({ userId: z.int(), user_id: z.int() }) }), /would both be the column user_id/],
  ['two fields alike but for their form', () => specOf({ key: 'a/a', columns: z.object({ é: z.int(), ['e\u0301']: z.int() }) }), /would both be the column é/],
  ['an allowed value with a NUL byte', () => specOf({ key: 'a/a', columns: z.object({ a: z.enum(['x\0']) }) }), /a NUL byte or half a character/],
]

test.for(refused)('%s is refused when the definitions load', ([, define, message]) => {
  expect(define).toThrow(message)
})

test('a comment that Postgres cannot store as it is does not run again and again', async ({ database: { pool } }) => {
  const columns = z.object({ a: z.int().describe('nul \0 and half \ud800'), b: z.int().describe('') })
  const definition = { key: 'names/commented', columns, description: '' }
  await drive(pool, definition, [])
  expect((await drive(pool, definition, [])).ddl).toEqual([])
})

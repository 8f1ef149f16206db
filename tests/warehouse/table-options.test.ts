import { randomBytes } from 'node:crypto'
import type pg from 'pg'
import * as z from 'zod'
import type { WriteOptions } from '../../src/definitions/table.ts'
import type { TableSettings } from '../../src/definitions/table-options.ts'
import { expect, onTestFinished, test } from '../support/test.ts'
import { drive, specOf } from './drive-load.ts'

const Row = z.object({ id: z.int(), name: z.string().nullable() })
const rows = [
  { id: 1, name: 'a' },
  { id: 2, name: 'b' },
]

let names = 0
const newName = (): string => `t${String(++names)}`

const dispositions: WriteOptions[] = [
  { disposition: 'append' },
  { disposition: 'replace' },
  { disposition: 'merge' },
  { disposition: 'snapshot' },
  { disposition: 'scd2' },
]

async function factsOf(pool: pg.Pool, name: string) {
  const { rows: facts } = await pool.query<Record<string, unknown>>(
    `SELECT c.relpersistence AS kept, c.reloptions AS options, s.spcname AS tablespace, obj_description(c.oid, 'pg_class') AS comment, col_description(c.oid, 1) AS "column",
       (SELECT array_agg(pg_get_indexdef(indexrelid) ORDER BY pg_get_indexdef(indexrelid)) FROM pg_index WHERE indrelid = c.oid AND NOT indisprimary) AS indexes
     FROM pg_class c LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace WHERE c.oid = $1::regclass`,
    [`options.${name}`],
  )
  return facts[0]
}

async function newRole(pool: pg.Pool): Promise<string> {
  const role = `Bi "${randomBytes(4).toString('hex')}`
  await pool.query(`CREATE ROLE "${role.replaceAll('"', '""')}"`)
  onTestFinished(async () => {
    const quoted = `"${role.replaceAll('"', '""')}"`
    await pool.query(`DROP OWNED BY ${quoted}`)
    await pool.query(`DROP ROLE ${quoted}`)
  })
  return role
}

const mayRead = async (pool: pg.Pool, role: string, name: string): Promise<boolean> =>
  (
    await pool.query<{ may: boolean }>(`SELECT has_table_privilege($1, $2, 'SELECT') AND has_schema_privilege($1, 'granted', 'USAGE') AS may`, [
      role,
      `granted.${name}`,
    ])
  ).rows[0]?.may ?? false

const options: [string, TableSettings & { indexes?: (string | string[])[]; description?: string }][] = [
  ['unlogged', { unlogged: true }],
  ['a tablespace', { tablespace: 'pg_default' }],
  ['a fill factor', { fillfactor: 70 }],
  ['indexes', { indexes: ['name', ['name', 'id']] }],
  ['a comment', { description: 'what it is' }],
  ['everything', { unlogged: true, fillfactor: 50, indexes: ['name'], description: "it's \\ all", grants: { select: ['public'] } }],
]

for (const write of dispositions) {
  // Every option by itself where the tables are swapped, all of them at once by every disposition.
  test.for(options.filter(([what]) => write.disposition === 'replace' || what === 'everything'))(
    `a second load by ${write.disposition} into a table with %s changes nothing of it`,
    async ([, more], { database: { pool } }) => {
      const name = newName()
      const definition = { key: `options/${name}`, columns: Row, primaryKey: ['id'], write, ...more }
      expect((await drive(pool, definition, rows)).ddl).toEqual(expect.arrayContaining([expect.stringContaining('CREATE')]))
      const before = await factsOf(pool, name)
      expect((await drive(pool, definition, rows.slice(write.disposition === 'append' ? 2 : 0), '2026-01-02T00:00:00Z')).ddl).toEqual([])
      expect(await factsOf(pool, name)).toEqual(before)
      if (more.unlogged === true) expect(before).toMatchObject({ kept: 'u' })
      if (more.fillfactor !== undefined) expect(before).toMatchObject({ options: [`fillfactor=${String(more.fillfactor)}`] })
      if (more.indexes !== undefined) expect(before?.['indexes']).toHaveLength(more.indexes.length)
    },
  )
}

test('a table gets the options that its definition got, and keeps what was given by hand', async ({ database: { pool } }) => {
  const name = newName()
  const definition = { key: `options/${name}`, columns: Row, primaryKey: ['id'], write: { disposition: 'replace' as const } }
  await drive(pool, { ...definition, indexes: ['name'] }, rows)
  await pool.query(`CREATE INDEX by_hand ON options.${name} (name, id); ALTER TABLE options.${name} SET (autovacuum_enabled = off)`)
  const described = z.object({ id: z.int().describe('The number'), name: z.string().nullable() })
  const changed = { ...definition, columns: described, fillfactor: 80, indexes: [['id', 'name']], description: 'new' }
  const { ddl } = await drive(pool, changed, rows)
  expect(ddl).toEqual([
    expect.stringMatching(/^CREATE INDEX "t\d+_id_name_[0-9a-f]{8}_idx" ON .* \("id", "name"\)$/),
    `COMMENT ON TABLE "options"."${name}" IS 'new'`,
    expect.stringMatching(/^DROP INDEX "options"."t\d+_name_[0-9a-f]{8}_idx"$/),
    `COMMENT ON COLUMN "options"."${name}"."id" IS 'The number'`,
    `ALTER TABLE "options"."${name}" SET (fillfactor=80)`,
  ])
  expect((await drive(pool, changed, rows)).ddl).toEqual([])
  const facts = await factsOf(pool, name)
  expect(facts).toMatchObject({ comment: 'new', column: 'The number', options: ['autovacuum_enabled=off', 'fillfactor=80'] })
  expect(String(facts?.['indexes'])).toContain('by_hand')
  expect(facts?.['indexes']).toHaveLength(2)
})

test('rows of an unlogged table are replaced in place: staging, like the ledger, is logged', async ({ database: { pool } }) => {
  const name = newName()
  const definition = { key: `options/${name}`, columns: Row, write: { disposition: 'replace' as const } }
  expect((await drive(pool, { ...definition, unlogged: true }, rows)).result.how).toBe('in place: it is unlogged')
  const back = await drive(pool, { ...definition, unlogged: false }, rows.slice(1))
  expect(back.ddl).toEqual([`ALTER TABLE "options"."${name}" SET LOGGED`])
  expect(back.result.how).toBe('swapped')
  expect(await factsOf(pool, name)).toMatchObject({ kept: 'p' })
  expect((await pool.query(`SELECT id::int, name FROM options.${name}`)).rows).toEqual(rows.slice(1))
})

test.for(['append', 'replace'] as const)(
  'roles of the grants may read the table, by %s, until they are taken out',
  async (disposition, { database: { pool } }) => {
    const name = newName()
    const [bi, other, byHand] = [await newRole(pool), await newRole(pool), await newRole(pool)]
    const definition = { key: `granted/${name}`, columns: Row, write: { disposition } }
    const readers = async () => Promise.all([bi, other, byHand].map((role) => mayRead(pool, role, name)))
    await drive(pool, { ...definition, grants: { select: [bi] } }, rows)
    expect(await readers()).toEqual([true, false, false])
    await pool.query(`GRANT SELECT ON granted.${name} TO "${byHand.replaceAll('"', '""')}"; GRANT USAGE ON SCHEMA granted TO "${byHand.replaceAll('"', '""')}"`)
    expect((await drive(pool, { ...definition, grants: { select: [bi] } }, rows)).ddl).toEqual([])
    expect(await readers()).toEqual([true, false, true])
    const { ddl } = await drive(pool, { ...definition, grants: { select: [other] } }, rows)
    expect(ddl).toHaveLength(3)
    expect(await readers()).toEqual([false, true, true])
    expect((await drive(pool, definition, rows)).ddl).toEqual([expect.stringContaining('REVOKE SELECT')])
    expect(await readers()).toEqual([false, false, true])
    expect((await drive(pool, definition, rows)).ddl).toEqual([])
  },
)

test('a role or tablespace that is not there is an error that names it, and nothing is made', async ({ database: { pool } }) => {
  const name = newName()
  const definition = { key: `options/${name}`, columns: Row }
  await expect(drive(pool, { ...definition, grants: { select: ['nobody_here', 'public'] } }, rows)).rejects.toMatchObject({
    code: 'ROLE_UNKNOWN',
    message: `options.${name} is to be readable by nobody_here, which is no role of this server.`,
  })
  await expect(drive(pool, { ...definition, tablespace: 'nowhere' }, rows)).rejects.toMatchObject({ code: 'TABLESPACE_UNKNOWN' })
  expect((await pool.query(`SELECT to_regclass('options.${name}') AS found`)).rows).toEqual([{ found: null }])
})

test('a table gets a key that its rows allow, and keeps the one it has', async ({ database: { pool } }) => {
  const name = newName()
  const definition = { key: `options/${name}`, columns: Row }
  await drive(pool, definition, [...rows, { id: 2, name: 'again' }])
  await expect(drive(pool, { ...definition, primaryKey: ['id'] }, rows)).rejects.toMatchObject({
    code: 'SCHEMA_CHANGE_REFUSED',
    message: expect.stringContaining('It has no primary key, the definition says (id), and there are rows without it, or with the same one.'),
  })
  await pool.query(`DELETE FROM options.${name} WHERE name = 'again'`)
  const keyed = await drive(pool, { ...definition, primaryKey: ['id'] }, [{ id: 3, name: 'c' }])
  expect(keyed.ddl).toEqual([
    `CREATE UNIQUE INDEX "${name}_pkey" ON "options"."${name}" ("id")`,
    `ALTER TABLE "options"."${name}" ADD CONSTRAINT "${name}_pkey" PRIMARY KEY USING INDEX "${name}_pkey"`,
  ])
  expect((await drive(pool, { ...definition, primaryKey: ['id'] }, [])).ddl).toEqual([])
  await expect(drive(pool, { ...definition, primaryKey: ['name', 'id'] }, rows)).rejects.toMatchObject({
    code: 'SCHEMA_CHANGE_REFUSED',
    message: expect.stringContaining('Its primary key is (id) in the table and (name, id) in the definition.'),
  })
  await pool.query(`DELETE FROM options.${name}`)
  expect((await drive(pool, { ...definition, primaryKey: ['name', 'id'] }, rows)).ddl).toHaveLength(2)
  expect((await drive(pool, { ...definition, primaryKey: ['id', 'name'] }, [])).ddl).toEqual([])
})

test('what Postgres refuses is said with the statement, and not tried again', async ({ database: { pool } }) => {
  const name = newName()
  const columns = z.object({ id: z.int32() })
  await drive(pool, { key: `options/${name}`, columns }, [{ id: 1 }])
  await pool.query(`CREATE VIEW options.v_${name} AS SELECT id FROM options.${name}`)
  await expect(drive(pool, { key: `options/${name}`, columns: z.object({ id: z.int() }) }, [])).rejects.toMatchObject({
    code: 'SCHEMA_CHANGE_REFUSED',
    retryable: false,
    message: expect.stringMatching(/cannot alter type of a column used by a view.*It was: ALTER TABLE/s),
  })
})

test('settings of the table change nothing of the rows that fit it', () => {
  const definition = { key: 'options/same', columns: Row, quarantine: true as const }
  const { fingerprint } = specOf(definition)
  const same = specOf({
    ...definition,
    schemaContract: 'discard_row',
    unlogged: true,
    tablespace: 'x',
    fillfactor: 50,
    grants: { select: ['x'] },
    indexes: ['id'],
    description: 'x',
  })
  expect(same.fingerprint).toBe(fingerprint)
  expect(specOf({ ...definition, columns: Row.extend({ more: z.int().nullable() }) }).fingerprint).not.toBe(fingerprint)
  expect(specOf({ ...definition, columns: z.object({ id: z.int32(), name: z.string().nullable() }) }).fingerprint).not.toBe(fingerprint)
})

test.for<[string, TableSettings, RegExp]>([
  ['a fill factor of 5', { fillfactor: 5 }, /^`fillfactor` of the table options\/wrong must be a whole number from 10 to 100, not 5\.$/],
  ['a tablespace without a name', { tablespace: '' }, /tablespace/],
  ['a partition field that is not there', { partitionBy: { field: 'at', every: 'day' } }, /names "at", which its columns do not have/],
  ['a partition field that is no time', { partitionBy: { field: 'id', every: 'day' } }, /must be a date or a time that is never NULL; it is bigint/],
  ['discard_row without a quarantine', { schemaContract: { types: 'discard_row' } }, /has no `quarantine` for such records/],
  ['a role that cannot be', { grants: { select: ['a\0b'] } }, /which cannot be a role/],
])('%s is an error when the definitions load', ([, settings, message]) => {
  expect(() => specOf({ key: 'options/wrong', columns: Row, ...settings })).toThrow(message)
})

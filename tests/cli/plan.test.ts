import { createDatabase, expect, spawnMillrace, test } from '../support/test.ts'
import { createProject } from './project.ts'

const definitions = (columns: string): string => `import { defineLocation, sqlAsset, table } from 'millrace'
import * as z from 'zod'

const rows = table({
  key: 'planned/rows',
  columns: z.object({ id: z.int()${columns} }),
  primaryKey: ['id'],
  indexes: ['id'],
  write: { disposition: 'merge' },
  extract: () => { throw new Error('a plan extracts nothing') },
})
const other = table({ key: 'planned/other', columns: z.object({ id: z.int() }), extract: () => [] })
const view = sqlAsset({ key: 'planned/view', select: 'SELECT 1 AS one', store: { kind: 'view' }, deps: [rows] })

export default defineLocation({ name: 'planned', assets: [rows, other, view] })
`

async function plan(url: string, columns: string, args: readonly string[]) {
  const { folder, pipelines } = await createProject({ planned: definitions(columns) })
  const run = spawnMillrace(['materialize', '--plan', ...args], { DESTINATION_URL: url, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder })
  const { code } = await run.exited
  return { code, stdout: run.stdout(), stderr: run.stderr() }
}

test('a plan shows the DDL of new tables and of changed ones, refuses what cannot be, and changes nothing', async () => {
  // Not even migrated: a plan wants a destination, and nothing of ours in it.
  const { url, pool } = await createDatabase('template0')
  await using _ = { [Symbol.asyncDispose]: () => pool.end() }
  const fresh = await plan(url, '', ['*'])
  expect(fresh).toMatchObject({ code: 0, stderr: '' })
  expect(fresh.stdout).toContain(
    'planned/rows  →  planned.rows (new)\n  Rows: merges by key (id).\n    CREATE SCHEMA IF NOT EXISTS "planned";\n    CREATE TABLE "planned"."rows" (',
  )
  expect(fresh.stdout).toContain('ALTER TABLE "planned"."rows" ADD PRIMARY KEY ("id");')
  expect(fresh.stdout).toContain('CREATE VIEW "planned"."view" AS SELECT 1 AS one;')
  expect(fresh.stdout).toContain('Of 3 assets 3 would change their tables, and 0 would be refused. Nothing was changed.')
  const { rows: schemas } = await pool.query(`SELECT nspname FROM pg_namespace WHERE nspname IN ('planned', 'millrace', 'millrace_load', 'millrace_staging')`)
  expect(schemas).toEqual([])

  await pool.query(`CREATE SCHEMA planned; CREATE TABLE planned.rows (id bigint PRIMARY KEY, kept text); CREATE INDEX ON planned.rows (id)`)
  const same = await plan(url, '', ['planned/rows', '--exit-code'])
  expect(same.code).toBe(0)
  expect(same.stdout).toContain('planned/rows  →  planned.rows\n  Rows: merges by key (id).\n  Nothing of the table would change.\n')

  const changed = await plan(url, ', extra: z.string().nullable()', ['planned/rows', '--exit-code', '--json'])
  expect(changed.code).toBe(4)
  expect(JSON.parse(changed.stdout)).toMatchObject({
    assets: [{ asset: 'planned/rows', location: 'planned', exists: true, ddl: ['ALTER TABLE "planned"."rows"\n  ADD COLUMN "extra" text'], limits: [] }],
    changes: 1,
    refused: 0,
  })

  const refused = await plan(url, ', kept: z.int()', ['planned/rows', '--exit-code'])
  expect(refused.code).toBe(1)
  expect(refused.stdout).toContain('The column kept is text in the table and bigint in the definition')
  expect((await plan(url, '', ['planned/nothing'])).stderr).toContain(
    '✗ There is no asset planned/nothing (there are planned/rows, planned/other, planned/view). (UNKNOWN_ASSET)',
  )
  const { rows: columns } = await pool.query(`SELECT attname FROM pg_attribute WHERE attrelid = 'planned.rows'::regclass AND attnum > 0`)
  expect(columns).toEqual([{ attname: 'id' }, { attname: 'kept' }])
})

test('--exit-code without --plan is a wrong command line, and a destination that is away ends with 3', async () => {
  const wrong = spawnMillrace(['materialize', 'a/b', '--exit-code'], {})
  expect(await wrong.exited).toMatchObject({ code: 2 })
  const away = await plan('postgres://127.0.0.1:1/none', '', ['*'])
  expect(away.code).toBe(3)
})

test('options that go together are asked for by name', async () => {
  const run = spawnMillrace(['materialize', '*', '--exit-code'], {})
  expect((await run.exited).code).toBe(2)
  expect(run.stderr()).toBe('✗ --exit-code goes with --plan. (run with --help for what there is)\n')
})

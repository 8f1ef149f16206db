import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { pointAt } from '../../src/cli/sql/statement.ts'
import { readArray } from '../../src/cli/sql/array-literal.ts'
import { describe, expect, spawnMillrace, test } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'

async function sql(database: TestDatabase, ...args: string[]) {
  const run = spawnMillrace(['sql', ...args], { DATABASE_URL: database.url })
  const { code } = await run.exited
  return { code, stdout: run.stdout(), stderr: run.stderr() }
}

describe('millrace sql', () => {
  test('prints an aligned table, every value as Postgres prints it', async ({ database }) => {
    const { code, stdout } = await sql(
      database,
      `select 9007199254740993::bigint as big, 1.10::numeric(6,2) as price, '2026-11-21 10:00:00.123456+00'::timestamptz at time zone 'UTC' as at,
         null as nothing, '{"a": 1}'::jsonb as doc, array['a','b c'] as words, E'two\\nlines' as note`,
    )
    expect(code).toBe(0)
    expect(stdout).toBe(
      [
        '             big  price  at                          nothing  doc       words      note',
        '────────────────  ─────  ──────────────────────────  ───────  ────────  ─────────  ──────────',
        '9007199254740993   1.10  2026-11-21 10:00:00.123456  NULL     {"a": 1}  {a,"b c"}  two\\nlines',
        '(1 row)',
        '',
      ].join('\n'),
    )
  })

  test('prints JSON with arrays, numbers and documents as themselves', async ({ database }) => {
    const { stdout } = await sql(
      database,
      '--json',
      `select 9007199254740993::bigint as big, true as yes, null::int as nothing, '[1,{"x":"y"}]'::json as doc, array[array[1,null],array[3,4]] as nested,
         array['a "b"', 'NULL', null, 'c,d', ''] as words, 'NaN'::float8 as nan, date '2026-11-21' as day union all select 1, false, 2, 'null', '{}', '{}', 1.5, null`,
    )
    expect(stdout).toContain('"big":9007199254740993,')
    const common = { big: expect.any(Number) as number }
    expect(JSON.parse(stdout)).toEqual([
      {
        ...common,
        yes: true,
        nothing: null,
        doc: [1, { x: 'y' }],
        nested: [
          [1, null],
          [3, 4],
        ],
        words: ['a "b"', 'NULL', null, 'c,d', ''],
        nan: 'NaN',
        day: '2026-11-21',
      },
      { ...common, yes: false, nothing: 2, doc: null, nested: [], words: [], nan: 1.5, day: null },
    ])
    expect((await sql(database, '--json', 'select 1 where false')).stdout).toBe('[]\n')
  })

  test('prints CSV that keeps NULL and the empty text apart', async ({ database }) => {
    const { stdout } = await sql(database, '--csv', `values ('a,"b"', '', null::text), (E'x\\ny', 'z', '1')`)
    expect(stdout).toBe('column1,column2,column3\n"a,""b""","",\n"x\ny",z,1\n')
  })

  test('changes nothing without --write, and says so', async ({ database }) => {
    const refused = await sql(database, 'create table sql_refused (a int)')
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain('--write')
    expect((await sql(database, '--write', 'create table sql_written (a int)')).code).toBe(0)
    expect((await sql(database, '--write', 'insert into sql_written values (1), (2)')).stdout).toBe('INSERT 2\n')
    const inside = await sql(database, 'with gone as (delete from sql_written returning a) select * from gone')
    expect(inside.code).toBe(1)
    expect(inside.stderr).toContain('read-only transaction')
    expect((await sql(database, '--write', 'with gone as (delete from sql_written where a = 1 returning a) select * from gone')).stdout).toContain('(1 row)')
    expect((await database.pool.query('select a from sql_written')).rows).toEqual([{ a: 2 }])
  })

  test('refuses several statements, so that none can end the read-only transaction', async ({ database }) => {
    for (const several of ['select 1; drop schema millrace cascade', 'commit; drop schema millrace cascade']) {
      const refused = await sql(database, several)
      expect(refused.code).toBe(1)
      expect(refused.stderr).toContain('one statement at a time')
    }
    expect((await database.pool.query(`select to_regclass('millrace.run') as run`)).rows).toEqual([{ run: 'millrace.run' }])
  })

  test('points at the place of a mistake', async ({ database }) => {
    const { code, stderr } = await sql(database, 'select 1,\n       nowhere\nfrom pg_class')
    expect(code).toBe(1)
    expect(stderr).toContain('column "nowhere" does not exist\n  line 2:        nowhere\n                 ^')
    expect(pointAt('select 🐟, x', 11)).toBe('  select 🐟, x\n            ^')
  })

  test('reads a statement from standard input, comments and a semicolon included', async ({ database }) => {
    const bin = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url))
    const child = spawn(process.execPath, [bin, 'sql', '--csv', '-'], {
      env: { PATH: process.env['PATH'], DATABASE_URL: database.url },
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    child.stdin.end('-- how many\nselect count(*) as n from (values (1), (2)) v;\n')
    expect(await text(child.stdout)).toBe('n\n2\n')
  })

  test('stops at --limit and says that there is more', async ({ database }) => {
    expect((await sql(database, '--limit', '2', 'select generate_series(1, 2) as n')).stdout).toContain('(2 rows)')
    expect((await sql(database, '--limit', '2', 'select generate_series(1, 3) as n')).stdout).toMatch(/n\n─\n1\n2\n\(2 rows; there are more\)/)
  })

  test('streams: a reader that leaves ends it, however many rows are left', async ({ database }) => {
    const bin = fileURLToPath(new URL('../../bin/millrace.js', import.meta.url))
    const child = spawn(process.execPath, [bin, 'sql', '--csv', 'select generate_series(1, 2000000000) as n, repeat($$x$$, 1000)'], {
      env: { PATH: process.env['PATH'], DATABASE_URL: database.url },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const closed = once(child, 'close')
    await once(child.stdout, 'data')
    child.stdout.destroy()
    expect(await closed).toEqual([0, null])
  })

  test('runs on the catalogue with --catalog', async ({ database }) => {
    const run = spawnMillrace(['sql', '--catalog', '--csv', 'select count(*) from millrace.run'], {
      DATABASE_URL: database.url,
      DESTINATION_URL: 'postgres://nobody@127.0.0.1:1/none',
    })
    expect(await run.exited).toMatchObject({ code: 0 })
    expect(run.stdout()).toBe('count\n0\n')
  })

  test('says which database does not answer', async () => {
    const run = spawnMillrace(['sql', 'select 1'], { DATABASE_URL: 'postgres://me:secret@127.0.0.1:1/none' })
    expect(await run.exited).toMatchObject({ code: 3 })
    expect(run.stderr()).toContain('127.0.0.1:1/none does not answer')
    expect(run.stderr()).not.toContain('secret')
  })
})

test('an array with other bounds and another delimiter is read too', () => {
  expect(readArray('[0:1]={a,"b\\"c"}', ',', (one) => JSON.stringify(one))).toBe('["a","b\\"c"]')
  expect(readArray('{(1,2),(0,0);(3,4),(2,2)}', ';', (one) => JSON.stringify(one))).toBe('["(1,2),(0,0)","(3,4),(2,2)"]')
})

import type pg from 'pg'
import { customSql, fresh, inRange, notEmpty, notNull, references, rowCountBetween, schemaUnchanged, unique } from '../../src/definitions/check.ts'
import type { CheckOutcome } from '../../src/definitions/check-outcome.ts'
import type { TableCheckSpec } from '../../src/definitions/check-spec.ts'
import { runChecks } from '../../src/warehouse/checks/run-checks.ts'
import type { CheckRequest } from '../../src/warehouse/checks/run-checks.ts'
import { describe, expect, test } from '../support/test.ts'

const create = `CREATE SCHEMA c;
  CREATE TABLE c.people (id int PRIMARY KEY, exact numeric, narrow real, wide double precision, big bigint, name text, boss int, seen timestamptz, day date, plain timestamp, gone boolean);
  INSERT INTO c.people VALUES
    (1, 0.1, 0.1, 0.1, 9007199254740993, 'ann', NULL, now() - interval '90 minutes', current_date, (now() AT TIME ZONE 'UTC') - interval '90 minutes', false),
    (2, 0.10000000000000000001, 'NaN', 5e300, 2, NULL, 1, now() - interval '1 day', NULL, NULL, false),
    (3, NULL, NULL, NULL, NULL, 'ann', 7, NULL, NULL, NULL, true);
  CREATE TABLE c.empty (LIKE c.people);
  CREATE TABLE c.written (n int);
  CREATE FUNCTION c.write() RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO c.written VALUES (1) RETURNING n'`

/** Asks in a transaction of its own, which goes on after whatever was asked. */
async function inside<T>(pool: pg.Pool, use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    const answer = await use(client)
    await client.query(`INSERT INTO c.written VALUES (0)`)
    return answer
  } finally {
    await client.query('ROLLBACK')
    client.release()
  }
}

const ask = (pool: pg.Pool, checks: readonly TableCheckSpec[], more: Partial<CheckRequest> = {}): Promise<CheckOutcome[]> =>
  inside(pool, (client) => runChecks(client, { asset: 'c/people', relation: '"c"."people"', key: ['id'], checks, ...more }))

describe('checks asked of a table', () => {
  test.beforeAll(async ({ database }) => {
    await database.pool.query(create)
  })

  const hour = 3_600_000
  const people = { table: { schema: 'c', name: 'people' } }
  const toBoss = references('boss', 'c/people', 'id')
  const self = toBoss.kind === 'references' ? { ...toBoss, to: { ...toBoss.to, ...people } } : toBoss
  test.for<[check: TableCheckSpec, passed: boolean, message: RegExp | string, metadata: object]>([
    [notEmpty(), true, 'there are 3 rows.', { rows: 3 }],
    [rowCountBetween(3, 3), true, 'there are 3 rows.', { rows: 3, expected: { min: 3, max: 3 } }],
    [rowCountBetween(4, undefined), false, 'there are 3 rows, fewer than 4.', { rows: 3 }],
    [rowCountBetween(undefined, 2), false, 'there are 3 rows, more than 2.', { rows: 3 }],
    [notNull('id'), true, 'id: no NULL in 3 rows.', { nulls: {} }],
    [
      notNull(['name', 'boss']),
      false,
      'name is NULL in 1, boss is NULL in 1 of 3 rows.',
      {
        nulls: { name: 1, boss: 1 },
        examples: [
          { id: '1', name: 'ann', boss: null },
          { id: '2', name: null, boss: '1' },
        ],
      },
    ],
    [unique('id'), true, 'every id is there once.', { repeated: 0 }],
    [unique('boss'), true, 'every boss is there once.', {}],
    [unique('name'), false, 'name is there more than once, for one ["ann"] 2 times.', { repeated: 1, rows: 2, examples: [{ value: ['ann'], times: 2 }] }],
    // A decimal beyond a float's digits, the float's own 0.1, and a whole number that a float has not.
    [inRange('exact', undefined, 0.1), false, /out of its range \(at most 0.1\) in 1 of 3 rows/, { outOfRange: 1, examples: [{ id: '2' }] }],
    [inRange('exact', 0.1, '0.10000000000000000001'), true, /is in its range/, { found: { min: '0.1', max: '0.10000000000000000001' } }],
    [inRange('narrow', 0.1, 0.1), false, /in 1 of 3 rows/, { examples: [{ id: '2', narrow: 'NaN' }] }],
    [inRange('wide', 0.1, '1e400'), true, /is in its range/, {}],
    [inRange('narrow', '-1e400', undefined), false, /in 1 of 3 rows/, { examples: [{ narrow: 'NaN' }] }],
    [inRange('big', undefined, 9007199254740992n), false, /in 1 of 3 rows/, { examples: [{ big: '9007199254740993' }] }],
    [inRange('big', '1.5', undefined), true, /is in its range/, {}],
    [fresh('seen', { maxAgeMs: 2 * hour }), true, /^the newest seen, \d{4}-.*Z, is 90 min old\.$/, { expected: { maxAgeSeconds: 7200 } }],
    [fresh('seen', { maxAgeMs: hour }), false, /is 90 min old; it may be 60 min old\.$/, {}],
    [fresh('plain', { maxAgeMs: 2 * hour }), true, /is 90 min old/, {}],
    [fresh('plain', { maxAgeMs: hour }), false, /is 90 min old/, {}],
    [fresh('day', { maxAgeMs: 48 * hour }), true, /the newest day/, {}],
    [self, false, 'boss of 1 row is not there in c/people (id), for one ["7"].', { missing: 1, rows: 1, examples: [{ value: ['7'], times: 1 }] }],
    [customSql('none', 'SELECT * FROM {{table}} WHERE id > 5;'), true, 'its query finds no row.', { rows: 0 }],
    [
      customSql('some', 'SELECT id, name FROM {{table}} p WHERE p.boss IS NOT NULL -- of {{ table }}'),
      false,
      'its query finds 2 rows, for one {"id":2,"name":null}.',
      {
        rows: 2,
        examples: [
          { id: 2, name: null },
          { id: 3, name: 'ann' },
        ],
      },
    ],
    [
      customSql('names', 'SELECT id AS found, id AS at, name AS n FROM {{table}} WHERE id = 3'),
      false,
      'its query finds 1 row, for one {"n":"ann","at":3,"found":3}.',
      {},
    ],
    [customSql('with', 'WITH x AS (SELECT id FROM {{table}}) SELECT x.id FROM x JOIN {{table}} y USING (id) WHERE id = 3'), false, /finds 1 row/, {}],
    [customSql('writes', 'SELECT c.write() FROM {{table}}'), false, /Postgres refuses its query: .*read-only/, { error: { code: '25006' } }],
    [customSql('deletes', 'DELETE FROM {{table}} RETURNING *'), false, /Postgres refuses its query: .*"FROM", at line 1, column 8/, {}],
    [customSql('two', 'SELECT 1 FROM {{table}};\nDROP TABLE c.people'), false, /at or near ";", at line 1, column 24/, { error: { code: '42601' } }],
    [
      customSql('out', 'SELECT 1 FROM {{table}}) q) o; DROP TABLE c.people; SELECT 1 FROM (SELECT 1 FROM (SELECT 1'),
      false,
      /multiple commands/,
      { error: { code: '42601' } },
    ],
    [
      customSql('typo', 'SELECT *\nFROM {{table}} a, {{table}} b\nWHERE a.nmae = 1'),
      false,
      /column a.nmae does not exist, at line 3, column 7 of the query/,
      {},
    ],
    [customSql('zero', 'SELECT 1 / (id - 1) FROM {{table}}'), false, /division by zero/, { error: { code: '22012' } }],
    [customSql('slow', 'SELECT pg_sleep(20) FROM {{table}}', { timeoutMs: 30 }), false, 'it took longer than 0.03 s.', {}],
    [notNull('nobody'), false, /^there is no column nobody\. The columns are: id, exact, /, {}],
    [inRange('name', 0, 1), false, 'name is a column of type text; it must be a number.', {}],
  ])('$0.name: $1, $2', async ([check, passed, message, metadata], { database }) => {
    const [outcome, beside] = await ask(database.pool, [check, notNull('id', { name: 'beside' })])
    expect(outcome).toMatchObject({ name: check.name, passed, metadata })
    expect(outcome?.message).toEqual(typeof message === 'string' ? message : expect.stringMatching(message))
    expect(beside).toMatchObject({ passed: true })
  })

  test('have their say of no rows at all', async ({ database }) => {
    const checks = [notEmpty(), notNull('id'), unique('id'), inRange('big', 0, 1), fresh('seen', { maxAgeMs: hour }), rowCountBetween(0, 5)]
    const outcomes = await ask(database.pool, checks, { relation: '"c"."empty"' })
    expect(outcomes.map(({ name, passed }) => [name, passed])).toEqual([
      ['not_empty', false],
      ['not_null_id', true],
      ['unique_id', true],
      ['in_range_big', true],
      ['fresh_seen', false],
      ['row_count', true],
    ])
    expect(outcomes[4]?.message).toBe('there is no seen, so nothing is fresh.')
  })

  test('share one scan, and need none where the number of rows is known', async ({ database }) => {
    const scansOf = async (client: pg.PoolClient): Promise<number> => {
      const { rows } = await client.query<{ n: string }>(`SELECT seq_scan AS n FROM pg_stat_xact_user_tables WHERE relid = 'c.people'::regclass`)
      return Number(rows[0]?.n)
    }
    const scans = async (checks: readonly TableCheckSpec[], more: Partial<CheckRequest> = {}): Promise<number> =>
      inside(database.pool, async (client) => {
        await client.query(`SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_indexonlyscan = off`)
        const before = await scansOf(client)
        const outcomes = await runChecks(client, { asset: 'c/people', relation: '"c"."people"', checks, ...more })
        expect(outcomes.filter(({ passed }) => !passed)).toEqual([])
        return (await scansOf(client)) - before
      })
    const counted = [notEmpty(), rowCountBetween(1, 10)]
    const measured = [notNull(['id', 'gone']), inRange('big', 0, undefined), inRange('exact', 0, 1), fresh('seen', { maxAgeMs: 100 * hour })]
    expect(await scans([...counted, ...measured])).toBe(1)
    expect(await scans(counted)).toBe(1)
    expect(await scans(counted, { count: 3 })).toBe(0)
    expect(await scans([...counted, ...measured, unique('id')], { count: 3 })).toBe(2)
  })

  test('show nothing of columns that nobody may see, and ask nothing of rows that say another goes', async ({ database }) => {
    const checks = [notNull('name'), unique('name'), inRange('big', 0, 5), self, customSql('all', 'SELECT name, gone FROM {{table}}')]
    const outcomes = await ask(database.pool, checks, { hidden: ['name', 'big', 'boss', 'id'] })
    expect(outcomes.map(({ passed }) => passed)).toEqual([false, false, false, false, false])
    expect(JSON.stringify(outcomes)).not.toMatch(/ann|9007199254740993|"7"/)
    const [nulls, toBosses] = await ask(database.pool, [notNull('exact'), self], { ignored: 'gone' })
    expect([nulls?.passed, toBosses?.passed]).toEqual([true, true])
  })

  test('compare the columns with those of the load before', async ({ database }) => {
    const [first] = await ask(database.pool, [schemaUnchanged()])
    expect(first).toMatchObject({ passed: true, message: 'there are 11 columns, and none before to compare them with.' })
    const columns = first?.metadata?.['columns'] as { name: string; type: string }[]
    expect(columns).toContainEqual({ name: 'seen', type: 'timestamp with time zone' })
    const [same] = await ask(database.pool, [schemaUnchanged()], { schemas: { schema_unchanged: columns } })
    expect(same).toMatchObject({ passed: true, message: 'the 11 columns are as before.' })
    const before = [
      ...columns.filter(({ name }) => name !== 'gone').map((one) => (one.name === 'big' ? { ...one, type: 'integer' } : one)),
      { name: 'old', type: 'text' },
    ]
    const [other] = await ask(database.pool, [schemaUnchanged()], { schemas: { schema_unchanged: before } })
    expect(other).toMatchObject({
      passed: false,
      metadata: { added: ['gone boolean'], gone: ['old'], changed: ['big from integer to bigint'], expected: before },
    })
  })

  test('wait for what may pass by itself, and are no result then', async ({ database }) => {
    await database.pool.query(`CREATE FUNCTION c.deadlock() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'deadlock' USING ERRCODE = '40P01'; END $$`)
    await expect(ask(database.pool, [customSql('deadlock', 'SELECT c.deadlock() FROM {{table}}')])).rejects.toMatchObject({ code: '40P01' })
  })
})

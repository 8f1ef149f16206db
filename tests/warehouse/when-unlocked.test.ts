import { join } from 'node:path'
import pg from 'pg'
import { createEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts'
import { runDdl, whenUnlocked } from '../../src/warehouse/run-ddl.ts'
import { atFileEnd, expect, temporaryFolder, test, waitFor } from '../support/test.ts'

const items = { schema: 'public', name: 'items' }
const lock = 'LOCK TABLE items IN ACCESS EXCLUSIVE MODE'

/** Sessions of a database, ended with the file; the backends' ids come along. */
async function connect(url: string): Promise<{ client: pg.Client; pid: number }> {
  const client = new pg.Client(url)
  client.on('error', () => undefined)
  await client.connect()
  atFileEnd(() => client.end())
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return { client, pid: rows[0]?.pid ?? 0 }
}

test.concurrent('a table that is being vacuumed by the server itself is had: its vacuum gives way, or is ended where that is allowed', async () => {
  // Vacuums are looked for every second, and each takes hours: a page costs more than is allowed before each pause.
  const slowly = { autovacuum: 'on', autovacuum_naptime: '1s', autovacuum_vacuum_cost_limit: '1', autovacuum_vacuum_cost_delay: '100ms' }
  const server = await createEmbeddedPostgres({ folder: join(await temporaryFolder(), 'vacuuming'), durable: false, settings: slowly })
  atFileEnd(() => server.close())
  const { client: admin, pid: adminPid } = await connect(server.url)
  await admin.query(`CREATE ROLE plain LOGIN PASSWORD 'plain'`)
  const plainUrl = new URL(server.url)
  plainUrl.username = plainUrl.password = 'plain'
  const [{ client: plain, pid: plainPid }, { client: watcher }] = [await connect(plainUrl.href), await connect(server.url)]
  await admin.query(`CREATE TABLE items (id int, filling text) WITH (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0)`)
  await admin.query(`ALTER TABLE items OWNER TO plain`)
  await admin.query(`INSERT INTO items SELECT n, repeat('x', 1000) FROM generate_series(1, 7000) n; DELETE FROM items WHERE id % 2 = 0`)
  // What was deleted is else told ten seconds later.
  await admin.query(`SELECT pg_stat_force_next_flush()`)
  const holders = async () =>
    (
      await watcher.query<{ type: string; pid: number }>(
        `SELECT a.backend_type AS type, pid FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.relation = 'items'::regclass AND l.granted`,
      )
    ).rows
  const lockAs = async (client: pg.Client, pid: number): Promise<number> => {
    await waitFor(async () => (await holders()).some(({ type }) => type === 'autovacuum worker'), { what: 'the server to vacuum the table' })
    await client.query('BEGIN')
    let runs = 0
    const had = await whenUnlocked(client, items, async () => {
      runs += 1
      await client.query(lock)
    })
    expect(had).toBe(true)
    expect((await holders()).map((holder) => holder.pid)).toEqual([pid])
    expect((await client.query('SHOW lock_timeout')).rows).toEqual([{ lock_timeout: '0' }])
    await client.query('ROLLBACK')
    return runs
  }
  // It was in the way of all of the short tries.
  expect(await lockAs(plain, plainPid)).toBe(31)
  expect(await lockAs(admin, adminPid)).toBeLessThan(31)
})

test.concurrent('a table that a session keeps locked is not had: readers never wait long behind us, nothing is changed, and the error says what to do', async ({
  database: { url, pool },
}) => {
  await pool.query(`CREATE TABLE items (id int)`)
  const [{ client, pid }, { client: holder }] = [await connect(url), await connect(url)]
  await holder.query(`BEGIN; SELECT * FROM items`)
  // It lets go as soon as somebody has waited for longer than a reader behind us should.
  const watching = new AbortController()
  const letGo = waitFor(
    async () => {
      if (watching.signal.aborted) return true
      const { rowCount } = await pool.query(`SELECT FROM pg_locks WHERE pid = $1 AND NOT granted AND clock_timestamp() - waitstart > '300 ms'`, [pid])
      if (rowCount === 0) return false
      await holder.query('COMMIT')
      return true
    },
    { what: 'the tries to end' },
  )
  await client.query('BEGIN')
  const error: unknown = await runDdl(client, items, [`CREATE TABLE made ()`, `ALTER TABLE items ADD COLUMN more int`]).catch((thrown: unknown) => thrown)
  watching.abort()
  await letGo
  expect(error).toMatchObject({
    name: 'MillraceError',
    code: 'TARGET_LOCKED',
    retryable: true,
    message: 'public.items is to be changed, and others keep it locked.',
    hint: expect.stringContaining('pg_stat_activity'),
  })
  expect((await client.query(`SELECT to_regclass('made') AS made`)).rows).toEqual([{ made: null }])
  await holder.query('COMMIT')
  // The transaction is as good as before.
  await runDdl(client, items, [`ALTER TABLE items ADD COLUMN more int`])
  await client.query('COMMIT')
  expect((await pool.query(`SELECT * FROM items`)).fields.map(({ name }) => name)).toEqual(['id', 'more'])
})

test('what fails for another reason is not tried again', async ({ database: { url } }) => {
  const { client } = await connect(url)
  await client.query('BEGIN')
  let runs = 0
  const failing = whenUnlocked(client, items, async () => {
    runs += 1
    await client.query(`CREATE TABLE half (); SELECT 1 / 0`)
  })
  await expect(failing).rejects.toMatchObject({ code: '22012' })
  expect(runs).toBe(1)
  expect((await client.query(`SELECT to_regclass('half') AS half, current_setting('lock_timeout') AS timeout`)).rows).toEqual([{ half: null, timeout: '0' }])
  await client.query('ROLLBACK')
})

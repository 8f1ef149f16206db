import { afterEach, vi } from 'vitest'
import { runCommand } from '../../src/cli/main.ts'
import { describe, expect, freePort, temporaryFolder, test } from '../support/test.ts'
import { insertLocation, insertRun } from './catalog-rows.ts'

const ended = '11111111-0000-4000-8000-000000000001'

/** What a command that runs in this process says on standard error, and how it ends. */
async function call(env: Readonly<Record<string, string>>, args: readonly string[]) {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  const said: string[] = []
  const keep = (text: unknown): boolean => said.push(String(text)) > 0
  const streams = [vi.spyOn(process.stderr, 'write').mockImplementation(keep), vi.spyOn(process.stdout, 'write').mockImplementation(() => true)]
  try {
    await runCommand(['node', 'millrace', ...args])
    return { code: process.exitCode ?? 0, said: said.join('') }
  } finally {
    for (const stream of streams) stream.mockRestore()
    process.exitCode = undefined
  }
}

afterEach(() => void vi.unstubAllEnvs())

/** The commands of each exit code of docs/cli.md that need no worker. */
const calls: readonly (readonly [code: number, says: RegExp, ...args: string[]])[] = [
  [0, /^$/, 'runs', 'list'],
  [0, /^$/, 'runs', '--help'],
  [1, /has ended/, 'runs', 'cancel', ended],
  [1, /has not failed.*\n  → .*millrace runs retry 11111111 --all/, 'runs', 'retry', ended],
  [1, /column "nope" does not exist/, 'sql', 'select nope'],
  [2, /unknown command/, 'nosuch'],
  [2, /unknown option/, 'runs', 'list', '--nosuch'],
  [2, /missing required argument/, 'runs', 'show'],
  [2, /no whole number/, 'limits', 'set', 'many'],
  [2, /RUN_UNKNOWN/, 'runs', 'show', 'ffffffff'],
  [2, /RUN_UNKNOWN/, 'runs', 'cancel', 'ffffffff'],
  [2, /RUN_AMBIGUOUS/, 'runs', 'logs', '1111'],
  [2, /UNKNOWN_BACKFILL/, 'backfills', 'retry', 'ffffffff'],
  [2, /UNKNOWN_ASSET/, 'assets', 'show', 'no/such'],
  [2, /SELECTION_INVALID/, 'assets', 'list', 'shop/orders and'],
  [2, /UNKNOWN_SCHEDULE/, 'schedules', 'stop', 'nosuch'],
  [2, /UNKNOWN_SENSOR/, 'sensors', 'start', 'nosuch'],
  [2, /UNKNOWN_AUTOMATION/, 'automation', 'stop', 'nosuch'],
  [2, /NOT_AUTOMATED/, 'automation', 'show', 'shop/orders'],
  [2, /NO_PARTITIONS/, 'partitions', 'list', 'shop/orders'],
  [2, /LOCATION_UNKNOWN/, 'pause', 'nosuch'],
  ...['runs', 'assets', 'jobs', 'schedules', 'sensors', 'automation', 'backfills', 'notifications', 'quarantine'].map(
    (what) => [2, /LOCATION_UNKNOWN.*The locations are: shop/s, what, 'list', '--location', 'nope'] as const,
  ),
  [2, /LOCATION_UNKNOWN.*The locations are: shop/s, 'partitions', 'list', 'shop/orders', '--location', 'nope'],
  [2, /LOCATION_UNKNOWN/, 'partitions', 'add', 'shops', 'x', '--location', 'nope'],
  [2, /LOCATION_UNKNOWN/, 'limits', 'reset', '--location', 'nope'],
  [2, /LOCATION_UNKNOWN/, 'quarantine', 'discard', '--location', 'nope', '--yes'],
  [2, /LOCATION_UNKNOWN/, 'notifications', 'retry', '--all', '--location', 'nope'],
  [2, /POOL_UNKNOWN/, 'pools', 'set', 'nosuch', '2'],
  [2, /DESTINATION_UNKNOWN/, 'sql', '--destination', 'nosuch', 'select 1'],
  [2, /SQL_EMPTY/, 'sql', ''],
  [2, /exclude each other/, 'sql', '--json', '--csv', 'select 1'],
  [2, /NOTIFICATION_NOT_SAID/, 'notifications', 'retry'],
  [2, /NOTHING_NAMED/, 'quarantine', 'discard', '--yes'],
]

describe('the exit code says', () => {
  test.for(calls.map(([code, says, ...args]) => ({ code, says, args, line: args.join(' ') })))('$code of $line', async ({ code, says, args }, { database }) => {
    const { pool } = database
    const { rowCount } = await pool.query('SELECT FROM millrace.location')
    if (rowCount === 0) {
      await insertLocation(pool)
      for (const id of [ended, ended.replace(/1$/, '2')]) await insertRun(pool, id, 'succeeded')
    }
    const { code: exit, said } = await call({ DATABASE_URL: database.url }, args)
    expect(said).toMatch(says)
    expect(exit).toBe(code)
  })

  test('3 where no database answers, and 2 where a setting is wrong', async () => {
    const home = await temporaryFolder()
    expect(await call({ DATABASE_URL: `postgres://127.0.0.1:${String(await freePort())}/none` }, ['runs', 'list'])).toMatchObject({ code: 3 })
    // A command that does not ask first whether the database answers; so ends one whose database goes away in its midst.
    expect(await call({ DATABASE_URL: `postgres://127.0.0.1:${String(await freePort())}/none` }, ['explain', 'shop/orders'])).toMatchObject({
      code: 3,
      said: expect.stringMatching(/ does not answer: .*ECONNREFUSED.*\(DATABASE_UNAVAILABLE\)\n  → .*millrace doctor/) as unknown,
    })
    expect(await call({ DATABASE_URL: '', MILLRACE_HOME: home }, ['url'])).toMatchObject({ code: 3, said: expect.stringContaining('NOT_RUNNING') as unknown })
    expect(await call({ PORT: 'many' }, ['url'])).toMatchObject({ code: 2, said: expect.stringContaining('PORT') as unknown })
  })
})

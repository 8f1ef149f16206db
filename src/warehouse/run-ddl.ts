import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { TableName } from '../definitions/asset-key.ts'
import { DataError, MillraceError } from '../errors.ts'
import { quoteTable } from './identifier.ts'

// Readers that come while we wait queue up behind us: so we wait for less than they notice, let them pass, and try again, for some seconds in all.
const patienceMs = 30
const pauseMs = 100
const tries = 30
// A vacuum of the server's own gives way to whoever has waited for `deadlock_timeout`, a second by default, and to nobody before; then it takes a while to end.
const vacuumPatienceMs = 2000

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

/**
 * Runs something that locks a table against its readers, in the caller's transaction, trying again where others hold it.
 * False when they did not let go of it; nothing is changed then.
 */
export async function whenUnlocked(client: pg.ClientBase, table: TableName, run: () => Promise<void>): Promise<boolean> {
  for (let tried = 0; tried < tries; tried += 1) {
    if (tried > 0) await sleep(pauseMs)
    if (await runWithin(client, patienceMs, run)) return true
    if (tried === 0) await cancelVacuum(client, table)
  }
  return (await vacuumsOf(client, table)).length > 0 && runWithin(client, vacuumPatienceMs, run)
}

/** False when a lock was not had in time; nothing is changed then. */
async function runWithin(client: pg.ClientBase, milliseconds: number, run: () => Promise<void>): Promise<boolean> {
  await client.query('SAVEPOINT before_lock')
  try {
    await client.query(`SET LOCAL lock_timeout = '${String(milliseconds)}ms'`)
    await run()
    await client.query(`SET LOCAL lock_timeout = 0; RELEASE SAVEPOINT before_lock`)
    return true
  } catch (error) {
    // Rolling back takes the setting along.
    await client.query('ROLLBACK TO SAVEPOINT before_lock; RELEASE SAVEPOINT before_lock')
    if (codeOf(error) !== '55P03') throw error
    return false
  }
}

/** Processes of the server's own that vacuum or analyze a table. An ordinary role is not shown what kind they are: then those that report such work. */
async function vacuumsOf(client: pg.ClientBase, table: TableName): Promise<number[]> {
  const { rows } = await client.query<{ pid: number }>(
    `SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.relation = to_regclass($1) AND l.granted AND coalesce(a.backend_type = 'autovacuum worker',
       l.pid IN (SELECT pid FROM pg_stat_progress_vacuum UNION ALL SELECT pid FROM pg_stat_progress_analyze))`,
    [quoteTable(table)],
  )
  return rows.map(({ pid }) => pid)
}

/** Ends the server's own vacuum of a table where we may, as superusers and members of pg_signal_autovacuum_worker do: nobody has to wait behind us for it to give way. */
async function cancelVacuum(client: pg.ClientBase, table: TableName): Promise<void> {
  const pids = await vacuumsOf(client, table)
  if (pids.length === 0) return
  await client.query('SAVEPOINT before_cancel')
  try {
    // One against the wraparound of transaction ids is urgent.
    await client.query(`SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = ANY($1) AND query NOT LIKE '%to prevent wraparound%'`, [pids])
    await client.query('RELEASE SAVEPOINT before_cancel')
  } catch (error) {
    await client.query('ROLLBACK TO SAVEPOINT before_cancel; RELEASE SAVEPOINT before_cancel')
    if (codeOf(error) !== '42501') throw error
  }
}

/**
 * Runs statements that change a table, in the caller's transaction.
 * @throws DataError `SCHEMA_CHANGE_REFUSED` when Postgres refuses one; MillraceError `TARGET_LOCKED`, retryable, when readers keep the table locked
 */
export async function runDdl(client: pg.ClientBase, table: TableName, statements: readonly string[]): Promise<void> {
  for (const group of groupsOf(statements)) {
    const done = await whenUnlocked(client, table, async () => {
      for (const statement of group) await explained(table, statement, () => client.query(statement))
    })
    if (done) continue
    throw new MillraceError(`${table.schema}.${table.name} is to be changed, and others keep it locked.`, {
      code: 'TARGET_LOCKED',
      retryable: true,
      hint: 'A transaction that read the table is still open: look for it in pg_stat_activity. The step tries again.',
    })
  }
}

/** An index, which takes long, is not built again because another statement waits; the others are done together, as one subtransaction. */
function groupsOf(statements: readonly string[]): string[][] {
  const groups: string[][] = []
  let open: string[] | undefined
  for (const statement of statements) {
    if (/^CREATE (UNIQUE )?INDEX/.test(statement)) {
      open = undefined
      groups.push([statement])
    } else if (open === undefined) {
      open = [statement]
      groups.push(open)
    } else {
      open.push(statement)
    }
  }
  return groups
}

async function explained(table: TableName, statement: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await run()
  } catch (error) {
    // Names, types, privileges, values, constraints, what hangs on it: they stay wrong however often they are tried.
    if (!/^(42|22|23|0A|2B)/.test(codeOf(error))) throw error
    throw new DataError(
      `Postgres refuses to change ${table.schema}.${table.name}: ${error instanceof Error ? error.message : String(error)}. It was: ${statement}`,
      {
        code: 'SCHEMA_CHANGE_REFUSED',
        hint: 'Change the asset’s definition back, or alter the table by hand and run again.',
        cause: error,
      },
    )
  }
}

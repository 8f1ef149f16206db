import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { TableName } from '../definitions/asset-key.ts'
import type { TableSpec } from '../definitions/column-spec.ts'
import { DataError } from '../errors.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'
import { whenUnlocked } from './run-ddl.ts'
import { reasonsAgainstSwap, referencingKeys } from './swap-obstacles.ts'

export interface ReplaceRequest {
  readonly stepId: string
  readonly table: TableSpec
  readonly staging: TableName
  readonly signal: AbortSignal
  /** The target's indexes, where staging has them already. */
  readonly built?: readonly BuiltIndex[]
}

/** An index of staging that is to have another name once it is the target's. */
export interface BuiltIndex {
  readonly name: string
  readonly becomes: string
}

/** How long a swap waits for snapshots that are older than the load; then the rows are replaced in place. */
const snapshotWaitMs = 10_000
const snapshotPollMs = 50

/**
 * Makes the target hold what staging holds, inside the caller's transaction: by swapping the tables, or in place where a swap would
 * lose something or show half. Answers how, and why.
 * @throws DataError `REPLACE_REFUSED` where a foreign key of another table would cascade or needs a primary key
 */
export async function replaceTarget(client: pg.ClientBase, request: ReplaceRequest): Promise<string> {
  const keys = await referencingKeys(client, request.table)
  if (keys.length > 0) {
    await replaceByKey(client, request, keys)
    return `in place by key: ${keys.map((one) => one.name).join(', ')} points at the table`
  }
  const reasons = await reasonsAgainstSwap(client, request.table, request.staging)
  if (reasons.length > 0) {
    await replaceInPlace(client, request)
    return `in place: ${reasons.join(', ')}`
  }
  if (!(await waitForOldSnapshots(client, request))) {
    await replaceInPlace(client, request)
    return 'in place: a transaction older than the load is still open'
  }
  return (await swap(client, request)) ? 'swapped' : inPlaceAfterLock(client, request)
}

async function inPlaceAfterLock(client: pg.ClientBase, request: ReplaceRequest): Promise<string> {
  await replaceInPlace(client, request)
  return 'in place: readers kept the table locked'
}

async function replaceInPlace(client: pg.ClientBase, { table, staging }: ReplaceRequest): Promise<void> {
  const names = table.columns.map((column) => quoteIdentifier(column.name)).join(', ')
  await client.query(`DELETE FROM ${quoteTable(table)}`)
  await client.query(`INSERT INTO ${quoteTable(table)} (${names}) SELECT ${names} FROM ${quoteTable(staging)}`)
  await client.query(`DROP TABLE ${quoteTable(staging)}`)
}

/** Where other tables point here: rows are written by key, and only keys that vanished are deleted. */
async function replaceByKey(client: pg.ClientBase, { table, staging }: ReplaceRequest, keys: readonly { name: string; cascades: boolean }[]): Promise<void> {
  const cascading = keys.filter((one) => one.cascades)
  if (table.primaryKey.length === 0 || cascading.length > 0) {
    const why =
      cascading.length > 0 ? `deleting from it would cascade through ${cascading.map((one) => one.name).join(', ')}` : 'it has no primary key to write by'
    throw new DataError(`${table.schema}.${table.name} cannot be replaced: other tables point at it, and ${why}.`, {
      code: 'REPLACE_REFUSED',
      hint: 'Give the asset a primary key, or change the foreign key to ON DELETE RESTRICT, or write it by append.',
    })
  }
  const key = table.primaryKey.map(quoteIdentifier)
  const names = table.columns.map((column) => quoteIdentifier(column.name))
  const others = names.filter((name) => !key.includes(name))
  const update = others.length === 0 ? 'NOTHING' : `UPDATE SET ${others.map((name) => `${name} = excluded.${name}`).join(', ')}`
  await client.query(
    `INSERT INTO ${quoteTable(table)} (${names.join(', ')}) SELECT ${names.join(', ')} FROM ${quoteTable(staging)} ON CONFLICT (${key.join(', ')}) DO ${update}`,
  )
  await client.query(
    `DELETE FROM ${quoteTable(table)} t WHERE NOT EXISTS (SELECT FROM ${quoteTable(staging)} s WHERE ${key.map((name) => `s.${name} = t.${name}`).join(' AND ')})`,
  )
  await client.query(`DROP TABLE ${quoteTable(staging)}`)
}

/**
 * A swap is seen by old snapshots: a REPEATABLE READ reader from before the last batch's commit would find a part of the rows. So it
 * happens only when every snapshot's oldest running transaction is younger than the last batch's, which the ledger's rows carry.
 */
async function waitForOldSnapshots(client: pg.ClientBase, { stepId, signal }: ReplaceRequest): Promise<boolean> {
  const deadline = performance.now() + snapshotWaitMs
  for (;;) {
    // The statistics views keep a copy per transaction; without this the first answer would stand for ever.
    await client.query('SELECT pg_stat_clear_snapshot()')
    const { rows } = await client.query<{ older: boolean }>(
      `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND backend_xmin IS NOT NULL
         AND datname = current_database()
         -- Who waits for the lock on the target that this transaction holds is a writer of ours that has read nothing yet; waiting for it would be for ever.
         AND pid NOT IN (SELECT w.pid FROM pg_locks w JOIN pg_locks h USING (locktype, database, classid, objid, objsubid)
           WHERE w.locktype = 'advisory' AND NOT w.granted AND h.granted AND h.pid = pg_backend_pid())
         AND age(backend_xmin) >= (SELECT min(age(b.xmin)) FROM millrace_load.batch b WHERE b.step_id = $1)) AS older`,
      [stepId],
    )
    if (rows[0]?.older === false) return true
    if (performance.now() > deadline) return false
    await sleep(snapshotPollMs, undefined, { signal })
  }
}

/** Puts staging in the target's place. False when readers did not let go of the table in time; nothing is changed then. */
async function swap(client: pg.ClientBase, request: ReplaceRequest): Promise<boolean> {
  const { table, staging } = request
  const target = quoteTable(table)
  const built = request.built ?? (await buildIndexes(client, request))
  await copyFacts(client, request)
  // A tenth of the usual sample, so that readers get plans at once and the swap need not wait; the whole follows, see `analyzeSwapped`.
  await client.query(`SET LOCAL default_statistics_target = 10`)
  await client.query(`ANALYZE ${quoteTable(staging)}`)
  await client.query(`SET LOCAL default_statistics_target TO DEFAULT`)
  return whenUnlocked(client, table, async () => {
    await client.query(`LOCK TABLE ${target} IN ACCESS EXCLUSIVE MODE`)
    await client.query(`DROP TABLE ${target}`)
    await client.query(`ALTER TABLE ${quoteTable(staging)} SET SCHEMA ${quoteIdentifier(table.schema)}`)
    await client.query(`ALTER TABLE ${quoteTable({ schema: table.schema, name: staging.name })} RENAME TO ${quoteIdentifier(table.name)}`)
    for (const { name, becomes } of built) await client.query(`ALTER INDEX ${quoteTable({ schema: table.schema, name })} RENAME TO ${quoteIdentifier(becomes)}`)
  })
}

/** Makes the statistics that a table was swapped in without, but for a few: seconds of a large table, which its readers need not wait for. */
export async function analyzeSwapped(client: pg.ClientBase, table: TableName): Promise<void> {
  // Where somebody locks the table, or analyzes it, it is not urgent: the server's own vacuum comes along.
  const { rows } = await client.query<{ there: boolean }>(`SELECT to_regclass($1) IS NOT NULL AS there`, [quoteTable(table)])
  if (rows[0]?.there === true) await client.query(`ANALYZE (SKIP_LOCKED) ${quoteTable(table)}`)
}

/**
 * Gives staging the target's indexes and keys. Answers those to rename after the swap.
 * @throws what Postgres says, 23505, where a unique one refuses the rows
 */
export async function buildIndexes(client: pg.ClientBase, { table, staging }: ReplaceRequest): Promise<readonly BuiltIndex[]> {
  const built: BuiltIndex[] = []
  const { rows: indexes } = await client.query<{ name: string; definition: string; constraint: string | null; key: string | null; prefix: string }>(
    `SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS definition, k.conname AS constraint, k.contype::text AS key,
        'CREATE ' || CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END || 'INDEX ' || quote_ident(c.relname) || ' ON ' || quote_ident(n.nspname) || '.' || quote_ident(t.relname) AS prefix
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
       LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid
     WHERE i.indrelid = $1::regclass ORDER BY c.relname`,
    [quoteTable(table)],
  )
  for (const [number, index] of indexes.entries()) {
    const temporary = `${staging.name}_${String(number)}`
    const rest = index.definition.slice(index.prefix.length)
    const unique = index.prefix.startsWith('CREATE UNIQUE') ? 'UNIQUE ' : ''
    await client.query(`CREATE ${unique}INDEX ${quoteIdentifier(temporary)} ON ${quoteTable(staging)}${rest}`)
    if (index.constraint !== null) {
      // Adopting the index renames it to the constraint's name, so no rename is due after the swap.
      const kind = index.key === 'p' ? 'PRIMARY KEY' : 'UNIQUE'
      await client.query(
        `ALTER TABLE ${quoteTable(staging)} ADD CONSTRAINT ${quoteIdentifier(index.constraint)} ${kind} USING INDEX ${quoteIdentifier(temporary)}`,
      )
    } else {
      built.push({ name: temporary, becomes: index.name })
    }
  }
  return built
}

/** Gives staging what else the target has besides rows: grants, owner, comments, storage options, tablespace. */
async function copyFacts(client: pg.ClientBase, { table, staging }: ReplaceRequest): Promise<void> {
  const { rows: facts } = await client.query<{ statement: string }>(
    `SELECT format('GRANT %s ON %s TO %s%s', a.privilege_type, $2::text, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
        CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS statement
     FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = $1::text::regclass AND a.grantee <> c.relowner
     UNION ALL SELECT format('COMMENT ON TABLE %s IS %L', $2::text, obj_description($1::text::regclass, 'pg_class')) WHERE obj_description($1::text::regclass, 'pg_class') IS NOT NULL
     UNION ALL SELECT format('COMMENT ON COLUMN %s.%I IS %L', $2::text, a.attname, col_description(a.attrelid, a.attnum))
       FROM pg_attribute a WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped AND col_description(a.attrelid, a.attnum) IS NOT NULL
     UNION ALL SELECT format('ALTER TABLE %s SET (%s)', $2::text, array_to_string(c.reloptions, ', ')) FROM pg_class c WHERE c.oid = $1::text::regclass AND c.reloptions IS NOT NULL
     UNION ALL SELECT format('ALTER TABLE %s SET TABLESPACE %I', $2::text, s.spcname) FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace WHERE c.oid = $1::text::regclass
     UNION ALL SELECT format('ALTER TABLE %s OWNER TO %I', $2::text, pg_get_userbyid(c.relowner)) FROM pg_class c WHERE c.oid = $1::text::regclass AND c.relowner <> current_user::regrole`,
    [quoteTable(table), quoteTable(staging)],
  )
  for (const { statement } of facts) await client.query(statement)
}

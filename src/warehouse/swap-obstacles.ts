import type pg from 'pg'
import type { TableName } from '../definitions/asset-key.ts'
import type { TableSpec } from '../definitions/column-spec.ts'
import { quoteTable } from './identifier.ts'

/** Foreign keys of other tables that point at the target. */
export async function referencingKeys(client: pg.ClientBase, table: TableSpec): Promise<{ name: string; cascades: boolean }[]> {
  const { rows } = await client.query<{ name: string; cascades: boolean }>(
    `SELECT format('%I of %s', conname, conrelid::regclass) AS name, confdeltype IN ('c', 'n', 'd') AS cascades FROM pg_constraint
     WHERE contype = 'f' AND confrelid = $1::regclass`,
    [quoteTable(table)],
  )
  return rows
}

/** Whether a load may become the table as it is. */
export async function isSwappable(client: pg.ClientBase, table: TableSpec, staging: TableName): Promise<boolean> {
  return (await referencingKeys(client, table)).length === 0 && (await reasonsAgainstSwap(client, table, staging)).length === 0
}

/** What a swap would lose: answered as text for the event log; empty when the tables may be swapped. */
export async function reasonsAgainstSwap(client: pg.ClientBase, table: TableSpec, staging: TableName): Promise<string[]> {
  const { rows } = await client.query<{ reason: string }>(
    `WITH t AS (SELECT c.* FROM pg_class c WHERE c.oid = $1::regclass)
     SELECT 'a view depends on it' AS reason FROM t WHERE EXISTS (SELECT FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
         WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid AND r.ev_class <> t.oid)
     -- Who may not see the snapshots of others cannot know that nobody would see half the load.
     UNION ALL SELECT format('%s may not see what other sessions read; GRANT pg_read_all_stats TO %1$I lets the tables be swapped', current_user)
       WHERE NOT pg_has_role('pg_read_all_stats', 'USAGE')
     UNION ALL SELECT 'it has rules' FROM t WHERE t.relhasrules
     UNION ALL SELECT 'it has triggers' FROM t WHERE EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = t.oid AND NOT g.tgisinternal)
     UNION ALL SELECT 'it has row security' FROM t WHERE t.relrowsecurity OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid)
     UNION ALL SELECT 'a publication names it' FROM t WHERE EXISTS (SELECT FROM pg_publication_rel p WHERE p.prrelid = t.oid)
     -- Its subscribers would get the rows under the name of staging, and keep the old ones under this name.
     UNION ALL SELECT 'a publication covers all tables' WHERE EXISTS (SELECT FROM pg_publication p WHERE p.puballtables)
     UNION ALL SELECT 'it has grants on columns' FROM t WHERE EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attacl IS NOT NULL)
     UNION ALL SELECT 'a sequence belongs to it' FROM t WHERE EXISTS (SELECT FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' WHERE d.refobjid = t.oid AND d.deptype IN ('a', 'i'))
     UNION ALL SELECT 'it has extended statistics' FROM t WHERE EXISTS (SELECT FROM pg_statistic_ext e WHERE e.stxrelid = t.oid)
     UNION ALL SELECT 'it has foreign keys' FROM t WHERE EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = t.oid AND k.contype = 'f')
     UNION ALL SELECT 'it has check constraints' FROM t WHERE EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = t.oid AND k.contype = 'c'
         AND NOT EXISTS (SELECT FROM pg_constraint s WHERE s.conrelid = $3::regclass AND s.conname = k.conname AND s.contype = 'c'
           AND pg_get_constraintdef(s.oid) = pg_get_constraintdef(k.oid)))
     -- A primary key makes its columns NOT NULL in staging too.
     UNION ALL SELECT 'columns are NOT NULL that its asset lets be null' FROM t WHERE EXISTS (SELECT FROM pg_attribute a
         JOIN pg_attribute s ON s.attrelid = $3::regclass AND s.attname = a.attname AND NOT s.attnotnull
         WHERE a.attrelid = t.oid AND a.attnum > 0 AND a.attnotnull
           AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary AND a.attnum = ANY(i.indkey)))
     UNION ALL SELECT 'a function or type uses its row type' FROM t WHERE EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = t.reltype AND d.deptype = 'n')
     UNION ALL SELECT 'it is partitioned or inherits' FROM t WHERE t.relkind <> 'r' OR t.relispartition OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = t.oid OR i.inhparent = t.oid)
     UNION ALL SELECT 'it is unlogged' FROM t WHERE t.relpersistence <> 'p'
     UNION ALL SELECT 'its columns are in another order, or have defaults' FROM t WHERE
         (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped) IS DISTINCT FROM $2::text[]
         OR EXISTS (SELECT FROM pg_attrdef f WHERE f.adrelid = t.oid)
     -- By way of JSON, because PostgreSQL 14 has no column indnullsnotdistinct.
     UNION ALL SELECT 'it has settings of columns or indexes that a swap would lose' FROM t WHERE
         EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum > 0 AND (a.attoptions IS NOT NULL OR a.attstattarget >= 0))
         OR EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = t.oid AND (k.contype = 'x' OR k.condeferrable))
         OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND (NOT i.indisvalid OR i.indisclustered OR i.indisreplident OR (to_jsonb(i) ->> 'indnullsnotdistinct')::boolean AND EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)))`,
    [quoteTable(table), table.columns.map((column) => column.name), quoteTable(staging)],
  )
  const reasons = rows.map((row) => row.reason)
  return (await isPublishedWithItsSchema(client, table)) ? [...reasons, 'a publication covers its schema'] : reasons
}

async function isPublishedWithItsSchema(client: pg.ClientBase, table: TableSpec): Promise<boolean> {
  // PostgreSQL 14 has no such publications, and no such catalog.
  const { rows: known } = await client.query<{ found: boolean }>(`SELECT to_regclass('pg_catalog.pg_publication_namespace') IS NOT NULL AS found`)
  if (known[0]?.found !== true) return false
  const { rowCount } = await client.query(
    `SELECT FROM pg_publication_namespace p JOIN pg_class c ON c.relnamespace = p.pnnspid WHERE c.oid = $1::regclass LIMIT 1`,
    [quoteTable(table)],
  )
  return rowCount === 1
}

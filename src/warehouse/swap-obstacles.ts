import type pg from 'pg'
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

/** What a swap would lose: answered as text for the event log; empty when the tables may be swapped. */
export async function reasonsAgainstSwap(client: pg.ClientBase, table: TableSpec): Promise<string[]> {
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
     UNION ALL SELECT 'it has grants on columns' FROM t WHERE EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attacl IS NOT NULL)
     UNION ALL SELECT 'a sequence belongs to it' FROM t WHERE EXISTS (SELECT FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' WHERE d.refobjid = t.oid AND d.deptype IN ('a', 'i'))
     UNION ALL SELECT 'it has extended statistics' FROM t WHERE EXISTS (SELECT FROM pg_statistic_ext e WHERE e.stxrelid = t.oid)
     UNION ALL SELECT 'it has foreign keys' FROM t WHERE EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = t.oid AND k.contype = 'f')
     UNION ALL SELECT 'a function or type uses its row type' FROM t WHERE EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = t.reltype AND d.deptype = 'n')
     UNION ALL SELECT 'it is partitioned or inherits' FROM t WHERE t.relkind <> 'r' OR t.relispartition OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = t.oid OR i.inhparent = t.oid)
     UNION ALL SELECT 'it is unlogged' FROM t WHERE t.relpersistence <> 'p'
     UNION ALL SELECT 'its columns are in another order, or have defaults' FROM t WHERE
         (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped) IS DISTINCT FROM $2::text[]
         OR EXISTS (SELECT FROM pg_attrdef f WHERE f.adrelid = t.oid)
     UNION ALL SELECT 'it has settings of columns or indexes that a swap would lose' FROM t WHERE
         EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attnum > 0 AND (a.attoptions IS NOT NULL OR a.attstattarget >= 0))
         OR EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = t.oid AND (k.contype = 'x' OR k.condeferrable))
         OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND (NOT i.indisvalid OR i.indisclustered OR i.indisreplident OR i.indnullsnotdistinct AND EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)))`,
    [quoteTable(table), table.columns.map((column) => column.name)],
  )
  return rows.map((row) => row.reason)
}

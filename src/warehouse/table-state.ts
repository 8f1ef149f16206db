import type { ClientBase } from 'pg'
import * as z from 'zod'
import { readExistingColumns } from './existing-columns.ts'
import type { ExistingColumn } from './existing-columns.ts'
import { quoteTable } from './identifier.ts'
import type { QualifiedName } from './identifier.ts'

const ExistingIndex = z.object({
  name: z.string(),
  /** In the index's order; of an index over expressions or a part of the rows, null. */
  columns: z.array(z.string()).nullable(),
  unique: z.boolean(),
  primary: z.boolean(),
  /** A constraint's index, which goes with it. */
  constraint: z.string().nullable(),
  /** Ascending, by the types' own order, and usable. */
  plain: z.boolean(),
  /** Whether ON CONFLICT can go by it. */
  arbiter: z.boolean(),
})
export type ExistingIndex = z.infer<typeof ExistingIndex>

const Facts = z.object({
  comment: z.string().nullable(),
  unlogged: z.boolean(),
  tablespace: z.string().nullable(),
  options: z.array(z.string()),
  /** `RANGE (at)`, of a partitioned table. */
  partition_key: z.string().nullable(),
  /** Roles that may read all of it; `public` is everybody. */
  readers: z.array(z.string()),
  owner: z.string(),
  indexes: z.array(ExistingIndex),
})

/** A table as the destination has it. */
export interface TableState extends Omit<z.infer<typeof Facts>, 'partition_key'> {
  readonly columns: readonly ExistingColumn[]
  readonly empty: boolean
  readonly partitionKey: string | null
}

const factsQuery = `
  SELECT obj_description(c.oid, 'pg_class') AS comment, c.relpersistence = 'u' AS unlogged, coalesce(c.reloptions, '{}') AS options,
    (SELECT spcname FROM pg_tablespace WHERE oid = c.reltablespace) AS tablespace,
    CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_key,
    ARRAY(SELECT DISTINCT CASE WHEN a.grantee = 0 THEN 'public' ELSE pg_get_userbyid(a.grantee)::text END
      FROM aclexplode(c.relacl) a WHERE a.privilege_type = 'SELECT' AND a.grantee <> c.relowner) AS readers,
    pg_get_userbyid(c.relowner)::text AS owner,
    coalesce((SELECT json_agg(json_build_object('name', x.relname, 'unique', i.indisunique, 'primary', i.indisprimary, 'constraint', k.conname,
        'columns', CASE WHEN i.indexprs IS NULL AND i.indpred IS NULL THEN (SELECT json_agg(a.attname ORDER BY n.at)
          FROM unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) WITH ORDINALITY n(number, at) JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = n.number) END,
        'plain', i.indisvalid AND i.indnatts = i.indnkeyatts AND NOT EXISTS (SELECT FROM unnest(i.indoption::int2[]) o WHERE o <> 0)
          AND NOT EXISTS (SELECT FROM unnest(i.indclass::oid[]) u JOIN pg_opclass p ON p.oid = u WHERE NOT p.opcdefault) AND (SELECT amname FROM pg_am WHERE oid = x.relam) = 'btree',
        'arbiter', i.indisunique AND i.indisvalid AND i.indimmediate) ORDER BY x.relname)
      FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid
      WHERE i.indrelid = c.oid), '[]') AS indexes
  FROM pg_class c WHERE c.oid = $1::regclass`

/** Reads a table; undefined where there is none. */
export async function readTableState(client: Pick<ClientBase, 'query'>, table: QualifiedName): Promise<TableState | undefined> {
  const columns = await readExistingColumns(client, table)
  if (columns.length === 0) return undefined
  const name = quoteTable(table)
  const { rows } = await client.query(factsQuery, [name])
  const { partition_key: partitionKey, ...facts } = Facts.parse(rows[0])
  const { rows: held } = await client.query<{ empty: boolean }>(`SELECT NOT EXISTS (SELECT FROM ${name}) AS empty`)
  return { ...facts, columns, partitionKey, empty: held[0]?.empty ?? false }
}

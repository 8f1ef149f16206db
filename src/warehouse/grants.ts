import type pg from 'pg'
import type { TableSpec } from '../definitions/column-spec.ts'
import { DataError } from '../errors.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'

/** A role as SQL writes it. No role can be called `public`. */
const roleSql = (role: string): string => (role === 'public' ? 'PUBLIC' : quoteIdentifier(role))

/** @throws DataError `ROLE_UNKNOWN` naming every role that is not there */
export async function requireRoles(client: pg.ClientBase, { schema, name, grants }: TableSpec): Promise<void> {
  const roles = (grants?.select ?? []).filter((role) => role !== 'public')
  if (roles.length === 0) return
  const { rows } = await client.query<{ role: string }>(
    `SELECT role FROM unnest($1::text[]) role WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role)`,
    [roles],
  )
  if (rows.length === 0) return
  throw new DataError(`${schema}.${name} is to be readable by ${rows.map((row) => row.role).join(', ')}, which is no role of this server.`, {
    code: 'ROLE_UNKNOWN',
    hint: 'CREATE ROLE first, or take it out of the asset’s `grants`.',
  })
}

/** The roles that our last load of this table left it readable by, because its definition said so. */
export async function grantedBefore(client: pg.ClientBase, { schema, name }: TableSpec): Promise<readonly string[]> {
  // A plan may be asked of a destination that never had a load.
  const { rows: ledger } = await client.query<{ found: boolean }>(`SELECT to_regclass('millrace_load.step') IS NOT NULL AS found`)
  if (ledger[0]?.found !== true) return []
  const { rows } = await client.query<{ roles: string[] | null }>(
    `SELECT result -> 'grants' AS roles FROM millrace_load.step WHERE target_schema = $1 AND target_name = $2 AND result ? 'grants' ORDER BY load_order DESC LIMIT 1`,
    [schema, name],
  )
  return rows[0]?.roles ?? []
}

export interface GrantRequest {
  /** Roles that may read the table now, its owner among them. */
  readonly readers: readonly string[]
  /** Of these, those that we granted. */
  readonly ours: readonly string[]
  /** Roles of the grants that may not even use the table's schema. */
  readonly shutOut: readonly string[]
}

/** Statements that make the table readable by whom its definition names, and no longer by those whom only we had let in. */
export function planGrants(table: TableSpec, { readers, ours, shutOut }: GrantRequest): string[] {
  const wanted = table.grants?.select ?? []
  const name = quoteTable(table)
  const roles = (some: readonly string[]): string => some.map(roleSql).join(', ')
  const added = wanted.filter((role) => !readers.includes(role))
  const gone = ours.filter((role) => !wanted.includes(role) && readers.includes(role))
  return [
    ...(shutOut.length === 0 ? [] : [`GRANT USAGE ON SCHEMA ${quoteIdentifier(table.schema)} TO ${roles(shutOut)}`]),
    ...(added.length === 0 ? [] : [`GRANT SELECT ON ${name} TO ${roles(added)}`]),
    ...(gone.length === 0 ? [] : [`REVOKE SELECT ON ${name} FROM ${roles(gone)}`]),
  ]
}

/** Roles of a table's grants that may not use its schema. */
export async function shutOutRoles(client: pg.ClientBase, { schema, grants }: TableSpec): Promise<string[]> {
  const wanted = grants?.select ?? []
  if (wanted.length === 0) return []
  const { rows } = await client.query<{ role: string }>(
    `SELECT role FROM unnest($1::text[]) role WHERE to_regnamespace($2) IS NULL OR NOT has_schema_privilege(role, to_regnamespace($2), 'USAGE')`,
    [wanted, quoteIdentifier(schema)],
  )
  return rows.map((row) => row.role)
}

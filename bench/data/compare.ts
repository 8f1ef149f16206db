import type pg from 'pg'

export interface Comparison {
  /** The table that is right: `schema.name`. */
  readonly reference: string
  /** The table that is looked at. */
  readonly table: string
  /** Its rows with the columns and types of the reference, where its own are others. */
  readonly query?: string | undefined
}

/**
 * What is to be said of a table's rows: `equal`, how its own types are others, or what differs.
 * Rows are compared as the text that Postgres makes of them, by their number and by a checksum that no order changes.
 */
export async function compareTables(
  pool: pg.Pool,
  { reference, table, query = `SELECT * FROM ${table}` }: Comparison,
): Promise<{ equal: boolean; verdict: string }> {
  const right = `SELECT * FROM ${reference}`
  const [expected, found] = [await checksum(pool, right, ['t']), await checksum(pool, query, ['t'])]
  if (found.rows !== expected.rows) return { equal: false, verdict: `**${found.rows} rows**, not ${expected.rows}` }
  if (found.sums[0] !== expected.sums[0]) return { equal: false, verdict: `**differ** in ${(await columnsThatDiffer(pool, right, query)).join(', ')}` }
  const others = await otherTypes(pool, table, reference)
  return { equal: true, verdict: others.length === 0 ? 'equal' : `equal after casts (${others.join(', ')})` }
}

async function checksum(pool: pg.Pool, query: string, values: readonly string[]): Promise<{ rows: string; sums: readonly string[] }> {
  const sums = values.map((value) => `coalesce(sum(hashtextextended(coalesce(${value}::text, ''), 0)::numeric), 0)::text`)
  const { rows } = await pool.query<{ rows: string; sums: string[] }>(`SELECT count(*)::text AS rows, ARRAY[${sums.join(', ')}] AS sums FROM (${query}) t`)
  return rows[0] ?? { rows: '0', sums: [] }
}

/** By name; all at once where it is not the values but their order that differs. NULL and '' are told apart. */
async function columnsThatDiffer(pool: pg.Pool, right: string, query: string): Promise<readonly string[]> {
  const { fields } = await pool.query(`SELECT * FROM (${right}) t LIMIT 0`)
  const names = fields.map(({ name }) => `ROW(t."${name}")`)
  const [expected, found] = [await checksum(pool, right, names), await checksum(pool, query, names)]
  const different = fields.filter((_, index) => expected.sums[index] !== found.sums[index]).map(({ name }) => name)
  return different.length === 0 ? ['which values stand in one row'] : different
}

/** The reference's columns that have another type in a table, or are not there (`lastSeen` is `last_seen`): `tags jsonb`, `addresses missing`. */
async function otherTypes(pool: pg.Pool, table: string, reference: string): Promise<readonly string[]> {
  const { rows } = await pool.query<{ text: string }>(
    `SELECT r.attname || ' ' || coalesce(format_type(t.atttypid, t.atttypmod), 'missing') AS text
     FROM pg_attribute r LEFT JOIN pg_attribute t ON t.attrelid = to_regclass($1) AND t.attnum > 0
       AND lower(replace(t.attname, '_', '')) = replace(r.attname, '_', '')
     WHERE r.attrelid = to_regclass($2) AND r.attnum > 0
       AND (t.atttypid, t.atttypmod) IS DISTINCT FROM (r.atttypid, r.atttypmod)
     ORDER BY r.attnum`,
    [table, reference],
  )
  return rows.map(({ text }) => text)
}

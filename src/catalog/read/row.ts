import type pg from 'pg'
import * as z from 'zod'

/** What a read needs: a pool or a client. */
export type Queryable = Pick<pg.Pool, 'query'>

/** A timestamptz as it leaves the catalogue: an ISO string. */
export const time = z.date().transform((value) => value.toISOString())

/** A value that jsonb holds. */
export const json = z.json()

/** A count that Postgres counts in bigint; a Number is exact up to 2^53. */
export const count = z.coerce.number()

/**
 * The number in a jsonb of which somebody's function may say anything; null unless it is a count: `result -> 'rows'` may be 1.5, too, or text.
 * At most 15 digits, so that a Number is exact.
 */
export const countIn = (jsonb: string): string => `CASE WHEN (${jsonb})::text ~ '^[0-9]{1,15}$' THEN (${jsonb})::text::bigint END`

/** Runs a query and parses each row; a row of another shape is a fault of ours, and loud. */
export async function readRows<T extends z.ZodType>(db: Queryable, row: T, sql: string, values: readonly unknown[] = []): Promise<z.output<T>[]> {
  const { rows } = await db.query(sql, [...values])
  return z.array(row).parse(rows)
}

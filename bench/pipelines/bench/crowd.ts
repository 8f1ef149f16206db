import { table } from 'millrace'
import { postgres } from 'millrace/sources'
import * as z from 'zod'

/** A narrow table with a key, replaced while others read it. Its rows are computed by Postgres and pass through unparsed: they cost little on their way. */
export const crowd = table({
  key: 'bench/crowd',
  columns: z.object({ id: z.int64(), value: z.int64(), label: z.string() }),
  config: z.object({ rows: z.int().positive(), round: z.int() }),
  write: { disposition: 'replace' },
  primaryKey: ['id'],
  extract: ({ config: { rows, round }, signal }) =>
    postgres({
      url: process.env['DATABASE_URL'] ?? '',
      query: `SELECT id, id * 3 + $2::bigint AS value, 'row ' || id AS label FROM generate_series(1, $1::bigint) AS id`,
      values: [rows, round],
      signal,
    }),
})

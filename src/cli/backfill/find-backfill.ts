import type { Queryable } from '../../catalog/read/row.ts'
import { MillraceError } from '../../errors.ts'

/**
 * The backfill that an id, or its beginning, names.
 * @throws MillraceError `UNKNOWN_BACKFILL`, `BACKFILL_AMBIGUOUS`
 */
export async function findBackfill(db: Queryable, given: string): Promise<string> {
  const prefix = given.toLowerCase()
  const { rows } = await db.query<{ id: string }>(
    `SELECT id::text AS id FROM millrace.backfill WHERE starts_with(id::text, $1) ORDER BY created_at DESC LIMIT 4`,
    [prefix],
  )
  const [first, ...others] = rows
  if (first === undefined || prefix === '')
    throw new MillraceError(`There is no backfill ${given}.`, { code: 'UNKNOWN_BACKFILL', hint: '`millrace backfills list` shows the newest ones.' })
  if (others.length > 0) {
    throw new MillraceError(`Several backfills begin with ${given}: ${rows.map((row) => row.id).join(', ')}${rows.length === 4 ? ', …' : ''}.`, {
      code: 'BACKFILL_AMBIGUOUS',
      hint: 'Give more of the id.',
    })
  }
  return first.id
}

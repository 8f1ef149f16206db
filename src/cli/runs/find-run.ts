import type { Queryable } from '../../catalog/read/row.ts'
import { MillraceError } from '../../errors.ts'

/**
 * The run that an id, or its beginning, names.
 * @throws MillraceError `RUN_UNKNOWN`, `RUN_AMBIGUOUS`
 */
export async function findRun(db: Queryable, given: string): Promise<string> {
  const prefix = given.toLowerCase()
  const { rows } = await db.query<{ id: string }>(`SELECT id::text AS id FROM millrace.run WHERE starts_with(id::text, $1) ORDER BY created_at DESC LIMIT 4`, [
    prefix,
  ])
  const [first, ...others] = rows
  if (first === undefined || prefix === '')
    throw new MillraceError(`There is no run ${given}.`, { code: 'RUN_UNKNOWN', hint: '`millrace runs list` shows the newest ones.' })
  if (others.length > 0) {
    throw new MillraceError(`Several runs begin with ${given}: ${rows.map((row) => row.id).join(', ')}${rows.length === 4 ? ', …' : ''}.`, {
      code: 'RUN_AMBIGUOUS',
      hint: 'Give more of the id.',
    })
  }
  return first.id
}

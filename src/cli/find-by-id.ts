import type { Queryable } from '../catalog/read/row.ts'
import { MillraceError } from '../errors.ts'

const things = {
  run: { unknown: 'RUN_UNKNOWN', ambiguous: 'RUN_AMBIGUOUS' },
  backfill: { unknown: 'UNKNOWN_BACKFILL', ambiguous: 'BACKFILL_AMBIGUOUS' },
} as const

/** The run that an id, or its beginning, names. @throws MillraceError `RUN_UNKNOWN`, `RUN_AMBIGUOUS` */
export const findRun = (db: Queryable, given: string): Promise<string> => findById(db, 'run', given)

/** The backfill that an id, or its beginning, names. @throws MillraceError `UNKNOWN_BACKFILL`, `BACKFILL_AMBIGUOUS` */
export const findBackfill = (db: Queryable, given: string): Promise<string> => findById(db, 'backfill', given)

async function findById(db: Queryable, what: keyof typeof things, given: string): Promise<string> {
  const prefix = given.toLowerCase()
  const { rows } = await db.query<{ id: string }>(
    `SELECT id::text AS id FROM millrace.${what} WHERE starts_with(id::text, $1) ORDER BY created_at DESC LIMIT 4`,
    [prefix],
  )
  const [first, ...others] = rows
  if (first === undefined || prefix === '')
    throw new MillraceError(`There is no ${what} ${given}.`, { code: things[what].unknown, hint: `\`millrace ${what}s list\` shows the newest ones.` })
  if (others.length > 0) {
    throw new MillraceError(`Several ${what}s begin with ${given}: ${rows.map((row) => row.id).join(', ')}${rows.length === 4 ? ', …' : ''}.`, {
      code: things[what].ambiguous,
      hint: 'Give more of the id.',
    })
  }
  return first.id
}

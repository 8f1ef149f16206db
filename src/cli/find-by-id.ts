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

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** The first and the last id that begin so, by which an index finds them; undefined where none can. @param prefix in small letters */
export function idRange(prefix: string): readonly [first: string, last: string] | undefined {
  const filled = (digit: string): string => prefix + '########-####-####-####-############'.slice(prefix.length).replaceAll('#', digit)
  return uuid.test(filled('0')) ? [filled('0'), filled('f')] : undefined
}

async function findById(db: Queryable, what: keyof typeof things, given: string): Promise<string> {
  const prefix = given.toLowerCase()
  const range = idRange(prefix)
  const { rows } =
    range === undefined
      ? { rows: [] }
      : await db.query<{ id: string }>(`SELECT id::text AS id FROM millrace.${what} WHERE id BETWEEN $1 AND $2 ORDER BY created_at DESC LIMIT 4`, [...range])
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

import * as z from 'zod'
import { json, readRows, time } from './row.ts'
import type { Queryable } from './row.ts'

const QuarantineRow = z.object({
  /** Counts up over the whole installation. */
  id: z.string(),
  at: time,
  location: z.string(),
  asset: z.string(),
  runId: z.uuid(),
  /** `kept`; `discarded` by somebody; `redriven`: taken through the code once more, and loaded, or kept anew under the run that did. */
  state: z.enum(['kept', 'discarded', 'redriven']),
  /** Where in its source the record came. */
  place: z.string(),
  issues: z.array(z.object({ column: z.string(), message: z.string(), value: z.string() })),
  /** What its page handed to the transform. */
  page: json.nullable(),
  /** The record as it came, as JSON text. */
  record: z.string(),
})
export type QuarantineRead = z.output<typeof QuarantineRow>

export interface QuarantineFilter {
  readonly asset?: string | undefined
  readonly location?: string | undefined
  readonly runId?: string | undefined
  readonly state: QuarantineRead['state']
  /** Kept since before this moment, ISO. */
  readonly before?: string | undefined
  /** A part of what is wrong with it, `column: message`, in any case. */
  readonly reason?: string | undefined
}

/** Conditions on `millrace.quarantine`, whose parameters are the first six. */
export const quarantineMatches = `($1::text IS NULL OR asset = $1) AND ($2::text IS NULL OR location = $2) AND ($3::uuid IS NULL OR run_id = $3) AND state = $4
  AND ($5::timestamptz IS NULL OR at < $5)
  AND ($6::text IS NULL OR EXISTS (SELECT FROM jsonb_array_elements(issues) AS one
    WHERE position(lower($6) IN lower(concat(one->>'column', ': ', one->>'message'))) > 0))`
export const quarantineValues = ({ asset, location, runId, state, before, reason }: QuarantineFilter): readonly (string | null)[] => [
  asset ?? null,
  location ?? null,
  runId ?? null,
  state,
  before ?? null,
  reason ?? null,
]

/** The moment so many seconds ago, by the database's clock. */
export async function momentAgo(db: Queryable, seconds: number): Promise<string> {
  const [row] = await readRows(db, z.object({ moment: time }), `SELECT clock_timestamp() - make_interval(secs => $1) AS moment`, [seconds])
  if (row === undefined) throw new TypeError('a SELECT without a table has one row')
  return row.moment
}

/** Records in quarantine after one of them, the oldest first. */
export function readQuarantine(db: Queryable, filter: QuarantineFilter, after: string, limit: number): Promise<QuarantineRead[]> {
  return readRows(
    db,
    QuarantineRow,
    `SELECT id::text AS id, at, location, asset, run_id AS "runId", state, place, issues, page, record
     FROM millrace.quarantine WHERE ${quarantineMatches} AND id > $7::bigint ORDER BY quarantine.id LIMIT $8`,
    [...quarantineValues(filter), after, limit],
  )
}

/** One as JSON, with its record as the JSON it is: not parsed, for it may nest too deep or hold a number that JavaScript has not. */
export function quarantineLine({ record, ...one }: QuarantineRead): string {
  return `${JSON.stringify(one).slice(0, -1)},"record":${record}}`
}

/** How many there are. */
export async function sizeOfQuarantine(db: Queryable, filter: QuarantineFilter): Promise<number> {
  const [row] = await readRows(
    db,
    z.object({ n: z.coerce.number() }),
    `SELECT count(*) AS n FROM millrace.quarantine WHERE ${quarantineMatches}`,
    quarantineValues(filter),
  )
  return row?.n ?? 0
}

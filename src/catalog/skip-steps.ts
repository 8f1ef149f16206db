import type pg from 'pg'
import { insertEvents } from './events.ts'
import type { EndedStep } from './ready-steps.ts'

interface SkippedRow {
  id: string
  asset: string
  template: string | null
  ordinal: number | null
}

/** Skips what hangs on a step that failed, on the branches of one, and on that in turn. */
export async function skipDownstream(client: pg.PoolClient, runId: string, failed: EndedStep, reason = `${failed.asset} failed`): Promise<void> {
  const why = `because ${reason}`
  let edge: readonly EndedStep[] = [failed]
  while (edge.length > 0) {
    const within = edge.every((one) => one.ordinal !== undefined) ? 'AND (ordinal IS NULL OR ordinal = ANY($5::int[]))' : ''
    const { rows } = await client.query<SkippedRow>(
      `UPDATE millrace.step SET ${skipped}, skipped_because = $4 WHERE run_id = $1 AND status = 'waiting' ${within} AND (upstream && $2::text[] OR collects && $3::text[])
       RETURNING id, asset, template, ordinal`,
      [
        runId,
        edge.map(({ asset }) => asset),
        edge.flatMap(({ template }) => template ?? []),
        why,
        ...(within === '' ? [] : [edge.map(({ ordinal }) => ordinal)]),
      ],
    )
    await tell(client, runId, rows, why)
    edge = rows.map(({ asset, template, ordinal }) => ({ asset, template: template ?? undefined, ordinal: ordinal ?? undefined }))
  }
}

// Of an op nothing lies anywhere that would have to be removed.
const skipped = `status = 'skipped', ended_at = clock_timestamp(), cleaned_at = CASE WHEN kind = 'op' THEN clock_timestamp() END`

/** Steps that are handed an output which was left out. */
export interface Unneeded {
  readonly assets: readonly string[]
  /** Steps of which every branch is handed it. */
  readonly templates: readonly string[]
}

/**
 * Skips steps that are handed what was left out, and what hangs on them. What collects their branches goes without them.
 * Answers the steps of the graph of which branches were skipped.
 */
export async function skipUnneeded(client: pg.PoolClient, runId: string, first: Unneeded, why: string): Promise<string[]> {
  const templates = new Set<string>()
  let where = `(asset = ANY($3::text[]) OR template = ANY($4::text[]))`
  let values: readonly (readonly string[])[] = [first.assets, first.templates]
  while (values.some((names) => names.length > 0)) {
    const { rows } = await client.query<SkippedRow>(
      `UPDATE millrace.step SET ${skipped}, unneeded = true, skipped_because = $2 WHERE run_id = $1 AND status IN ('waiting', 'skipped') AND NOT unneeded AND ${where}
       RETURNING id, asset, template, ordinal`,
      [runId, why, ...values],
    )
    await tell(client, runId, rows, why)
    for (const { template } of rows) if (template !== null) templates.add(template)
    const ordinals = rows.map(({ ordinal }) => ordinal)
    where = ordinals.includes(null)
      ? 'upstream && $3::text[]'
      : `upstream && $3::text[] AND (ordinal IS NULL OR ordinal = ANY('{${ordinals.join(',')}}'::int[]))`
    values = [rows.map(({ asset }) => asset)]
  }
  return [...templates]
}

async function tell(client: pg.PoolClient, runId: string, rows: readonly SkippedRow[], why: string): Promise<void> {
  await insertEvents(
    client,
    rows.map(({ id, asset }) => ({ runId, stepId: id, asset, kind: 'skipped', level: 'warn' as const, message: `${asset} was skipped, ${why}.` })),
  )
}

import * as z from 'zod'
import type { JsonObject } from '../../definitions/json.ts'
import { MillraceError } from '../../errors.ts'
import type { RunOrigin } from './insert-run.ts'
import { launch } from './launch.ts'
import type { LaunchDeps, Launched } from './launch.ts'

/** The tag that Dagster gives a run which repeats another: that one's id. */
const repeats = 'dagster/parent_run_id'

const Row = z.object({
  status: z.string(),
  location: z.string(),
  job: z.string().nullable(),
  assets: z.array(z.string()),
  config: z.custom<JsonObject>(),
  tags: z.record(z.string(), z.string()),
  partitions: z.array(z.string()).nullable(),
  priority: z.int(),
  timeoutMs: z.coerce.number().nullable(),
  retries: z.int(),
  retryDelayMs: z.coerce.number(),
  retryFrom: z.enum(['failure', 'start']),
  redrive: z.boolean(),
  fullRefresh: z.boolean(),
})

/**
 * Launches a run like one that has ended: the same job or assets, partitions, configuration and tags, all of its steps, by the definitions in force. The other stays as it is.
 * @throws MillraceError `RUN_UNKNOWN`, `RUN_NOT_ENDED`, `RUN_REDRIVES`, and as `launch` does
 */
export async function launchAgain(deps: LaunchDeps, runId: string, origin: Pick<RunOrigin, 'launchedBy' | 'idempotencyKey'>): Promise<Launched> {
  const { rows } = await deps.pool.query(
    `SELECT status, location, job, assets, config, tags, partitions, priority, timeout_ms AS "timeoutMs", retries, retry_delay_ms AS "retryDelayMs", retry_from AS "retryFrom",
       coalesce((SELECT bool_or(redrive) FROM millrace.step WHERE run_id = run.id), false) AS redrive,
       coalesce((SELECT bool_or(full_refresh) FROM millrace.step WHERE run_id = run.id), false) AS "fullRefresh"
     FROM millrace.run WHERE id = $1`,
    [runId],
  )
  if (rows[0] === undefined) throw new MillraceError(`There is no run ${runId}.`, { code: 'RUN_UNKNOWN' })
  const { status, job, assets, partitions, timeoutMs, redrive, tags, ...same } = Row.parse(rows[0])
  if (!['succeeded', 'failed', 'canceled'].includes(status)) {
    throw new MillraceError(`The run ${runId} goes on (${status}).`, { code: 'RUN_NOT_ENDED', hint: 'Wait for its end, or cancel it first.' })
  }
  if (redrive) {
    throw new MillraceError(`The run ${runId} took records from quarantine, which are no longer there.`, {
      code: 'RUN_REDRIVES',
      hint: 'Redrive what is in quarantine now: millrace quarantine redrive.',
    })
  }
  return launch(deps, {
    ...same,
    ...(job === null ? {} : { job }),
    ...(timeoutMs === null ? {} : { timeoutMs }),
    assets: assets.map((key) => `key:${JSON.stringify(key)}`),
    partitions: partitions ?? undefined,
    tags: { ...tags, [repeats]: runId },
    ...origin,
  })
}

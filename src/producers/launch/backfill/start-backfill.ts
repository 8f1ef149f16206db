import { transaction } from '../../../catalog/database.ts'
import { storableJson } from '../../../catalog/events.ts'
import { refuseUnstorable } from '../../../catalog/storable.ts'
import type { JsonObject } from '../../../definitions/json.ts'
import { MillraceError } from '../../../errors.ts'
import type { StoredPlan, WaitingPart } from '../../../catalog/backfills.ts'
import { chooseAssets } from '../choose-assets.ts'
import type { LaunchDeps } from '../launch.ts'
import { findJob } from '../plan-job.ts'
import { checkJobConfig, checkRunConfig, mergeConfig } from '../run-config.ts'
import { advanceBackfill } from './advance.ts'
import { planBackfill, planJobBackfill } from './plan-backfill.ts'
import type { PartitionChoice } from './plan-backfill.ts'

export interface BackfillRequest extends PartitionChoice {
  /** Selections, all of one location; none where a job is run. */
  readonly assets: readonly string[]
  /** A job of ops with partitions, which is run once for each of them, in place of chosen assets. */
  readonly job?: string | undefined
  readonly location?: string | undefined
  readonly config?: JsonObject | undefined
  readonly tags?: Readonly<Record<string, string>> | undefined
  /** Partitions that one run makes: 1 by default; `all`: as many as are ready and follow each other. */
  readonly perRun?: number | 'all' | undefined
  /** Runs under way at the same time, 20 by default. */
  readonly runsAtOnce?: number | undefined
  /** `api`, `page` or `cli`. */
  readonly launchedBy: string
  /** A second one with the same key answers with the first. */
  readonly idempotencyKey?: string | undefined
}

export interface StartedBackfill {
  readonly backfillId: string
  readonly created: boolean
}

const defaultRunsAtOnce = 20

/**
 * Plans a backfill, writes it down with all its parts, and launches its first runs. From then on whatever ends one of its runs takes it further.
 * @throws MillraceError as `chooseAssets`, `findJob`, `checkRunConfig`, `planBackfill` and `planJobBackfill`, `BACKFILL_INVALID`, `TAG_INVALID`
 */
export async function startBackfill(deps: LaunchDeps, request: BackfillRequest): Promise<StartedBackfill> {
  const { perRun = 1, runsAtOnce = defaultRunsAtOnce } = request
  if (runsAtOnce < 1 || (perRun !== 'all' && perRun < 1)) {
    throw new MillraceError('A backfill makes at least one partition by a run, and has at least one run under way.', { code: 'BACKFILL_INVALID' })
  }
  refuseUnstorable('The tags of a backfill', 'TAG_INVALID', request.tags)
  const { location, assets, config, plan, parts } = await (request.job === undefined ? ofAssets(deps, request) : ofJob(deps, { ...request, job: request.job }))
  const started = await transaction(deps.pool, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO millrace.backfill (location, assets, plan, units, partitions_per_run, runs_at_once, config, tags, launched_by, idempotency_key)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (idempotency_key) DO NOTHING RETURNING id`,
      [
        location,
        assets,
        storableJson(plan),
        plan.units.length,
        perRun === 'all' ? null : perRun,
        runsAtOnce,
        storableJson(config),
        JSON.stringify(request.tags ?? {}),
        request.launchedBy,
        request.idempotencyKey ?? null,
      ],
    )
    const id = rows[0]?.id
    if (id === undefined) {
      const known = await client.query<{ id: string }>(`SELECT id FROM millrace.backfill WHERE idempotency_key = $1`, [request.idempotencyKey ?? ''])
      return { backfillId: known.rows[0]?.id ?? '', created: false }
    }
    await client.query(
      `INSERT INTO millrace.backfill_part (backfill_id, unit, ordinal, partition) SELECT $1, p.unit, p.ordinal, p.partition FROM unnest($2::int[], $3::int[], $4::text[]) AS p(unit, ordinal, partition)`,
      [id, parts.map((one) => one.unit), parts.map((one) => one.ordinal), parts.map((one) => one.partition)],
    )
    return { backfillId: id, created: true }
  })
  if (started.created) await advanceBackfill(deps, started.backfillId)
  return started
}

/** What is to be made, and how its runs are configured. */
interface Planned {
  readonly location: string
  readonly assets: readonly string[]
  readonly config: JsonObject
  readonly plan: StoredPlan
  readonly parts: readonly WaitingPart[]
}

async function ofAssets({ pool }: LaunchDeps, request: BackfillRequest): Promise<Planned> {
  const { manifest, specs } = await chooseAssets(pool, request)
  const config = checkRunConfig(specs, request.config ?? {})
  return { location: manifest.location, assets: specs.map(({ key }) => key), config, ...(await planBackfill(pool, manifest.location, specs, request)) }
}

async function ofJob({ pool }: LaunchDeps, request: BackfillRequest & { readonly job: string }): Promise<Planned> {
  const { manifest, spec } = await findJob(pool, request)
  const { location } = manifest
  const config = mergeConfig(spec.config, request.config ?? {})
  if (spec.work.kind === 'graph') checkJobConfig(spec.name, spec.work.steps, config, spec.work.makesConfig)
  return { location, assets: [], config, ...(await planJobBackfill(pool, location, spec, request)) }
}

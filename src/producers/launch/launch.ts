import type pg from 'pg'
import { transaction } from '../../catalog/database.ts'
import type { Database } from '../../catalog/database.ts'
import { storableJson } from '../../catalog/events.ts'
import { insertEvents } from '../../catalog/events.ts'
import { holdsLead } from '../../catalog/leader.ts'
import { brokenLocations, currentManifests } from '../../catalog/manifests.ts'
import type { CurrentManifest } from '../../catalog/manifests.ts'
import { beginOf } from '../../catalog/step-states.ts'
import type { StepStatus } from '../../catalog/step-states.ts'
import type { JsonObject } from '../../definitions/json.ts'
import type { AssetSpec } from '../../definitions/manifest.ts'
import { selectInLocations } from '../../definitions/selection/select-in-locations.ts'
import { chooseFor } from '../../definitions/selection/selection-error.ts'
import type { SelectionError } from '../../definitions/selection/selection-error.ts'
import { FencedError, MillraceError } from '../../errors.ts'
import { faultPoint } from '../../fault-point.ts'
import type { Logger } from '../../logger.ts'
import type { Queues } from '../../queues/queues.ts'
import { enqueueStep } from './enqueue-step.ts'
import { checkRunConfig } from './run-config.ts'

export interface LaunchRequest {
  /** Selections, as docs/selection.md tells; what each of them chooses is taken, all of one location. */
  readonly assets: readonly string[]
  /** Needed only where several locations have what is asked for. */
  readonly location?: string | undefined
  readonly config?: JsonObject
  readonly tags?: Readonly<Record<string, string>>
  /** `api`, `page`, `cli`, or `schedule NAME`. */
  readonly launchedBy: string
  /** The records come from quarantine, and not from their source. */
  readonly redrive?: boolean
  /** Everything is fetched again, whatever was loaded before, and takes the place of what is there; a history goes on. */
  readonly fullRefresh?: boolean
  /** A second launch with the same key answers with the first one's run. */
  readonly idempotencyKey?: string | undefined
  /** Set by the leader: the launch is refused when it no longer leads. */
  readonly epoch?: string
}

export interface Launched {
  readonly runId: string
  /** False when the idempotency key was known already. */
  readonly created: boolean
}

export interface LaunchDeps {
  readonly pool: pg.Pool
  readonly queues: Queues
  readonly logger: Logger
}

/** Something else that belongs to the launch and commits with it: a tick's row. Answers false when the launch is not wanted after all. */
export type LaunchCompanion = (client: pg.PoolClient, runId: string) => Promise<boolean>

/**
 * Plans a run and starts it: the run and its steps are written in one transaction, then the steps that are ready are enqueued.
 * @throws MillraceError `UNKNOWN_ASSET`, `SELECTION_INVALID`, `CONFIG_INVALID`, `LOCATION_NOT_LOADED`; FencedError under an older epoch.
 */
export async function launch(deps: LaunchDeps, request: LaunchRequest, companion?: LaunchCompanion): Promise<Launched> {
  const { version, manifest, keys } = await choose(deps.pool, request)
  if (request.fullRefresh === true) refuseRefresh(manifest.assets.filter((one) => keys.includes(one.key)))
  if (request.redrive === true) refuseRedriving(manifest.assets.filter((one) => keys.includes(one.key)))
  const config = checkRunConfig(
    manifest.assets.filter((one) => keys.includes(one.key)),
    request.config ?? {},
  )
  const outcome = await transaction(deps.pool, async (client) => {
    if (request.epoch !== undefined && !(await holdsLead(client, 'producers', request.epoch))) throw new FencedError('the producers’ lead')
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO millrace.run (location, version, assets, config, tags, launched_by, idempotency_key)
       VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (idempotency_key) DO NOTHING RETURNING id`,
      [manifest.location, version, keys, storableJson(config), JSON.stringify(request.tags ?? {}), request.launchedBy, request.idempotencyKey ?? null],
    )
    const runId = rows[0]?.id
    if (runId === undefined) return { known: await runWithKey(client, request.idempotencyKey ?? '') }
    if (companion !== undefined && !(await companion(client, runId))) throw new NotWantedError()
    const specs = manifest.assets.filter((one) => keys.includes(one.key))
    const due = await insertSteps(client, { ...request, runId, location: manifest.location, version }, specs)
    await insertEvents(client, [{ runId, kind: 'run started', message: `A run of ${keys.join(', ')} was started by ${request.launchedBy}.`, data: { config } }])
    faultPoint('launch.middle')
    return { runId, due }
  }).catch((error: unknown) => {
    if (error instanceof NotWantedError) return { known: '' }
    throw error
  })
  if ('known' in outcome) return { runId: outcome.known, created: false }
  faultPoint('launch.committed')
  await Promise.all(outcome.due.map((step) => enqueueStep(deps.queues, step)))
  return { runId: outcome.runId, created: true }
}

class NotWantedError extends Error {}

function refuseRefresh(specs: readonly AssetSpec[]): void {
  const growing = specs.find((one) => one.kind === 'table' && one.table.eachBatch === true)
  if (growing === undefined) return
  throw new MillraceError(`${growing.key} is published batch by batch: a full refresh would show half of it.`, {
    code: 'REFRESH_EACH_BATCH',
    hint: 'Load it into a table of another name, or by `replace`.',
  })
}

function refuseRedriving(specs: readonly AssetSpec[]): void {
  const other = specs.find((one) => one.kind !== 'table')
  if (other === undefined) return
  throw new MillraceError(`${other.key} has no records that could be redriven: it is no table that is loaded.`, { code: 'REDRIVE_NO_TABLE' })
}

async function runWithKey(client: Database, key: string): Promise<string> {
  const { rows } = await client.query<{ id: string }>(`SELECT id FROM millrace.run WHERE idempotency_key = $1`, [key])
  return rows[0]?.id ?? ''
}

interface PlannedRun {
  readonly runId: string
  readonly location: string
  readonly version: string
  readonly redrive?: boolean
  readonly fullRefresh?: boolean
}

async function insertSteps(client: pg.PoolClient, planned: PlannedRun, specs: readonly AssetSpec[]) {
  const { runId, location, version, redrive = false, fullRefresh = false } = planned
  const keys = new Set(specs.map((one) => one.key))
  const rows = specs.map((spec) => {
    const upstream = spec.deps.filter((dep) => keys.has(dep))
    const ready = upstream.length === 0
    return {
      asset: spec.key,
      kind: spec.kind,
      upstream,
      status: ready ? beginOf[spec.kind] : 'waiting',
      enqueued: ready ? 1 : 0,
      destination: spec.kind === 'function' ? null : (spec.destination ?? null),
      // What is redriven joins the table by staging, as any load that is whole.
      each_batch: spec.kind === 'table' && spec.table.eachBatch === true && !redrive,
    }
  })
  const inserted = await client.query<{ id: string; status: StepStatus; enqueued: number }>(
    `INSERT INTO millrace.step (run_id, location, version, asset, kind, destination, upstream, status, enqueued, each_batch, redrive, full_refresh, enqueued_at)
     SELECT $1, $2, $3, s.asset, s.kind, s.destination, array(SELECT jsonb_array_elements_text(s.upstream)), s.status, s.enqueued, s.each_batch, $5, $6, CASE WHEN s.enqueued = 1 THEN clock_timestamp() END
     FROM jsonb_to_recordset($4::jsonb) AS s(asset text, kind text, destination jsonb, upstream jsonb, status text, enqueued int, each_batch boolean)
     RETURNING id, status, enqueued`,
    [runId, location, version, JSON.stringify(rows), redrive, fullRefresh],
  )
  return inserted.rows.filter((row) => row.status !== 'waiting').map((row) => ({ stepId: row.id, location, status: row.status, enqueued: row.enqueued }))
}

async function choose(pool: pg.Pool, request: LaunchRequest): Promise<CurrentManifest & { keys: string[] }> {
  const manifests = await currentManifests(pool, request.location)
  if (manifests.length === 0) throw await notLoaded(pool, request.location)
  const places = manifests.map(({ manifest }) => ({ name: manifest.location, assets: manifest.assets }))
  const { found, faults } = chooseFor(() => selectInLocations(places, request.assets))
  const matching = manifests.flatMap((one) => {
    const keys = found.get(one.manifest.location)
    return keys === undefined ? [] : [{ ...one, keys: [...keys] }]
  })
  if (matching.length > 1) {
    throw new MillraceError(`${request.assets.join(', ')} is to be found in several locations: ${matching.map((one) => one.manifest.location).join(', ')}.`, {
      code: 'LOCATION_AMBIGUOUS',
      hint: 'Say which one by naming the location.',
    })
  }
  const chosen = matching[0]
  if (chosen === undefined) throw noneOf(faults, request.assets, manifests, await brokenLocations(pool, request.location))
  return chosen
}

async function notLoaded(pool: pg.Pool, location: string | undefined): Promise<MillraceError> {
  const broken = await brokenLocations(pool, location)
  if (broken.length > 0) {
    return new MillraceError(broken.map(({ name, message }) => `The location ${name} does not load: ${message}`).join(' '), {
      code: 'LOCATION_NOT_LOADED',
      hint: 'Mend its definitions and start its workers again.',
    })
  }
  return new MillraceError(location === undefined ? 'No code location is loaded yet.' : `The location ${location} is not loaded.`, {
    code: 'LOCATION_NOT_LOADED',
    hint: 'Start a worker for it: a worker publishes its definitions when it starts.',
  })
}

/** What is wrong with a selection that no location has. */
function noneOf(
  faults: readonly SelectionError[],
  asked: readonly string[],
  manifests: readonly CurrentManifest[],
  broken: readonly { readonly name: string; readonly message: string }[],
): MillraceError {
  const [first, ...others] = faults
  const alike = first !== undefined && others.every((one) => one.selection === first.selection && one.position === first.position)
  const message = alike ? first.brief : `No location has all of ${asked.join(', ')}.`
  const keys = manifests.flatMap((one) => one.manifest.assets.map((asset) => asset.key))
  const missing = broken.map((one) => ` The location ${one.name} does not load: ${one.message}`).join('')
  return new MillraceError(message, { code: 'UNKNOWN_ASSET', hint: `The assets are: ${keys.join(', ')}.${missing}` })
}

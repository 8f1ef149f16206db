import type { Database } from '../../catalog/database.ts'
import { beginOf } from '../../catalog/step-states.ts'
import type { StepKind, StepStatus } from '../../catalog/step-states.ts'
import type { DestinationSpec } from '../../definitions/destination.ts'
import type { HookNames } from '../../definitions/hook.ts'
import type { JsonObject } from '../../definitions/json.ts'
import type { AssetSpec, MadeAssetSpec, Manifest } from '../../definitions/manifest.ts'
import type { PoolUse } from '../../definitions/pool.ts'
import type { RunOptions } from '../../definitions/run-limits.ts'
import { MillraceError } from '../../errors.ts'
import { chooseAssets } from './choose-assets.ts'
import type { Choice } from './choose-assets.ts'
import { resolvePartitions } from './resolve-partitions.ts'
import { checkRunConfig } from './run-config.ts'
import { settleRunOptions } from './run-options.ts'
import type { SettledRunOptions } from './run-options.ts'

export interface PlanRequest extends Choice, RunOptions {
  readonly tags?: Readonly<Record<string, string>>
  readonly config?: JsonObject
  /** Keys, and ranges of them as `2026-01-01..2026-01-31`, of the chosen assets that have partitions. */
  readonly partitions?: readonly string[] | undefined
  /** When the partitions must be there, where that is later than now. */
  readonly at?: Date
  /** The records come from quarantine, and not from their source. */
  readonly redrive?: boolean
  /** What its job says of its runs, which holds where this says nothing. */
  readonly ofJob?: RunOptions | undefined
  /** Everything is fetched again, whatever was loaded before, and takes the place of what is there; a history goes on. */
  readonly fullRefresh?: boolean
}

/** A step as it is to be written. */
export interface PlannedStep {
  readonly asset: string
  readonly kind: StepKind
  /** Steps of the same run that must have succeeded first. */
  readonly upstream: readonly string[]
  readonly status: StepStatus
  readonly destination: DestinationSpec | null
  readonly eachBatch: boolean
  readonly partitioned: boolean
  /** It needs slots of a pool before it begins. */
  readonly pool: PoolUse | undefined
  /** What is called when it has ended. */
  readonly hooks?: HookNames | undefined
  /** Of a graph-backed asset's op: that asset. */
  readonly partOf?: string
  /** Steps of the graph whose every branch must have ended well first. */
  readonly collects?: readonly string[]
  /** Of the step of a function of several assets: those that it is asked for. */
  readonly makes?: readonly string[]
}

/** A run as it is to be written. */
export interface PlannedRun {
  readonly location: string
  readonly version: string
  readonly job?: string
  /** What is called when it has ended: the job's. */
  readonly hooks?: HookNames | undefined
  /** Tags of the job; those of the launch go before. */
  readonly tags?: Readonly<Record<string, string>>
  readonly assets: readonly string[]
  readonly config: JsonObject
  readonly redrive: boolean
  readonly fullRefresh: boolean
  /** What the steps of assets with partitions are to make; in order. */
  readonly partitions: readonly string[] | undefined
  readonly steps: readonly PlannedStep[]
  readonly options: SettledRunOptions
  /** Its location declares limits, so that it goes by the queue. */
  readonly limited: boolean
  /** What whoever asked for it should know of it. */
  readonly notes?: readonly string[]
}

/**
 * What a run would do, of the definitions that are in force.
 * @throws MillraceError `UNKNOWN_ASSET`, `ASSET_EXTERNAL`, `SELECTION_INVALID`, `CONFIG_INVALID`, `LOCATION_NOT_LOADED`, what `resolvePartitions` throws, and what forbids a redrive or a full refresh
 */
export async function planRun(database: Database, request: PlanRequest): Promise<PlannedRun> {
  const { version, manifest, specs, notes } = await chooseAssets(database, request)
  const { redrive = false, fullRefresh = false } = request
  if (fullRefresh) refuseRefresh(specs)
  if (redrive) refuseRedriving(specs)
  const config = checkRunConfig(specs, request.config ?? {})
  const partitions = await resolvePartitions(database, manifest.location, specs, request.partitions, request.at)
  if (partitions !== undefined && (fullRefresh || redrive)) refuseOfPartitions(fullRefresh)
  return { ...planOf(manifest, specs, { version, config, redrive, fullRefresh, partitions, options: request }), notes }
}

/** A run of these assets, of which it is known that they can be run so. */
export function planOf(
  manifest: Manifest,
  specs: readonly MadeAssetSpec[],
  run: Pick<PlannedRun, 'version' | 'config' | 'partitions'> &
    Partial<Pick<PlannedRun, 'redrive' | 'fullRefresh'>> & { readonly options: Pick<PlanRequest, 'tags' | 'ofJob'> & RunOptions },
): PlannedRun {
  const { redrive = false, fullRefresh = false, version, config, partitions } = run
  const chosen = new Set(specs.map(({ key }) => key))
  return {
    location: manifest.location,
    version,
    config,
    partitions,
    assets: [...chosen],
    redrive,
    fullRefresh,
    steps: specs.flatMap((spec) => [...opsOf(spec, chosen), ...multiOf(spec, specs), stepOf(spec, chosen, redrive)]),
    options: settleRunOptions(run.options, [run.options.ofJob, manifest.runs]),
    limited: manifest.limits !== undefined,
  }
}

function stepOf(spec: MadeAssetSpec, chosen: ReadonlySet<string>, redrive: boolean): PlannedStep {
  const graph = spec.kind === 'function' ? spec.graph : undefined
  const named = (steps: readonly string[] = []): string[] => steps.map((step) => `${spec.key}.${step}`)
  const madeBy = spec.kind === 'function' ? spec.madeBy : undefined
  const upstream = madeBy === undefined ? [...spec.deps.filter((dep) => chosen.has(dep)), ...named(graph?.upstream)] : [madeBy.name]
  // What is made by a function of several assets ends with that function's step, and takes no slots itself.
  const pool = madeBy === undefined ? spec.pool : undefined
  return {
    asset: spec.key,
    kind: spec.kind,
    upstream,
    collects: named(graph?.collects),
    status: upstream.length === 0 && pool === undefined ? beginOf[spec.kind] : 'waiting',
    destination: spec.kind === 'function' ? null : (spec.destination ?? null),
    // What is redriven joins the table by staging, as any load that is whole.
    eachBatch: spec.kind === 'table' && spec.table.eachBatch === true && !redrive,
    partitioned: spec.partitions !== undefined,
    pool,
    hooks: spec.hooks,
  }
}

/** The step of a function of several assets, before the first of those that it is asked for. */
function multiOf(spec: MadeAssetSpec, specs: readonly MadeAssetSpec[]): PlannedStep[] {
  if (spec.kind !== 'function' || spec.madeBy === undefined) return []
  const { name } = spec.madeBy
  const makes = specs.flatMap((one) => (one.kind === 'function' && one.madeBy?.name === name ? [one.key] : []))
  if (makes[0] !== spec.key) return []
  const chosen = new Set(specs.map(({ key }) => key))
  const made = specs.filter(({ key }) => makes.includes(key))
  const upstream = [...new Set(made.flatMap(({ deps }) => deps.filter((dep) => chosen.has(dep) && !makes.includes(dep))))]
  // Where the function fails its assets' steps are skipped, and it is this one that fails.
  const failed = [...new Set(made.flatMap(({ hooks }) => hooks?.failed ?? []))]
  return [
    {
      asset: name,
      kind: 'multi',
      upstream,
      status: upstream.length === 0 && spec.pool === undefined ? beginOf.multi : 'waiting',
      destination: null,
      eachBatch: false,
      partitioned: spec.partitions !== undefined,
      pool: spec.pool,
      hooks: failed.length === 0 ? undefined : { failed },
      makes,
    },
  ]
}

/** The ops that make a graph-backed asset's value. Those of branches are made once the items are known. */
function opsOf(spec: MadeAssetSpec, chosen: ReadonlySet<string>): PlannedStep[] {
  if (spec.kind !== 'function' || spec.graph === undefined) return []
  const deps = spec.deps.filter((dep) => chosen.has(dep))
  const named = (steps: readonly string[]): string[] => steps.map((step) => `${spec.key}.${step}`)
  return spec.graph.steps
    .filter(({ map }) => map === undefined)
    .map(({ name, upstream: inGraph, collects, pool, hooks }) => {
      const upstream = inGraph.length === 0 ? deps : named(inGraph)
      return {
        asset: `${spec.key}.${name}`,
        kind: 'op',
        partOf: spec.key,
        upstream,
        collects: named(collects),
        status: upstream.length === 0 && pool === undefined ? beginOf.op : 'waiting',
        destination: null,
        eachBatch: false,
        partitioned: spec.partitions !== undefined,
        pool,
        hooks,
      }
    })
}

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

function refuseOfPartitions(fullRefresh: boolean): void {
  if (fullRefresh) {
    throw new MillraceError('A run of partitions fetches them whole: there is nothing else to refresh.', {
      code: 'REFRESH_PARTITIONS',
      hint: 'Leave the full refresh out; to fetch all of an asset, start a backfill.',
    })
  }
  throw new MillraceError('Records are redriven whatever their partition.', { code: 'REDRIVE_PARTITIONS', hint: 'Leave the partitions out.' })
}

import * as z from 'zod'
import type { ExternalAsset } from './external-asset.ts'
import { checkAutomation } from './automation/check-automation.ts'
import { assetOfInput } from './function-asset.ts'
import type { FunctionAsset } from './function-asset.ts'
import type { MultiAsset } from './multi-asset.ts'
import { differs } from './hook.ts'
import type { Hook, Hooks } from './hook.ts'
import { checkDependency, checkSingleInput } from './partitions/check-partitions.ts'
import type { Job } from './ops/job.ts'
import type { GraphPlan } from './ops/plan.ts'
import { checkPoolUse, Pools } from './pool.ts'
import type { PoolUse } from './pool.ts'
import type { ResourceDefinition, Resources } from './resource.ts'
import { RunLimits, runOptionsOf, runOptionsShape } from './run-limits.ts'
import type { RunOptions } from './run-limits.ts'
import { checkSchedule } from './check-schedule.ts'
import type { Schedule } from './schedule.ts'
import { ownLocation } from './sensor.ts'
import type { Sensor } from './sensor.ts'
import { selectFor } from './selection/select-assets.ts'
import type { SqlAsset } from './sql-asset.ts'
import type { TableAsset } from './table.ts'
import { DestinationSpec } from './destination.ts'
import { tableNameOf } from './asset-key.ts'
import { blaming, DefinitionError } from './definition-error.ts'
import { inDependencyOrder } from './dependency-order.ts'
import { aDefinition, aFunction, anObject, aText, listOf } from './option-kinds.ts'
import { named, refuseWrong, required } from './option-shape.ts'
import type { OptionShape } from './option-shape.ts'
import type { Trace } from './definition-error.ts'
import { issuesOf } from './issues.ts'

export type Asset = TableAsset | SqlAsset | FunctionAsset | ExternalAsset

/** Those that are a table, or a view, of a destination. */
type StoredInPostgres = TableAsset | SqlAsset

export const isStored = (asset: Asset): asset is StoredInPostgres => asset.kind === 'table' || asset.kind === 'sql'

/** A stand-in for an outside system, used where MILLRACE_DEMO is on and `when` says that the real one is not configured. */
export interface Demo {
  readonly when: (env: Readonly<Record<string, string | undefined>>) => boolean
  /** Starts it. `env` is laid over the environment of the location's resources; `notice` is shown in log and board. */
  readonly start: () => Promise<{ readonly env: Readonly<Record<string, string>>; readonly notice: string; readonly stop: () => Promise<void> }>
}

export interface LocationOptions {
  readonly name: string
  /** One that makes several stands for all of them. */
  readonly assets?: readonly (Asset | MultiAsset)[]
  readonly jobs?: readonly Job[]
  readonly schedules?: readonly Schedule[]
  readonly sensors?: readonly Sensor[]
  /** How many of its runs go on at once. Default: as many as are launched. */
  readonly limits?: RunLimits
  /** Named bounds on how many steps run at once: how many slots each has. */
  readonly pools?: Pools
  /** What holds of its runs where a launch or a schedule says nothing else. */
  readonly runs?: RunOptions
  readonly demo?: Demo
}

/** A list of what a definer answers. */
const listOfDeclared = (what: string, example: string, ...kinds: readonly string[]) =>
  listOf(aDefinition(`${what}, as ${example} answers it`, ...kinds), `a list of what ${example} answers`)
const shape: OptionShape<LocationOptions> = {
  name: required(aText('shop')),
  assets: listOfDeclared('an asset', 'table({ … }) or asset({ … })', 'table', 'sql', 'function', 'external', 'multi'),
  jobs: listOfDeclared('a job', 'job({ … })', 'job'),
  schedules: listOfDeclared('a schedule', 'schedule({ … })', 'schedule'),
  sensors: listOfDeclared('a sensor', 'sensor({ … })', 'sensor'),
  limits: anObject('{ runs: 4 }'),
  pools: anObject('{ api: 2 }'),
  runs: anObject('{ retries: 1 }'),
  demo: anObject('{ when, start }'),
}
const demoShape: OptionShape<Demo> = {
  when: required(aFunction('(env) => env.SHOP_URL === undefined')),
  start: required(aFunction('async () => ({ env, notice, stop })')),
}

/** A code location: definitions deployed together by their own workers. */
export interface Location {
  readonly kind: 'location'
  readonly name: string
  /** Upstream before downstream. */
  readonly assets: readonly Asset[]
  readonly jobs: readonly Job[]
  readonly schedules: readonly Schedule[]
  readonly sensors: readonly Sensor[]
  /** Every hook of an asset, an op or a job, by its name. */
  readonly hooks: Readonly<Record<string, Hook>>
  /** Every resource that an asset, an op, a sensor, a schedule or a hook names. */
  readonly resources: Readonly<Record<string, ResourceDefinition<unknown>>>
  readonly limits: RunLimits
  readonly pools: Pools
  readonly runs: RunOptions
  readonly demo: Demo | undefined
}

/**
 * Declares a code location. A definitions file exports it as its default.
 * @throws DefinitionError on an option that cannot be, a key, table, destination, job or schedule defined twice, an unknown dependency, or a cycle.
 */
export function defineLocation(options: LocationOptions): Location {
  refuseWrong(named('location', options, 'name'), options, shape)
  if (options.demo !== undefined) refuseWrong(`The demo of the location ${options.name}`, options.demo, demoShape)
  if (!/^[a-z][a-z0-9_-]{0,39}$/.test(options.name)) {
    throw new DefinitionError(
      `The location name ${JSON.stringify(options.name)} must start with a small letter and have at most 40 small letters, digits, _ or -.`,
    )
  }
  const declared = (options.assets ?? []).flatMap((one): readonly Asset[] => (one.kind === 'multi' ? Object.values(one.assets) : [one]))
  refuseDuplicates(declared, (one) => one.key, 'The asset key', options.name)
  checkMultis(declared, options.name)
  const stored = declared.filter(isStored)
  checkDestinations(stored, options.name)
  refuseDuplicates(stored, placeOf, 'The table', options.name)
  const schedules = options.schedules ?? []
  refuseDuplicates(schedules, (one) => one.spec.name, 'The schedule', options.name)
  const jobs = options.jobs ?? []
  refuseDuplicates(jobs, (one) => one.name, 'The job', options.name)
  const sensors = options.sensors ?? []
  refuseDuplicates(sensors, (one) => one.spec.name, 'The sensor', options.name)
  const pools = parseOption(options.name, 'pools', Pools, options.pools ?? {})
  const byKey = new Map(declared.map((one) => [one.key, one]))
  const upstream = new Map(declared.map((one) => [one.key, blaming(one.declared, () => upstreamOf(one, byKey, options.name))]))
  const assets = inDependencyOrder(declared, `The assets of ${options.name}`, upstream)
  for (const one of [...assets.flatMap(poolUsersOf), ...jobs.flatMap(({ work }) => (work.kind === 'graph' ? poolUsersIn(work.plan) : []))])
    checkPoolUse(one.what, one.pool, pools, options.name)
  const keys = new Set(assets.map(({ key }) => key))
  for (const one of assets) if (one.kind !== 'external') checkAutomation(one, keys, options.name)
  for (const { name, work } of jobs) if (work.kind === 'assets') selectFor(`The job ${name} of ${options.name}`, assets, work.assets)
  for (const { spec } of schedules) checkSchedule(spec, assets, jobs, options.name)
  for (const { spec } of sensors) if (spec.assets.length > 0) selectFor(`The sensor ${spec.name} of ${options.name}`, assets, spec.assets)
  for (const { spec } of sensors) checkWatched(spec, assets, jobs, options.name)
  const hooks = collectHooks(assets, jobs, options.name)
  return {
    kind: 'location',
    name: options.name,
    assets,
    jobs,
    schedules,
    sensors,
    hooks,
    resources: collectResources(
      [
        ...assets.flatMap(usersOf),
        ...jobs.flatMap(opsOf),
        ...sensors.map(({ spec, resources }) => ({ by: `the sensor ${spec.name}`, resources })),
        ...schedules.map(({ spec, resources }) => ({ by: `the schedule ${spec.name}`, resources })),
        ...Object.values(hooks).map(({ name, resources }) => ({ by: `the hook ${name}`, resources })),
      ],
      options.name,
    ),
    limits: parseOption(options.name, 'limits', RunLimits, options.limits ?? {}),
    pools,
    runs: runsOf(options),
    demo: options.demo,
  }
}

function runsOf({ name, runs = {} }: Pick<LocationOptions, 'name' | 'runs'>): RunOptions {
  refuseWrong(`The runs of the location ${name}`, runs, runOptionsShape)
  return runOptionsOf(runs)
}

function parseOption<T>(location: string, what: string, schema: z.ZodType<T>, value: T): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new DefinitionError(`The ${what} of the location ${location} cannot be: ${issuesOf(parsed.error)}.`)
}

/** What a sensor watches in its own location is there; of others nothing is known here. */
function checkWatched({ name, watches }: Sensor['spec'], assets: readonly Asset[], jobs: readonly Job[], location: string): void {
  if (watches?.kind === 'assets' && (watches.location ?? location) === location) selectFor(`The sensor ${name} of ${location}`, assets, watches.assets)
  if (watches?.kind !== 'runs' || watches.locations?.every((one) => one === ownLocation || one === location) !== true) return
  const unknown = watches.jobs?.find((one) => !jobs.some((job) => job.name === one))
  if (unknown === undefined) return
  throw new DefinitionError(
    `The sensor ${name} watches the job ${unknown}, which the location ${location} does not define. Its jobs are: ${jobs.map((one) => one.name).join(', ') || 'none'}.`,
  )
}

function collectHooks(assets: readonly Asset[], jobs: readonly Job[], location: string): Record<string, Hook> {
  const plans = [
    ...assets.map((one) => (one.kind === 'function' ? one.plan : undefined)),
    ...jobs.map(({ work }) => (work.kind === 'assets' ? undefined : work.plan)),
  ]
  const ofOps = plans.flatMap((plan) => plan?.steps.map(({ op }) => op.hooks) ?? [])
  const used: (Hooks | undefined)[] = [...assets.map((one) => (one.kind === 'external' ? undefined : one.hooks)), ...jobs.map((one) => one.hooks), ...ofOps]
  const all = new Map<string, Hook>()
  for (const hook of used.flatMap((one) => (one === undefined ? [] : [...one.succeeded, ...one.failed]))) {
    const known = all.get(hook.name)
    if (known !== undefined && differs(known, hook)) {
      throw new DefinitionError(`Two different hooks of ${location} are called ${hook.name}. Make it once and use it in both places, or rename one of the two.`)
    }
    all.set(hook.name, hook)
  }
  return Object.fromEntries(all)
}

function refuseDuplicates<T>(items: readonly T[], nameOf: (item: T) => string, what: string, location: string): void {
  const seen = new Set<string>()
  for (const item of items) {
    const name = nameOf(item)
    if (seen.has(name))
      throw new DefinitionError(`${what} ${name} is defined twice in the location ${location}. Rename one of the two.`, { declared: traceOfItem(item) })
    seen.add(name)
  }
}

/** Where an item was declared, of the sorts that remember it. */
const traceOfItem = (item: unknown): Trace | undefined =>
  typeof item === 'object' && item !== null && 'declared' in item ? (item.declared as Trace) : undefined

/** A function of several assets comes with all of them, and its step has a name of its own. */
function checkMultis(assets: readonly Asset[], location: string): void {
  const keys = new Set(assets.map(({ key }) => key))
  const multis = new Map<string, MultiAsset>()
  for (const asset of assets) {
    const multi = asset.kind === 'function' ? asset.madeBy?.multi : undefined
    if (multi === undefined) continue
    if (keys.has(multi.key)) throw new DefinitionError(`${multi.key} makes several assets of ${location}, one of which has its name. Rename one of the two.`)
    if ((multis.get(multi.key) ?? multi) !== multi) {
      throw new DefinitionError(`Two functions of several assets are called ${multi.key} in the location ${location}. Rename one of the two.`)
    }
    multis.set(multi.key, multi)
    const missing = Object.values(multi.assets).filter((one) => !assets.includes(one))
    if (missing.length > 0) {
      throw new DefinitionError(
        `${multi.key} also makes ${missing.map(({ key }) => key).join(', ')}, which ${location} does not list. List ${multi.key} itself: it brings all of them.`,
      )
    }
  }
}

/** A table with its database, where that is not the default one. */
export function placeOf({ key, tableName, destination }: StoredInPostgres): string {
  const table = Object.values(tableNameOf(key, tableName)).join('.')
  return destination === undefined ? table : `${table} of the destination ${destination.name}`
}

/** One name is one database, whichever asset says it. */
function checkDestinations(assets: readonly StoredInPostgres[], location: string): void {
  const known = new Map<string, string>()
  for (const { key, destination } of assets) {
    if (destination === undefined) continue
    const declared = JSON.stringify(DestinationSpec.parse(destination))
    if ((known.get(destination.name) ?? declared) !== declared) {
      throw new DefinitionError(`Two different destinations of ${location} are called ${destination.name} (the second one by ${key}). Rename one of the two.`)
    }
    known.set(destination.name, declared)
  }
}

function upstreamOf(asset: Asset, byKey: ReadonlyMap<string, Asset>, location: string): Asset[] {
  const found = asset.deps.map((dep) => {
    const upstream = byKey.get(dep)
    if (upstream !== undefined) return upstream
    throw new DefinitionError(
      `${asset.key} depends on ${dep}, which the location ${location} does not define. Its assets are: ${[...byKey.keys()].join(', ')}.`,
    )
  })
  for (const upstream of found) checkDependency(asset, upstream)
  if (asset.kind === 'external' && asset.madeIn === location)
    throw new DefinitionError(`${asset.key} is made in ${location} itself, its own location. Leave \`madeIn\` out, or name another.`)
  if (asset.kind === 'function') checkInputs(asset, byKey)
  return found
}

/** What is handed in is the very asset that the location has: its I/O manager says where the value is. */
function checkInputs(asset: FunctionAsset, byKey: ReadonlyMap<string, Asset>): void {
  for (const [name, input] of Object.entries(asset.inputs)) {
    const handed = assetOfInput(input)
    const own = byKey.get(handed.key)
    if (own?.kind !== 'function') {
      throw new DefinitionError(
        `The input ${name} of ${asset.key} is ${handed.key}, which has no value that could be loaded: it is ${own?.kind === 'external' ? 'made by something else' : 'a table'}. Name it in deps, and query it.`,
      )
    }
    if (own !== handed) {
      throw new DefinitionError(
        `The input ${name} of ${asset.key} is another asset than the one of the location that is called ${handed.key}. Hand both the same.`,
      )
    }
    if (input.kind === 'function') checkSingleInput(name, asset, own)
  }
}

/** What is handed clients of resources. */
interface ResourceUser {
  readonly by: string
  readonly resources: Resources
}

function usersOf(asset: Asset): ResourceUser[] {
  if (asset.kind === 'sql' || asset.kind === 'external') return []
  return [{ by: asset.key, resources: asset.resources }, ...(asset.kind === 'function' && asset.plan !== undefined ? usersIn(asset.plan) : [])]
}

interface PoolUser {
  readonly what: string
  readonly pool: PoolUse | undefined
}

/** What of an asset takes slots: itself, and its ops. */
function poolUsersOf(asset: Asset): PoolUser[] {
  if (asset.kind === 'external') return []
  return [{ what: asset.key, pool: asset.pool }, ...(asset.kind === 'function' && asset.plan !== undefined ? poolUsersIn(asset.plan) : [])]
}

const poolUsersIn = ({ steps }: GraphPlan): PoolUser[] => steps.map(({ op }) => ({ what: `op ${op.name}`, pool: op.pool }))

const opsOf = ({ work }: Job): ResourceUser[] => (work.kind === 'assets' ? [] : usersIn(work.plan))

const usersIn = ({ steps }: GraphPlan): ResourceUser[] => steps.map(({ op }) => ({ by: `the op ${op.name}`, resources: op.resources }))

function collectResources(users: readonly ResourceUser[], location: string): Record<string, ResourceDefinition<unknown>> {
  const all: Record<string, ResourceDefinition<unknown>> = {}
  for (const { by, resources } of users) {
    for (const [name, definition] of Object.entries(resources)) {
      if (all[name] !== undefined && all[name] !== definition) {
        throw new DefinitionError(`Two different resources of ${location} are called ${name} (the second one by ${by}). Rename one of the two.`)
      }
      all[name] = definition
    }
  }
  return all
}

import type { FunctionAsset } from './function-asset.ts'
import type { ResourceDefinition } from './resource.ts'
import type { ScheduleSpec } from './schedule.ts'
import { selectAssets } from './selection/select-assets.ts'
import type { SqlAsset } from './sql-asset.ts'
import type { TableAsset } from './table.ts'
import { DestinationSpec } from './destination.ts'
import { tableNameOf } from './asset-key.ts'
import { DefinitionError } from './definition-error.ts'

export type Asset = TableAsset | SqlAsset | FunctionAsset

/** Those that are a table, or a view, of a destination. */
type StoredInPostgres = TableAsset | SqlAsset

/** A stand-in for an outside system, used where MILLRACE_DEMO is on and `when` says that the real one is not configured. */
export interface Demo {
  readonly when: (env: Readonly<Record<string, string | undefined>>) => boolean
  /** Starts it. `env` is laid over the environment of the location's resources; `notice` is shown in log and board. */
  readonly start: () => Promise<{ readonly env: Readonly<Record<string, string>>; readonly notice: string; readonly stop: () => Promise<void> }>
}

export interface LocationOptions {
  readonly name: string
  readonly assets: readonly Asset[]
  readonly schedules?: readonly ScheduleSpec[]
  readonly demo?: Demo
}

/** A code location: definitions deployed together by their own workers. */
export interface Location {
  readonly kind: 'location'
  readonly name: string
  /** Upstream before downstream. */
  readonly assets: readonly Asset[]
  readonly schedules: readonly ScheduleSpec[]
  /** Every resource that an asset names. */
  readonly resources: Readonly<Record<string, ResourceDefinition<unknown>>>
  readonly demo: Demo | undefined
}

/**
 * Declares a code location. A definitions file exports it as its default.
 * @throws DefinitionError on a key, table, destination or schedule defined twice, an unknown dependency, or a cycle.
 */
export function defineLocation(options: LocationOptions): Location {
  if (!/^[a-z][a-z0-9_-]{0,39}$/.test(options.name)) {
    throw new DefinitionError(
      `The location name ${JSON.stringify(options.name)} must start with a small letter and have at most 40 small letters, digits, _ or -.`,
    )
  }
  refuseDuplicates(options.assets, (one) => one.key, 'The asset key', options.name)
  const stored = options.assets.filter((one) => one.kind !== 'function')
  checkDestinations(stored, options.name)
  refuseDuplicates(stored, placeOf, 'The table', options.name)
  refuseDuplicates(options.schedules ?? [], (one) => one.name, 'The schedule', options.name)
  const assets = sortByDependency(options.assets, options.name)
  for (const schedule of options.schedules ?? []) selectAssets(assets, schedule.assets)
  return {
    kind: 'location',
    name: options.name,
    assets,
    schedules: options.schedules ?? [],
    resources: collectResources(assets, options.name),
    demo: options.demo,
  }
}

function refuseDuplicates<T>(items: readonly T[], nameOf: (item: T) => string, what: string, location: string): void {
  const seen = new Set<string>()
  for (const item of items) {
    const name = nameOf(item)
    if (seen.has(name)) throw new DefinitionError(`${what} ${name} is defined twice in the location ${location}. Rename one of the two.`)
    seen.add(name)
  }
}

/** A table with its database, where that is not the default one. */
function placeOf({ key, destination }: StoredInPostgres): string {
  const table = Object.values(tableNameOf(key)).join('.')
  return destination === undefined ? table : `${table} of the destination ${destination.name}`
}

/** One name is one database, whichever asset says it. */
function checkDestinations(assets: readonly StoredInPostgres[], location: string): void {
  const known = new Map<string, string>()
  for (const { key, destination } of assets) {
    if (destination === undefined) continue
    const parsed = DestinationSpec.safeParse(destination)
    if (!parsed.success) {
      throw new DefinitionError(
        `The destination of ${key} is not one. Hand it what destination({ name, url: fromEnv('…') }) answered, or leave it out for the default one.`,
      )
    }
    const declared = JSON.stringify(parsed.data)
    if ((known.get(parsed.data.name) ?? declared) !== declared) {
      throw new DefinitionError(`Two different destinations of ${location} are called ${parsed.data.name} (the second one by ${key}). Rename one of the two.`)
    }
    known.set(parsed.data.name, declared)
  }
}

function sortByDependency(assets: readonly Asset[], location: string): Asset[] {
  const byKey = new Map(assets.map((one) => [one.key, one]))
  const sorted: Asset[] = []
  const state = new Map<string, 'open' | 'done'>()
  const visit = (asset: Asset, path: readonly string[]): void => {
    if (state.get(asset.key) === 'done') return
    if (state.get(asset.key) === 'open') {
      throw new DefinitionError(`The assets of ${location} depend on each other in a circle: ${[...path, asset.key].join(' → ')}. Remove one of these deps.`)
    }
    state.set(asset.key, 'open')
    for (const dep of asset.deps) {
      const upstream = byKey.get(dep)
      if (upstream === undefined) {
        throw new DefinitionError(
          `${asset.key} depends on ${dep}, which the location ${location} does not define. Its assets are: ${[...byKey.keys()].join(', ')}.`,
        )
      }
      visit(upstream, [...path, asset.key])
    }
    if (asset.kind === 'function') checkInputs(asset, byKey)
    state.set(asset.key, 'done')
    sorted.push(asset)
  }
  for (const asset of assets) visit(asset, [])
  return sorted
}

/** What is handed in is the very asset that the location has: its I/O manager says where the value is. */
function checkInputs({ key, inputs }: FunctionAsset, byKey: ReadonlyMap<string, Asset>): void {
  for (const [name, input] of Object.entries(inputs)) {
    const own = byKey.get(input.key)
    if (own?.kind === 'function' && own === input) continue
    throw new DefinitionError(
      own?.kind === 'function'
        ? `The input ${name} of ${key} is another asset than the one of the location that is called ${input.key}. Hand both the same.`
        : `The input ${name} of ${key} is ${input.key}, which has no value that could be loaded: it is a table. Name it in deps, and query it.`,
    )
  }
}

function collectResources(assets: readonly Asset[], location: string): Record<string, ResourceDefinition<unknown>> {
  const all: Record<string, ResourceDefinition<unknown>> = {}
  for (const asset of assets) {
    if (asset.kind === 'sql') continue
    for (const [name, definition] of Object.entries(asset.resources)) {
      if (all[name] !== undefined && all[name] !== definition) {
        throw new DefinitionError(`Two different resources of ${location} are called ${name} (the second one by ${asset.key}). Rename one of the two.`)
      }
      all[name] = definition
    }
  }
  return all
}

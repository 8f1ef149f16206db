import { mappingOf } from './check-partitions.ts'
import type { PartitionMapping } from './partition-mapping.ts'
import type { PartitionsSpec } from './partitions-spec.ts'

interface Asset {
  readonly key: string
  readonly deps: readonly string[]
  readonly mappings?: Readonly<Record<string, PartitionMapping>> | undefined
  readonly partitions?: PartitionsSpec | undefined
  /** The function that makes it together with others. */
  readonly madeBy?: { readonly name: string } | undefined
}

/** Assets that one run makes together: they have the same partitions, and each is made from the very same partition of the others. */
export interface BackfillUnit {
  /** Upstream before downstream. */
  readonly assets: readonly string[]
  readonly partitions: PartitionsSpec | undefined
  /** Units, by their places, that must be there first. */
  readonly upstream: readonly { readonly unit: number; readonly mapping: PartitionMapping }[]
}

/**
 * @param assets upstream before downstream
 * @returns units, each of which has only units before it as its upstream
 */
export function unitsOf(assets: readonly Asset[]): BackfillUnit[] {
  const byKey = new Map(assets.map((one) => [one.key, one]))
  const units: { readonly assets: string[]; readonly partitions: PartitionsSpec | undefined }[] = []
  const unitOf = new Map<string, number>()
  const unitOfMulti = new Map<string, number>()
  const siblings = Map.groupBy(assets, ({ madeBy }) => madeBy?.name)
  for (const asset of assets) {
    // What one function makes has the same partitions, and one run makes it: after all that any of it is made from.
    const twins = asset.madeBy === undefined ? undefined : unitOfMulti.get(asset.madeBy.name)
    if (twins !== undefined) {
      units[twins]?.assets.push(asset.key)
      unitOf.set(asset.key, twins)
      continue
    }
    const together = asset.madeBy === undefined ? [asset] : (siblings.get(asset.madeBy.name) ?? [])
    const above = together.flatMap((one) => one.deps.filter((dep) => unitOf.has(dep)).map((dep) => ({ one, dep })))
    // The last unit that it is made from is the only one that it can join: all others are before that one.
    const last = Math.max(-1, ...above.map(({ dep }) => unitOf.get(dep) ?? -1))
    const joins = last >= 0 && above.every(({ one, dep }) => unitOf.get(dep) !== last || isSame(one, byKey.get(dep)))
    if (joins) units[last]?.assets.push(asset.key)
    else units.push({ assets: [asset.key], partitions: asset.partitions })
    const unit = joins ? last : units.length - 1
    unitOf.set(asset.key, unit)
    if (asset.madeBy !== undefined) unitOfMulti.set(asset.madeBy.name, unit)
  }
  return units.map((unit, place) => ({ ...unit, upstream: upstreamUnits(unit.assets, place, byKey, unitOf) }))
}

function upstreamUnits(
  keys: readonly string[],
  place: number,
  byKey: ReadonlyMap<string, Asset>,
  unitOf: ReadonlyMap<string, number>,
): BackfillUnit['upstream'] {
  const edges = new Map<string, BackfillUnit['upstream'][number]>()
  for (const key of keys) {
    const asset = byKey.get(key)
    for (const dep of asset?.deps ?? []) {
      const [unit, upstream] = [unitOf.get(dep), byKey.get(dep)]
      if (asset === undefined || upstream === undefined || unit === undefined || unit === place) continue
      const edge = { unit, mapping: mappingBetween(asset, upstream) }
      edges.set(JSON.stringify(edge), edge)
    }
  }
  return [...edges.values()]
}

function mappingBetween(downstream: Asset, upstream: Asset): PartitionMapping {
  return mappingOf({ mappings: downstream.mappings ?? {}, partitions: downstream.partitions }, { key: upstream.key, partitions: upstream.partitions })
}

function isSame(downstream: Asset, upstream: Asset | undefined): boolean {
  if (upstream === undefined || JSON.stringify(downstream.partitions) !== JSON.stringify(upstream.partitions)) return false
  return downstream.partitions === undefined || mappingBetween(downstream, upstream).kind === 'same'
}

import { isObject } from './describe-value.ts'
import { aKind, fitting, listOf } from './option-kinds.ts'
import { refuseWrong, required } from './option-shape.ts'
import type { Kind, OptionShape } from './option-shape.ts'
import { PartitionMapping } from './partitions/partition-mapping.ts'

/** Another asset, or its key. */
export type AssetReference = string | { readonly key: string }

/** An asset that must be up to date first; `partitions` says which of its partitions one of ours is made from, where that is not the one with the same key, or the same time. */
export type Dependency = AssetReference | { readonly asset: AssetReference; readonly partitions: PartitionMapping }

export const keyOf = (reference: AssetReference): string => (typeof reference === 'string' ? reference : reference.key)

const isReference = (value: unknown): value is AssetReference => typeof value === 'string' || (isObject(value) && typeof value['key'] === 'string')

/** An asset, or its key. */
export const referenceKind: Kind = aKind("an asset, or its key as 'shop/orders'", isReference)
export const mappingKind: Kind = fitting(PartitionMapping, 'what a function of `mapPartitions` answers, as mapPartitions.last()')
export const depsKind: Kind = listOf(
  aKind("an asset, its key as 'shop/orders', or { asset, partitions }", (value) => isReference(value) || (isObject(value) && 'asset' in value)),
  "a list of assets or their keys, as ['shop/orders']",
)
const mappedShape: OptionShape<Extract<Dependency, { readonly asset: unknown }>> = { asset: required(referenceKind), partitions: required(mappingKind) }

/** The keys of dependencies, each once, and the mappings that they name. @throws DefinitionError for one that cannot be */
export function readDependencies(dependencies: readonly Dependency[]): {
  readonly deps: readonly string[]
  readonly mappings: Readonly<Record<string, PartitionMapping>>
} {
  const deps = new Set<string>()
  const mappings: Record<string, PartitionMapping> = {}
  for (const one of dependencies) {
    const mapped = typeof one === 'object' && 'asset' in one ? one : undefined
    if (mapped !== undefined) refuseWrong(isReference(mapped.asset) ? `The dependency on ${keyOf(mapped.asset)}` : 'A dependency', mapped, mappedShape)
    const key = keyOf(mapped?.asset ?? (one as AssetReference))
    deps.add(key)
    if (mapped !== undefined) mappings[key] = mapped.partitions
  }
  return { deps: [...deps], mappings }
}

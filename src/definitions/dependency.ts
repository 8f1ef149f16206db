import { refuseUnknown } from './known-options.ts'
import type { OptionNames } from './known-options.ts'
import type { PartitionMapping } from './partitions/partition-mapping.ts'

/** Another asset, or its key. */
export type AssetReference = string | { readonly key: string }

/** An asset that must be up to date first; `partitions` says which of its partitions one of ours is made from, where that is not the one with the same key, or the same time. */
export type Dependency = AssetReference | { readonly asset: AssetReference; readonly partitions: PartitionMapping }

export const keyOf = (reference: AssetReference): string => (typeof reference === 'string' ? reference : reference.key)

const mappedNames: OptionNames<Extract<Dependency, { readonly asset: unknown }>> = { asset: true, partitions: true }

/** The keys of dependencies, each once, and the mappings that they name. @throws DefinitionError for an option that there is not */
export function readDependencies(dependencies: readonly Dependency[]): {
  readonly deps: readonly string[]
  readonly mappings: Readonly<Record<string, PartitionMapping>>
} {
  const deps = new Set<string>()
  const mappings: Record<string, PartitionMapping> = {}
  for (const one of dependencies) {
    const mapped = typeof one === 'object' && 'asset' in one ? one : undefined
    const key = keyOf(mapped?.asset ?? (one as AssetReference))
    if (mapped !== undefined) refuseUnknown(`The dependency on ${key}`, mapped, mappedNames)
    deps.add(key)
    if (mapped !== undefined) mappings[key] = mapped.partitions
  }
  return { deps: [...deps], mappings }
}

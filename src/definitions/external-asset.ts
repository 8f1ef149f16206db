import { factShape, readFacts } from './asset-facts.ts'
import type { AssetFacts, AssetFactsOptions } from './asset-facts.ts'
import { checkAssetKey } from './asset-key.ts'
import { depsKind, readDependencies } from './dependency.ts'
import type { Dependency } from './dependency.ts'
import { freshnessOf, freshnessShape } from './freshness.ts'
import type { FreshnessOption, FreshnessSpec } from './freshness.ts'
import { aText } from './option-kinds.ts'
import { named, refuseWrong } from './option-shape.ts'
import type { OptionShape } from './option-shape.ts'
import { keyShape, withWholeKey } from './key-prefix.ts'
import type { KeyOptions } from './key-prefix.ts'
import type { PartitionMapping } from './partitions/partition-mapping.ts'
import { partitionsKind } from './partitions/partitions-kind.ts'
import type { PartitionsSpec } from './partitions/partitions-spec.ts'

export interface ExternalAssetOptions extends KeyOptions, AssetFactsOptions, FreshnessOption {
  /** Assets that it is made from, for whoever looks at the lineage. */
  readonly deps?: readonly Dependency[]
  /** What of it is reported by itself: a day, say. */
  readonly partitions?: PartitionsSpec
  /** The code location of this installation that makes it, under the same key: what is made there need not be reported. */
  readonly madeIn?: string
}

const shape: OptionShape<ExternalAssetOptions> = {
  ...factShape,
  ...freshnessShape,
  ...keyShape,
  deps: depsKind,
  partitions: partitionsKind,
  madeIn: aText('shop'),
}

/** An asset that something else materializes and reports to us. No run makes it. */
export interface ExternalAsset extends AssetFacts {
  readonly kind: 'external'
  readonly key: string
  readonly deps: readonly string[]
  readonly mappings: Readonly<Record<string, PartitionMapping>>
  readonly partitions: PartitionsSpec | undefined
  readonly freshness: FreshnessSpec | undefined
  /** Undefined: who makes it reports it. */
  readonly madeIn: string | undefined
}

/**
 * Declares an asset that something else materializes. That it did is reported by `millrace assets report`, or over the API; of one of another code location it is known.
 * @throws DefinitionError when the key is not one, or an option cannot be
 */
export function externalAsset(given: ExternalAssetOptions): ExternalAsset {
  const options = withWholeKey(given)
  refuseWrong(named('external asset', options, 'key'), options, shape)
  checkAssetKey(options.key)
  const { key, deps = [], partitions, madeIn } = options
  return {
    kind: 'external',
    key,
    ...readFacts(key, options),
    ...readDependencies(deps),
    partitions,
    freshness: freshnessOf(key, options, partitions),
    madeIn,
  }
}

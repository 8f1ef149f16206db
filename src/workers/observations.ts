import { readMoment } from '../catalog/partition-moment.ts'
import type { SeenAsset } from '../catalog/observations.ts'
import type { ClaimedStep } from '../catalog/claims.ts'
import { keyOf } from '../definitions/dependency.ts'
import type { AssetReference } from '../definitions/dependency.ts'
import { storedMetadata } from '../definitions/metadata/fields.ts'
import type { Observation, Observe } from '../definitions/observe.ts'
import { requirePartition } from '../definitions/partitions/choose-partitions.ts'
import { partitionSet } from '../definitions/partitions/partition-set.ts'
import type { PartitionMoment } from '../definitions/partitions/partition-set.ts'
import type { PartitionsSpec } from '../definitions/partitions/partitions-spec.ts'
import { DataError } from '../errors.ts'
import type { WorkerContext } from './context.ts'

/** Of one attempt: each is a row and an event of the transaction that ends the step. */
const most = 10_000

/** An asset that may be observed. */
export interface Observable {
  readonly key: string
  /** `unknown`: whatever is named is taken. */
  readonly partitions: PartitionsSpec | 'unknown' | undefined
}

/** What a step's function sees of assets in one attempt. */
export interface Observations {
  /** What the function is handed. @param partition the one that it is called for */
  readonly observe: (partition?: string) => Observe
  /** Looks whether there are the partitions that were named since the last time. @throws MillraceError `UNKNOWN_PARTITION` */
  readonly check: () => Promise<void>
  /** What was looked at: whatever a function notes after it has answered is left out. */
  readonly seen: readonly SeenAsset[]
}

export interface ObservedIn {
  /** What the function makes. */
  readonly own: readonly string[]
  readonly find: (key: string) => Observable | undefined
  readonly momentOf: (specs: readonly PartitionsSpec[]) => Promise<PartitionMoment>
}

/** What the function of a claimed step sees of assets of its location. @param own what it makes */
export function observationsOf(context: WorkerContext, { location }: ClaimedStep, own: readonly string[]): Observations {
  const assets = context.locations.get(location)?.location.assets ?? []
  return createObservations({
    own,
    find: (key) => assets.find((one) => one.key === key),
    momentOf: (specs) => readMoment(context.pool, location, specs),
  })
}

export function createObservations({ own, find, momentOf }: ObservedIn): Observations {
  const seen: SeenAsset[] = []
  let checked = 0
  const note = (called: string | undefined, reference: AssetReference | undefined, { metadata = {}, partition }: Observation): void => {
    const key = reference === undefined ? onlyOne(own) : keyOf(reference)
    const asset = find(key)
    if (asset === undefined) throw new DataError(`There is no asset ${key} in this location that could be observed.`, { code: 'UNKNOWN_ASSET' })
    if (seen.length === most) {
      throw new DataError(`More than ${most.toLocaleString('en')} observations of one attempt.`, {
        code: 'TOO_MANY_OBSERVATIONS',
        hint: 'Put what was seen of one asset into the metadata of one observation.',
      })
    }
    const of = partition ?? (own.includes(key) ? called : undefined)
    checkNamed(asset, of)
    seen.push({ asset: key, partition: of, metadata: storedMetadata(key, metadata) })
  }
  return {
    get seen() {
      return seen.slice(0, checked)
    },
    observe:
      (called) =>
      (first: AssetReference | Observation, second: Observation = {}): void =>
        typeof first === 'string' || 'key' in first ? note(called, first, second) : note(called, undefined, first),
    async check() {
      const upTo = seen.length
      const named = seen.slice(checked, upTo).flatMap(({ asset, partition }) => {
        const spec = find(asset)?.partitions
        return partition === undefined || spec === undefined || spec === 'unknown' ? [] : [{ asset, partition, spec }]
      })
      if (named.length > 0) {
        const moment = await momentOf(named.map(({ spec }) => spec))
        const sets = new Map(named.map(({ asset, spec }) => [asset, partitionSet(spec, moment)]))
        for (const { asset, partition } of named) {
          const set = sets.get(asset)
          if (set !== undefined) requirePartition(set, partition, asset)
        }
      }
      checked = upTo
    },
  }
}

function onlyOne(own: readonly string[]): string {
  const [key, ...others] = own
  if (key !== undefined && others.length === 0) return key
  throw new DataError('An observation says of which asset it is, unless it is of the one asset that the function makes.', {
    code: 'OBSERVATION_OF_NOTHING',
    hint: "Name it: observe('crm/accounts', { metadata }).",
  })
}

function checkNamed({ key, partitions }: Observable, partition: string | undefined): void {
  if (partitions === undefined && partition !== undefined)
    throw new DataError(`${key} has no partitions.`, { code: 'NO_PARTITIONS', hint: 'Leave the partition out.' })
  if (partitions !== undefined && partitions !== 'unknown' && partition === undefined)
    throw new DataError(`${key} has partitions: say which of them was observed.`, { code: 'PARTITION_NEEDED' })
}

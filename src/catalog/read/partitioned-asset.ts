import { knownInstead } from '../../definitions/known-instead.ts'
import { partitionSet } from '../../definitions/partitions/partition-set.ts'
import type { PartitionSet } from '../../definitions/partitions/partition-set.ts'
import type { PartitionsSpec } from '../../definitions/partitions/partitions-spec.ts'
import { MillraceError } from '../../errors.ts'
import { readMoment } from '../partition-moment.ts'
import type { LocationReader } from './locations.ts'
import type { Queryable } from './row.ts'

/** An asset of the definitions in force, with the partitions that it has now. */
export interface PartitionedAsset {
  readonly location: string
  readonly asset: string
  /** Undefined where it has none. */
  readonly spec: PartitionsSpec | undefined
  readonly set: PartitionSet | undefined
}

/**
 * The asset that a key names.
 * @throws MillraceError `UNKNOWN_ASSET`, `LOCATION_AMBIGUOUS`
 */
export async function findAsset(db: Queryable, locations: LocationReader, asset: string, location: string | undefined): Promise<PartitionedAsset> {
  const all = (await locations.all(db)).filter(({ name }) => location === undefined || name === location)
  const [found, ...others] = all.flatMap(({ name, manifest }) => (manifest?.assets ?? []).filter(({ key }) => key === asset).map((spec) => ({ name, spec })))
  if (found === undefined) {
    throw new MillraceError(`There is no asset ${asset}${location === undefined ? '' : ` in ${location}`}.`, {
      code: 'UNKNOWN_ASSET',
      hint: knownInstead(
        asset,
        all.flatMap(({ manifest }) => (manifest?.assets ?? []).map(({ key }) => key)),
        { what: 'assets', list: 'millrace assets list' },
      ),
    })
  }
  if (others.length > 0) {
    throw new MillraceError(`Several code locations have the asset ${asset}: ${[found, ...others].map(({ name }) => name).join(', ')}.`, {
      code: 'LOCATION_AMBIGUOUS',
      hint: 'Say which one by naming the location.',
    })
  }
  const { partitions } = found.spec
  const set = partitions === undefined ? undefined : partitionSet(partitions, await readMoment(db, found.name, [partitions]))
  return { location: found.name, asset, spec: partitions, set }
}

/**
 * As `findAsset`, of an asset that has partitions.
 * @throws MillraceError `UNKNOWN_ASSET`, `LOCATION_AMBIGUOUS`, `NO_PARTITIONS`
 */
export async function findPartitions(
  db: Queryable,
  locations: LocationReader,
  asset: string,
  location: string | undefined,
): Promise<{ readonly location: string; readonly spec: PartitionsSpec; readonly set: PartitionSet }> {
  const found = await findAsset(db, locations, asset, location)
  if (found.spec !== undefined && found.set !== undefined) return { location: found.location, spec: found.spec, set: found.set }
  throw new MillraceError(`${asset} has no partitions.`, { code: 'NO_PARTITIONS', hint: 'It is materialized as a whole.' })
}

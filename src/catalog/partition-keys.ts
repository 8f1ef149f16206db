import type pg from 'pg'
import type { Manifest } from '../definitions/manifest.ts'
import { partitionsOfJob } from '../definitions/ops/job-spec.ts'
import { dimensionSeparator } from '../definitions/partitions/partition-set.ts'
import { PartitionKey } from '../definitions/partitions/partitions-spec.ts'
import type { PartitionsSpec } from '../definitions/partitions/partitions-spec.ts'
import { MillraceError } from '../errors.ts'
import { transaction } from './database.ts'
import type { Database } from './database.ts'
import { insertEvents } from './events.ts'
import type { LocationReader } from './read/locations.ts'
import type { Queryable } from './read/row.ts'

/** The keys of dynamic partitions that some asset or job of a location has. */
export interface DynamicPartitions {
  readonly location: string
  readonly name: string
  /** Whether they are one of two dimensions anywhere. */
  readonly dimension: boolean
}

/**
 * The dynamic partitions of that name.
 * @throws MillraceError `LOCATION_NOT_LOADED`, `LOCATION_AMBIGUOUS`, `UNKNOWN_PARTITIONS`
 */
export async function findDynamicPartitions(db: Queryable, locations: LocationReader, name: string, location: string | undefined): Promise<DynamicPartitions> {
  const all = (await locations.all(db)).flatMap((one) => (one.manifest === null || (location !== undefined && one.name !== location) ? [] : [one.manifest]))
  if (all.length === 0 && location !== undefined) {
    throw new MillraceError(`The location ${location} is not loaded.`, { code: 'LOCATION_NOT_LOADED', hint: 'Start a worker for it.' })
  }
  const named = all.flatMap((manifest) => dynamicPartitionsOf(manifest))
  const [found, ...others] = named.filter((one) => one.name === name)
  if (found === undefined) {
    const names = [...new Set(named.map((one) => one.name))]
    throw new MillraceError(`There are no dynamic partitions ${name}${location === undefined ? '' : ` in ${location}`}.`, {
      code: 'UNKNOWN_PARTITIONS',
      hint: names.length === 0 ? 'No asset or job has any: see dynamicPartitions().' : `There are: ${names.join(', ')}.`,
    })
  }
  if (others.length > 0) {
    throw new MillraceError(`Several code locations have dynamic partitions ${name}: ${[found, ...others].map((one) => one.location).join(', ')}.`, {
      code: 'LOCATION_AMBIGUOUS',
      hint: 'Say which one by naming the location.',
    })
  }
  return found
}

/** All that assets and jobs of a location have. */
export function dynamicPartitionsOf({ location, assets, jobs }: Manifest): DynamicPartitions[] {
  const found = new Map<string, DynamicPartitions>()
  for (const partitions of [...assets.map((one) => one.partitions), ...jobs.map(partitionsOfJob)]) {
    for (const { name, dimension } of partitions === undefined ? [] : namesOf(partitions)) {
      found.set(name, { location, name, dimension: dimension || found.get(name)?.dimension === true })
    }
  }
  return [...found.values()]
}

function namesOf(spec: PartitionsSpec): { readonly name: string; readonly dimension: boolean }[] {
  if (spec.kind === 'multi') {
    return spec.dimensions.flatMap(({ partitions }) => (partitions.kind === 'dynamic' ? [{ name: partitions.name, dimension: true }] : []))
  }
  return spec.kind === 'dynamic' ? [{ name: spec.name, dimension: false }] : []
}

export interface KeyChange {
  readonly add: readonly string[]
  readonly remove: readonly string[]
  /** `api`, `page`, `cli`, or `sensor NAME`. */
  readonly by: string
}

/**
 * Adds and removes keys. New ones come after all that there are; one that is there already, or is not there to be removed, is no fault. What is known of the
 * materializations of a removed one stays.
 * @throws MillraceError `PARTITION_KEY_INVALID`
 */
export function changePartitionKeys(pool: pg.Pool, partitions: DynamicPartitions, change: KeyChange): Promise<ChangedKeys> {
  return transaction(pool, (client) => changeKeys(client, partitions, change))
}

export interface ChangedKeys {
  readonly added: number
  readonly removed: number
}

/** The same in the caller's transaction. */
export async function changeKeys(client: Database, partitions: DynamicPartitions, { add, remove, by }: KeyChange): Promise<ChangedKeys> {
  const { location, name } = partitions
  for (const key of add) checkKey(partitions, key)
  const both = add.find((key) => remove.includes(key))
  if (both !== undefined) throw invalid(`The key ${JSON.stringify(both)} is to be added and removed at once.`)
  // One after the other: their order is that in which they came, and two that add the same keys in another order do not wait for each other.
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('millrace partition keys ' || $1 || ' ' || $2, 0))`, [location, name])
  const removed = await client.query(`DELETE FROM millrace.partition_key WHERE location = $1 AND name = $2 AND key = ANY($3)`, [location, name, remove])
  const added = await client.query(
    `INSERT INTO millrace.partition_key (location, name, key) SELECT $1, $2, a.key FROM unnest($3::text[]) WITH ORDINALITY AS a(key, n) ORDER BY a.n
     ON CONFLICT DO NOTHING`,
    [location, name, add],
  )
  const done = { added: added.rowCount ?? 0, removed: removed.rowCount ?? 0 }
  if (done.added + done.removed > 0) {
    const message = `${String(done.added)} keys were added to the partitions ${name}, and ${String(done.removed)} removed, by ${by}.`
    await insertEvents(client, [{ kind: 'partition keys', message, data: { location, name, add: add.slice(0, 1000), remove: remove.slice(0, 1000) } }])
  }
  return done
}

function checkKey({ name, dimension }: DynamicPartitions, key: string): void {
  const parsed = PartitionKey.safeParse(key)
  if (!parsed.success) throw invalid(`${JSON.stringify(key.slice(0, 300))} can be no key of ${name}: ${parsed.error.issues[0]?.message ?? ''}.`)
  if (dimension && key.includes(dimensionSeparator)) {
    throw invalid(`${JSON.stringify(key)} can be no key of ${name}: "${dimensionSeparator}" stands between the keys of two dimensions.`)
  }
}

const invalid = (message: string): MillraceError => new MillraceError(message, { code: 'PARTITION_KEY_INVALID', hint: 'Nothing was changed.' })

export interface KnownKey {
  readonly key: string
  readonly addedAt: Date
  /** Counts up; where the next page begins. */
  readonly ordinal: string
}

/** The keys, in the order in which they came. */
export async function readPartitionKeys(db: Queryable, { location, name }: DynamicPartitions, after: string, limit: number): Promise<KnownKey[]> {
  const { rows } = await db.query<KnownKey>(
    `SELECT key, added_at AS "addedAt", ordinal::text AS ordinal FROM millrace.partition_key WHERE location = $1 AND name = $2 AND ordinal > $3 ORDER BY ordinal LIMIT $4`,
    [location, name, after, limit],
  )
  return rows
}

import type { TakenChange } from '../../catalog/automation.ts'
import { countPartitions, failedAssets, materializedAssets, openBackfillUnits, openSteps, partitionFacts } from '../../catalog/automation-facts.ts'
import type { Database } from '../../catalog/database.ts'
import { readMoment } from '../../catalog/partition-moment.ts'
import { withParts } from '../../definitions/automation/condition.ts'
import type { Manifest } from '../../definitions/manifest.ts'
import { partitionSet } from '../../definitions/partitions/partition-set.ts'
import { cellsAbove, everyPartition, idOf, lastTimes } from './facts.ts'
import type { Cell, Facts, Update } from './facts.ts'
import { cellsToJudge } from './judge.ts'

/** Reads what the conditions of a location look at, by a fixed number of queries for all of its assets. */
export async function readFacts(database: Database, { location, assets }: Manifest, changes: readonly TakenChange[], before: Date | undefined): Promise<Facts> {
  const specs = new Map(assets.map((one) => [one.key, one]))
  const parts = assets.flatMap(({ automation }) => (automation === undefined ? [] : withParts(automation)))
  const uses = (kind: string): boolean => parts.some((part) => part.kind === kind)
  const materialized = new Map<string, number>()
  for (const { key, at } of await materializedAssets(database, location)) {
    if (specs.get(key)?.partitions === undefined) materialized.set(idOf({ asset: key, partition: '' }), at.getTime())
  }
  const steps = await openSteps(database, location)
  const moment = await readMoment(
    database,
    location,
    assets.map(({ partitions }) => partitions),
  )
  const sets = new Map(assets.flatMap(({ key, partitions }) => (partitions === undefined ? [] : [[key, partitionSet(partitions, moment)] as const])))
  const { asked, whole } = partitionsAsked(assets, { specs, sets })
  const failed = new Set<string>()
  for (const fact of await partitionFacts(database, location, asked)) {
    const id = idOf(fact)
    if (fact.materializedAt !== null) materialized.set(id, fact.materializedAt.getTime())
    if (fact.failed) failed.add(id)
  }
  for (const { asset, count, at } of await countPartitions(database, location, whole)) {
    if (count >= (sets.get(asset)?.count ?? 0)) materialized.set(idOf({ asset, partition: everyPartition }), at.getTime())
  }
  if (uses('executionFailed')) {
    const plain = assets.filter(({ partitions }) => partitions === undefined).map(({ key }) => key)
    for (const asset of await failedAssets(database, location, plain)) failed.add(idOf({ asset, partition: '' }))
  }
  const backfilling = new Map<string, string>()
  if (uses('backfillInProgress')) {
    const keys = [...new Set(asked.flatMap(({ partitions }) => partitions))]
    for (const unit of await openBackfillUnits(database, location, keys)) noteMakers(backfilling, unit.assets, unit.partitions, unit.id)
  }
  const running = new Map<string, string>()
  for (const { asset, partitions, runId } of steps) noteMakers(running, [asset], partitions ?? [null], runId)
  const now = moment.now.getTime()
  const { updates, wiped } = updatesOf(changes, sets)
  return { now, before: before?.getTime(), specs, sets, updates, wiped, materialized, failed, running, backfilling, lastTime: lastTimes(now) }
}

function noteMakers(makers: Map<string, string>, assets: readonly string[], partitions: readonly (string | null)[], by: string): void {
  for (const asset of assets) {
    makers.set(idOf({ asset, partition: everyPartition }), by)
    for (const partition of partitions) makers.set(idOf({ asset, partition: partition ?? '' }), by)
  }
}

/** The partitions whose state conditions ask for, and the assets of which only the whole is looked at. */
function partitionsAsked(assets: Manifest['assets'], facts: Pick<Facts, 'specs' | 'sets'>) {
  const asked = new Map<string, Set<string>>()
  const whole = new Set<string>()
  const add = ({ asset, partition }: Cell): void => {
    if (partition === everyPartition) whole.add(asset)
    else if (partition !== '') asked.set(asset, (asked.get(asset) ?? new Set()).add(partition))
  }
  for (const spec of assets) {
    if (spec.automation === undefined) continue
    const named = withParts(spec.automation).flatMap((part) => (part.kind === 'asset' ? [part.key] : []))
    for (const cell of cellsToJudge(spec, facts.sets.get(spec.key))) {
      add(cell)
      for (const dep of spec.deps) for (const above of cellsAbove(facts, cell, dep)) add(above)
      for (const key of named) {
        const set = facts.sets.get(key)
        if (set !== undefined) add({ asset: key, partition: set.indexOf(cell.partition) >= 0 ? cell.partition : everyPartition })
      }
    }
  }
  return { asked: [...asked].map(([asset, partitions]) => ({ asset, partitions: [...partitions] })), whole: [...whole] }
}

/** What was updated and wiped, each cell once, by the latest change. */
function updatesOf(changes: readonly TakenChange[], sets: Facts['sets']): Pick<Facts, 'updates' | 'wiped'> {
  const updates = new Map<string, Update>()
  const wiped = new Set<string>()
  for (const { kind, asset, partition, at, began, runId, runAssets, runPartitions } of changes) {
    if (asset === null || (kind !== 'updated' && kind !== 'wiped')) continue
    const isWhole = partition === null
    // Of an asset with partitions each of them tells its own; the asset's row says that some of it was updated.
    const id = idOf({ asset, partition: partition ?? (sets.has(asset) ? everyPartition : '') })
    if (kind === 'wiped') {
      wiped.add(id)
      if (!isWhole) wiped.add(idOf({ asset, partition: everyPartition }))
      updates.delete(id)
      continue
    }
    wiped.delete(id)
    updates.set(id, {
      at: at.getTime(),
      began: (began ?? at).getTime(),
      run: runId ?? undefined,
      runAssets: new Set(runAssets ?? []),
      runPartitions: runPartitions === null ? undefined : new Set(runPartitions),
    })
  }
  return { updates, wiped }
}

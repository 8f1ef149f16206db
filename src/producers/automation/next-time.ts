import { withParts } from '../../definitions/automation/condition.ts'
import type { AssetSpec } from '../../definitions/manifest.ts'
import type { PartitionSet } from '../../definitions/partitions/partition-set.ts'
import { nextTick } from '../schedules.ts'
import type { Facts } from './facts.ts'

/** When conditions are to be evaluated though nothing happens: at the next time of a cron expression, or when a window of time ends and a partition comes into being. */
export function nextTimeOf(assets: readonly AssetSpec[], { now, sets }: Pick<Facts, 'now' | 'sets'>): Date | undefined {
  const after = new Date(now)
  const crons = new Map<string, number>()
  const times: number[] = []
  for (const { key, deps, automation } of assets) {
    if (automation === undefined) continue
    for (const part of withParts(automation)) {
      if (part.kind !== 'cronTickPassed') continue
      const id = `${part.cron}\0${part.timeZone}`
      if (!crons.has(id)) crons.set(id, nextTick({ cron: [part.cron], timeZone: part.timeZone }, after).getTime())
    }
    for (const one of [key, ...deps]) {
      const set = sets.get(one)
      if (set !== undefined) times.push(...windowEnds(set, now))
    }
  }
  const next = Math.min(...crons.values(), ...new Set(times))
  return Number.isFinite(next) ? new Date(next) : undefined
}

/** The end of the window of time that is under way. */
function windowEnds(set: PartitionSet, now: number): number[] {
  if (set.dimensions !== undefined) return set.dimensions.flatMap((one) => windowEnds(one.set, now))
  if (set.time === undefined) return []
  const { cadence } = set.time
  return [cadence.step(cadence.atOrBefore(now), 1)]
}

import { readMoment } from '../catalog/partition-moment.ts'
import { readLiveProcesses } from '../catalog/read/processes.ts'
import type { ProcessRead } from '../catalog/read/processes.ts'
import { readLastRequests } from '../catalog/read/automation.ts'
import type { EvaluationRead } from '../catalog/read/automation.ts'
import { readLocationStandings } from '../catalog/read/locations.ts'
import { countGivenUp } from '../catalog/read/outbox.ts'
import { readPauses } from '../catalog/pauses.ts'
import type { Pause } from '../catalog/pauses.ts'
import { countQueuedRuns } from '../catalog/run-queue.ts'
import { listRuns } from '../catalog/read/runs.ts'
import { partitionSet } from '../definitions/partitions/partition-set.ts'
import type { Asset } from './assets.ts'
import { listAssets } from './assets.ts'
import { listAutomation } from './automation.ts'
import type { Automation } from './automation.ts'
import type { Failure } from './failure.ts'
import type { PartitionCounts } from './partitions.ts'
import type { Parts } from './parts.ts'
import { presentRun } from './run-view.ts'
import type { Run } from './run-view.ts'
import { listSchedules } from './schedules.ts'

export interface LocationView {
  readonly name: string
  readonly loaded: boolean
  readonly notice: string | null
  readonly error: Failure | null
  readonly workers: number
  /** When a worker of it was last alive; ISO. */
  readonly lastSeenAt: string
  /** No worker of it was alive for a day. */
  readonly longUnseen: boolean
}

export interface ScheduleView {
  readonly location: string
  readonly name: string
  readonly cron: readonly string[]
  readonly timeZone: string
  readonly stopped: boolean
  /** ISO; null when stopped. */
  readonly nextAt: string | null
  readonly last: { readonly at: string; readonly status: string; readonly runId: string | null; readonly error: Failure | null } | null
}

/** How the partitions of an asset stand. */
export interface PartitionsView {
  readonly location: string
  readonly asset: string
  readonly counts: PartitionCounts
}

/** What the first page shows. */
export interface Overview {
  readonly locations: readonly LocationView[]
  readonly assets: readonly Asset[]
  /** Of the assets that have any. */
  readonly partitions: readonly PartitionsView[]
  readonly runs: readonly Run[]
  readonly processes: readonly ProcessRead[]
  readonly schedules: readonly ScheduleView[]
  /** Of the locations that have conditions, and what those have started last. */
  readonly automation: readonly Automation[]
  readonly requests: readonly EvaluationRead[]
  readonly pauses: readonly Pause[]
  /** How many runs wait in the queue. */
  readonly queued: number
  /** How many notifications and calls of hooks were given up. */
  readonly givenUp: number
}

export async function overview(parts: Parts, now: Date = new Date()): Promise<Overview> {
  const { pool } = parts
  const [standings, locations, assets, runs, processes, schedules, pauses, queued, automation, requests, givenUp] = await Promise.all([
    readLocationStandings(pool),
    parts.locations.all(pool),
    listAssets(parts),
    listRuns(pool, { limit: 25 }),
    readLiveProcesses(pool),
    listSchedules(parts, now),
    readPauses(pool),
    countQueuedRuns(pool),
    listAutomation(parts),
    readLastRequests(pool, 5),
    countGivenUp(pool),
  ])
  return {
    locations: locations.map(({ name, manifest, notice, error }) => {
      const standing = standings.find((one) => one.name === name)
      const { workers = {}, lastSeenAt = now.toISOString(), longUnseen = false } = standing ?? {}
      return { name, loaded: manifest !== null, notice, error, workers: Object.values(workers).reduce((sum, one) => sum + one, 0), lastSeenAt, longUnseen }
    }),
    assets,
    partitions: await partitionsOf(parts, assets),
    runs: runs.map(presentRun),
    processes,
    pauses,
    queued,
    givenUp,
    automation,
    requests,
    schedules: schedules.map(({ lastTick, ...one }) => ({
      ...one,
      last: lastTick === null ? null : { at: lastTick.scheduledAt, status: lastTick.status, runId: lastTick.runId, error: lastTick.error },
    })),
  }
}

async function partitionsOf({ pool, partitionCounter }: Parts, assets: readonly Asset[]): Promise<PartitionsView[]> {
  const partitioned = await Promise.all(
    assets.flatMap(({ location, key: asset, partitions: spec }) => {
      if (spec === null) return []
      return [readMoment(pool, location, [spec]).then((moment) => ({ location, asset, spec, set: partitionSet(spec, moment) }))]
    }),
  )
  const counts = partitioned.length === 0 ? [] : await partitionCounter.countsOf(pool, partitioned)
  return partitioned.flatMap(({ location, asset }, index) => (counts[index] === undefined ? [] : [{ location, asset, counts: counts[index] }]))
}

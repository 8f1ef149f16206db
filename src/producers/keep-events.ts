import { keepEventDays } from '../catalog/event-days.ts'
import type { EventDays } from '../catalog/event-retention.ts'
import { forgetRuns } from '../catalog/forget-runs.ts'
import type { RunPlace } from '../catalog/forget-runs.ts'
import { forgetReports } from '../catalog/report-asset.ts'
import { forgetOutbox } from '../catalog/outbox.ts'
import type { HistoryKept } from '../catalog/forget-history.ts'
import type { SweepDeps } from './free-claims.ts'

const hourMs = 3_600_000
const minuteMs = 60_000

/** How many days are kept: events, ended runs with their steps, ticks, backfills. 0: for ever. */
export interface HistoryDays extends HistoryKept {
  readonly events: EventDays
  readonly runs: number
}

type HistoryDeps = Pick<SweepDeps, 'pool' | 'logger'>

/** Makes and drops the partitions of the event log: once an hour, and again after a minute where something was locked, refused, or left over. */
export function createEventUpkeep(days: EventDays): (deps: HistoryDeps) => Promise<void> {
  let due = performance.now()
  return async ({ pool, logger }) => {
    if (performance.now() < due) return
    // Whatever goes wrong: events are written all the same, and the next rounds have other things to do as well.
    due = performance.now() + minuteMs
    const { made, dropped, moved, removed, busy } = await keepEventDays(pool, { days })
    if (busy.length === 0 && removed === 0) due = performance.now() + hourMs
    if (made.length > 0) logger.debug({ made, moved }, 'partitions of events were made')
    if (dropped.length > 0 || removed > 0) logger.info({ dropped, removed }, 'events were removed: their days are over')
    if (busy.length > 0) logger.debug({ busy }, 'partitions of events are locked; tried again in a minute')
  }
}

/** Removes runs whose days are over, and what went out by the outbox before then: each hour it goes through them once, a small batch a round. */
export function createRunRetention(days: number): (deps: HistoryDeps) => Promise<void> {
  let after: RunPlace | undefined
  let due = performance.now()
  return async ({ pool, logger }) => {
    if (performance.now() < due) return
    due = performance.now() + minuteMs
    const { removed, next } = await forgetRuns(pool, { days, after })
    if (next === undefined) await forgetReports(pool, days)
    await forgetOutbox(pool, days)
    after = next
    due = performance.now() + (next === undefined ? hourMs : 0)
    if (removed > 0) logger.info({ removed }, 'runs were removed: their days are over')
  }
}

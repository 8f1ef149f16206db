import { askToRemove, fencesToRemove } from '../catalog/forgotten-fences.ts'
import { forgetHistory, historyKinds } from '../catalog/forget-history.ts'
import type { HistoryKept } from '../catalog/forget-history.ts'
import type { SweepDeps } from './free-claims.ts'

const hourMs = 3_600_000

/** Removes ticks and backfills whose days are over, and has load workers remove the fences of runs that are gone: each hour all of it, a batch a round. */
export function createHistoryRetention(days: HistoryKept): (deps: SweepDeps) => Promise<void> {
  const due = new Map(historyKinds.map((kind) => [kind, performance.now()]))
  let fencesDue = performance.now()
  return async ({ pool, queues, logger }) => {
    for (const kind of historyKinds) {
      if (performance.now() < (due.get(kind) ?? 0)) continue
      due.set(kind, performance.now() + hourMs)
      const { removed, more } = await forgetHistory(pool, { kind, days: days[kind] })
      if (more) due.set(kind, performance.now())
      if (removed > 0) logger.info({ kind, removed }, 'history was removed: its days are over')
    }
    if (performance.now() < fencesDue) return
    fencesDue = performance.now() + 60_000
    const fences = await fencesToRemove(pool)
    for (const fence of fences) {
      // Where nobody works the queue the one job is enough, however long it waits.
      if ((await queues.delivery(fence.location, 'clean', { stepId: fence.stepId, enqueued: Math.max(1, fence.enqueued) })).state === 'pending') continue
      const enqueued = await askToRemove(pool, fence)
      if (enqueued !== undefined) await queues.enqueue(fence.location, 'clean', { stepId: fence.stepId, enqueued })
    }
    if (fences.length > 0) fencesDue = performance.now()
  }
}

import { forgetQuarantine } from '../catalog/forget-quarantine.ts'
import type { QuarantineDays } from '../catalog/forget-quarantine.ts'
import type { SweepDeps } from './free-claims.ts'

const hourMs = 3_600_000

/** Removes records from quarantine when their days are over: each hour it goes through them once, a small batch a round. */
export function createQuarantineRetention(days: QuarantineDays): (deps: Pick<SweepDeps, 'pool' | 'logger'>) => Promise<void> {
  let after: string | undefined = '0'
  let begun = performance.now()
  return async ({ pool, logger }) => {
    if (after === undefined && performance.now() - begun < hourMs) return
    if (after === undefined) begun = performance.now()
    const { removed, next } = await forgetQuarantine(pool, days, after ?? '0')
    after = next
    if (removed > 0) logger.info({ removed }, 'records in quarantine were removed: their days are over')
  }
}

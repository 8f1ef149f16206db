import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { backfillDetail } from '../../api/backfills.ts'
import type { BackfillDetail } from '../../api/backfills.ts'
import { MillraceError } from '../../errors.ts'

export interface FollowOptions {
  readonly pool: pg.Pool
  readonly id: string
  readonly onProgress: (backfill: BackfillDetail) => void
  /** Cancels the backfill when it resolves. */
  readonly interrupted: Promise<unknown>
  readonly cancel: () => Promise<unknown>
}

/** Between two looks, in ms. */
const lookEveryMs = 300

/** Follows a backfill to its end. */
export async function followBackfill({ pool, id, onProgress, interrupted, cancel }: FollowOptions): Promise<BackfillDetail> {
  const asked = interrupted.then(cancel)
  // Told by the loop.
  asked.catch(() => undefined)
  for (;;) {
    const backfill = await backfillDetail({ pool }, id)
    if (backfill === undefined) throw new MillraceError(`The backfill ${id} is gone.`, { code: 'UNKNOWN_BACKFILL' })
    onProgress(backfill)
    if (backfill.endedAt !== null) return backfill
    await Promise.race([sleep(lookEveryMs), asked.then(() => sleep(lookEveryMs))])
  }
}

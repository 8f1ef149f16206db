import { backfillOfStep } from '../catalog/backfills.ts'
import { advanceBackfill } from '../producers/launch/backfill/advance.ts'
import type { WorkerContext } from './context.ts'

/** Takes on what waited for a run that has ended by one of its steps. Where that fails, the leader does it in its next round. */
export async function goOnAfter(context: WorkerContext, stepId: string): Promise<void> {
  try {
    const backfill = await backfillOfStep(context.pool, stepId)
    if (backfill !== undefined) await advanceBackfill(context, backfill)
  } catch (error) {
    context.logger.warn({ err: error, step: stepId }, 'what waited for a run that has ended does not go on yet; the leader sees to it')
  }
}

import { forgetParts } from '../catalog/batch-statistics.ts'
import { fenceIsGone, readForgottenFence } from '../catalog/forgotten-fences.ts'
import { succeedStep } from '../catalog/steps.ts'
import { DestinationSpec } from '../definitions/destination.ts'
import type { Payload } from '../queues/jobs.ts'
import { forgetFence } from '../warehouse/forget-fence.ts'
import { abandonLoad } from '../warehouse/prepare-load.ts'
import type { PublishResult } from '../warehouse/publish.ts'
import type { WorkerContext } from './context.ts'
import { followUp, stepResultOf } from './publish.ts'

/**
 * Removes what an ended step left in staging and spool. Where the ledger says that a step's rows were published after all, though a crash
 * or a cancel kept the catalogue from learning of it, the catalogue is told.
 */
export async function clean(context: WorkerContext, payload: Payload<'clean'>): Promise<void> {
  const { rows } = await context.pool.query<{ status: string; kind: string; asset: string; generation: number; each_batch: boolean; destination: unknown }>(
    `SELECT status, kind, asset, generation, each_batch, destination FROM millrace.step WHERE id = $1 AND ended_at IS NOT NULL AND cleaned_at IS NULL`,
    [payload.stepId],
  )
  const step = rows[0]
  if (step === undefined) return cleanForgotten(context, payload.stepId)
  if (step.status !== 'skipped' && (step.kind === 'table' || step.kind === 'sql')) {
    const lent = await context.destinations.of(step.destination === null ? undefined : DestinationSpec.parse(step.destination)).lend()
    // Nothing presses: the sweep asks again in a minute.
    if ('delayMs' in lent) return
    const fence = await lent.use((client) => abandonLoad(client, payload.stepId, step.generation, step.each_batch)).finally(() => lent.release())
    if (fence?.state === 'published' && (step.status === 'failed' || step.status === 'canceled')) {
      const result = fence.result as PublishResult
      await followUp(
        context,
        payload.stepId,
        await succeedStep(
          context.pool,
          payload.stepId,
          step.kind === 'table' ? stepResultOf(step.asset, result) : { metadata: JSON.parse(JSON.stringify(result)) as Record<string, never> },
        ),
      )
    }
  }
  await forgetParts(context.pool, payload.stepId)
  // By generation: a person may have had the step begin afresh meanwhile, and what is newer is not ours to remove.
  for (let generation = 1; generation <= step.generation; generation += 1) await context.spool.remove(`${payload.stepId}/${String(generation)}/`)
  await context.pool.query(`UPDATE millrace.step SET cleaned_at = clock_timestamp() WHERE id = $1 AND ended_at IS NOT NULL AND generation = $2`, [
    payload.stepId,
    step.generation,
  ])
}

/** Removes the fence of a step that was removed with its run; nothing where there is none. */
async function cleanForgotten(context: WorkerContext, stepId: string): Promise<void> {
  const forgotten = await readForgottenFence(context.pool, stepId)
  if (forgotten === undefined) return
  const lent = await context.destinations.of(forgotten.destination === null ? undefined : DestinationSpec.parse(forgotten.destination)).lend()
  // Nothing presses: the leader asks again.
  if ('delayMs' in lent) return
  await lent.use((client) => forgetFence(client, stepId)).finally(() => lent.release())
  await fenceIsGone(context.pool, stepId)
}

import { resumeStep } from '../catalog/resume.ts'
import { enqueueStep } from '../producers/launch/enqueue-step.ts'
import { enqueueBatch } from '../producers/launch/enqueue-batch.ts'
import { startWaiting } from '../producers/launch/start-waiting.ts'
import type { Payload } from '../queues/jobs.ts'
import type { WorkerContext } from './context.ts'

/** Takes a step that waited for its next attempt back to where it was, with its unfinished batches. */
export async function resume(context: WorkerContext, payload: Payload<'resume'>): Promise<void> {
  const resumed = await resumeStep(context.pool, payload.stepId)
  // Where it needs a slot first, it is resumed with the slot.
  if (resumed === undefined) return startWaiting(context)
  await enqueueStep(context.queues, resumed.step)
  await Promise.all(resumed.batches.map((batch) => enqueueBatch(context.queues, resumed.step.location, batch)))
  return undefined
}

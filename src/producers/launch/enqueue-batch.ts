import type { BatchPointer } from '../../catalog/batches.ts'
import type { Queues } from '../../queues/queues.ts'

/** Enqueues a batch for the stage that it is due in. */
export async function enqueueBatch(queues: Queues, location: string, batch: BatchPointer & { readonly encoded: boolean }): Promise<void> {
  await queues.enqueue(location, batch.encoded ? 'load' : 'transform', { batchId: batch.batchId, enqueued: batch.enqueued })
}

import * as z from 'zod'
import { markLoaded, nextInOrder, takeBackToRecorded } from '../catalog/batches.ts'
import { claimBatch } from '../catalog/claims.ts'
import type { ClaimedBatch } from '../catalog/claims.ts'
import { beginPublishing } from '../catalog/steps.ts'
import { insertEvents } from '../catalog/events.ts'
import type { TableSpec } from '../definitions/column-spec.ts'
import { FencedError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import type { Payload } from '../queues/jobs.ts'
import { SpoolLostError } from '../spool/spool-lost-error.ts'
import { loadBatch } from '../warehouse/load-batch.ts'
import type { DirectLoad, LoadOutcome } from '../warehouse/load-batch.ts'
import type { WorkerContext } from './context.ts'
import { withDestination } from './destination.ts'
import { beginAtMovedCursor, publish } from './publish.ts'
import { tableSpecOf } from './table-spec.ts'
import { Reference } from './transform.ts'
import { doWork } from './work.ts'

const EncodedReference = Reference.extend({ format: z.enum(['binary', 'text']) })

/** Copies a batch into its staging table; the last one of a step publishes it. */
export async function load(context: WorkerContext, payload: Payload<'load'>): Promise<void> {
  const stepId = await withDestination(context, async (destination) => {
    const claimed = await claimBatch(context.pool, { ...payload, status: 'encoded', session: context.session.id, backend: destination.backend })
    if (claimed === undefined) return undefined
    faultPoint('load.claimed')
    let loaded = false
    await doWork(context, 'load', claimed, async (signal) => {
      await destination.takeOver(claimed.previousBackend)
      destination.endOnAbort(signal)
      loaded = await copyAndMark(context, claimed, destination.client)
    })
    return loaded ? claimed.stepId : undefined
  })
  if (stepId === undefined) return
  const due = await beginPublishing(context.pool, stepId)
  // The worker that loaded the last batch goes on to publish: nothing would be gained by another trip through the queue.
  if (due !== undefined) await publish(context, { stepId, enqueued: due.enqueued })
}

async function copyAndMark(context: WorkerContext, claimed: ClaimedBatch, client: Parameters<typeof loadBatch>[0]): Promise<boolean> {
  const table = await tableSpecOf(context, claimed)
  const reference = EncodedReference.parse(claimed.encoded)
  let outcome: LoadOutcome
  const buffer = context.buffers.take(reference.bytes)
  try {
    outcome = await loadBatch(client, {
      stepId: claimed.stepId,
      generation: claimed.generation,
      ordinal: claimed.ordinal,
      records: Number(claimed.records),
      filtered: Number(claimed.filtered),
      rows: Number(claimed.rows),
      columns: table.table.columns,
      format: reference.format,
      bytes: await context.spool.read(reference, buffer),
      direct: directLoadOf(claimed, table.table),
    })
    // Not after an error: the socket may still hold some of it.
    context.buffers.give(buffer)
  } catch (error) {
    if (!(error instanceof SpoolLostError)) throw error
    await transformAgain(context, claimed, error)
    return false
  }
  if (outcome === 'cursor moved') {
    await beginAtMovedCursor(context, claimed)
    return false
  }
  // What is early is delivered again when the one before it is loaded, or by the sweep.
  if (outcome === 'fenced' || outcome === 'early') throw new FencedError(`batch ${String(claimed.ordinal)} of the step ${claimed.stepId}`)
  faultPoint('load.committed')
  const marked = await markLoaded(context.pool, claimed.batchId)
  faultPoint('load.acknowledged')
  const next = table.table.eachBatch === true ? await nextInOrder(context.pool, claimed.batchId) : undefined
  if (next !== undefined) await context.queues.enqueue(claimed.location, 'load', next)
  return marked
}

function directLoadOf(claimed: ClaimedBatch, table: TableSpec): DirectLoad | undefined {
  if (table.eachBatch !== true) return undefined
  return { table, cursor: table.cursor === undefined ? undefined : { from: claimed.cursorFrom?.stored ?? null, value: claimed.cursor } }
}

async function transformAgain(context: WorkerContext, claimed: ClaimedBatch, error: SpoolLostError): Promise<void> {
  const pointer = await takeBackToRecorded(context.pool, claimed.batchId, claimed.claim)
  if (pointer === undefined) return
  await insertEvents(context.pool, [
    {
      runId: claimed.runId,
      stepId: claimed.stepId,
      asset: claimed.asset,
      kind: 'spool',
      level: 'warn',
      message: `${error.message} Batch ${String(claimed.ordinal)} is transformed again.`,
    },
  ])
  await context.queues.enqueue(claimed.location, 'transform', pointer)
}

import { markLoaded, nextInOrder, takeBackToRecorded } from '../catalog/batches.ts'
import { claimBatch } from '../catalog/claims.ts'
import type { ClaimedBatch } from '../catalog/claims.ts'
import { beginPublishing } from '../catalog/steps.ts'
import { insertEvents } from '../catalog/events.ts'
import type { TableSpec } from '../definitions/column-spec.ts'
import type { TableAssetSpec } from '../definitions/manifest.ts'
import { DataError, FencedError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import type { Payload } from '../queues/jobs.ts'
import { SpoolLostError } from '../spool/spool-lost-error.ts'
import { findRefused, isRefusal } from '../warehouse/find-refused.ts'
import { loadBatch } from '../warehouse/load-batch.ts'
import type { DirectLoad, LoadBatchRequest, LoadOutcome } from '../warehouse/load-batch.ts'
import type { WorkerContext } from './context.ts'
import { EncodedReference, RawReference, Reference } from './batch-references.ts'
import { workOnDestination } from './destination.ts'
import type { Ask } from './destination-pool.ts'
import { beginAtMovedCursor, publish } from './publish.ts'
import { dropSpooled } from './spooling.ts'
import { tableSpecOf } from './table-spec.ts'

/** Postgres' code for it. */
const uniqueViolation = '23505'

/** Copies a batch into its staging table; the last one of a step publishes it. */
export async function load(context: WorkerContext, payload: Payload<'load'>): Promise<void> {
  let stepId: string | undefined
  await workOnDestination(context, {
    job: 'load',
    payload,
    claim: (backend) => claimBatch(context.pool, { ...payload, status: 'encoded', session: context.session.id, ...(backend && { backend }) }),
    run: async (claimed, ask) => {
      if (await copyAndMark(context, claimed, ask)) stepId = claimed.stepId
    },
  })
  if (stepId === undefined) return
  const due = await beginPublishing(context.pool, stepId)
  // The worker that loaded the last batch goes on to publish: nothing would be gained by another trip through the queue.
  if (due !== undefined) await publish(context, { stepId, enqueued: due.enqueued })
}

async function copyAndMark(context: WorkerContext, claimed: ClaimedBatch, ask: Ask): Promise<boolean> {
  const began = performance.now()
  const table = await tableSpecOf(context, claimed)
  const reference = EncodedReference.parse(claimed.encoded)
  let outcome: LoadOutcome
  const buffer = context.buffers.take(reference.bytes)
  try {
    const request = requestOf(claimed, table, reference.format, await context.spool.read(reference, buffer))
    outcome = await ask((client) => loadBatch(client, request))
    // Not after an error: the socket may still hold some of it.
    context.buffers.give(buffer)
  } catch (error) {
    if (error instanceof SpoolLostError) await transformAgain(context, claimed, error)
    else if (isRefusal(error)) await takeOutRefused(context, claimed, ask, table, error)
    else throw error
    return false
  }
  if (outcome === 'cursor moved') {
    await beginAtMovedCursor(context, claimed)
    return false
  }
  // What is early is delivered again when the one before it is loaded, or by the sweep.
  if (outcome === 'fenced' || outcome === 'early') throw new FencedError(`batch ${String(claimed.ordinal)} of the step ${claimed.stepId}`)
  faultPoint('load.committed')
  const marked = await markLoaded(context.pool, claimed.batchId, outcome === 'loaded' ? Math.round(performance.now() - began) : undefined)
  // Its rows are in the ledger's transaction: nobody reads it again, and a spool that is full gets room.
  dropSpooled(context, Reference.parse(claimed.raw).name, reference.name)
  faultPoint('load.acknowledged')
  const next = table.table.eachBatch === true ? await nextInOrder(context.pool, claimed.batchId) : undefined
  if (next !== undefined) await context.queues.enqueue(claimed.location, 'load', next)
  return marked
}

function directLoadOf(claimed: ClaimedBatch, table: TableSpec): DirectLoad | undefined {
  if (table.eachBatch !== true) return undefined
  return { table, cursor: table.cursor === undefined ? undefined : { from: claimed.cursorFrom?.stored ?? null, value: claimed.cursor } }
}

function requestOf(claimed: ClaimedBatch, { table }: TableAssetSpec, format: LoadBatchRequest['format'], bytes: Uint8Array): LoadBatchRequest {
  const { stepId, generation, ordinal, records, filtered, rows } = claimed
  return {
    stepId,
    generation,
    ordinal,
    records: Number(records),
    filtered: Number(filtered),
    rows: Number(rows),
    columns: table.columns,
    format,
    bytes,
    direct: directLoadOf(claimed, table),
  }
}

/** Has a batch transformed again without the rows that Postgres refused: whoever has its records can name the place, and keep or refuse them. */
async function takeOutRefused(context: WorkerContext, claimed: ClaimedBatch, ask: Ask, table: TableAssetSpec, cause: Error): Promise<void> {
  const reference = EncodedReference.parse(claimed.encoded)
  const before = RawReference.parse(claimed.raw).refused
  // Read anew: the buffer before may still be on its way to the database.
  const request = requestOf(claimed, table, reference.format, await context.spool.read(reference))
  const refused = before === undefined ? await ask((client) => findRefused(client, request)) : []
  if (refused.length === 0 && 'code' in cause && cause.code === uniqueViolation) throw keyKnown(claimed, cause)
  if (refused.length === 0) {
    throw new DataError(`Postgres does not take a row of batch ${String(claimed.ordinal)} of ${claimed.asset}: ${cause.message}.`, {
      code: 'ROW_REFUSED',
      hint: 'Its transform gave other rows when it was run again. Let it give the same rows for the same record.',
      cause,
    })
  }
  context.logger.debug({ asset: claimed.asset, batch: claimed.ordinal, rows: refused.length }, 'rows that Postgres refused are taken out')
  const { records, rows } = request
  const encoded = reference.oneByOne === undefined ? {} : { encoded: { ...reference, records, rows } }
  const pointer = await takeBackToRecorded(context.pool, claimed.batchId, claimed.claim, { refused, ...encoded })
  if (pointer !== undefined) await context.queues.enqueue(claimed.location, 'transform', pointer)
}

/** Only a table that is published batch by batch is copied into with its keys. */
function keyKnown({ ordinal, asset }: ClaimedBatch, cause: Error): DataError {
  return new DataError(`A row of batch ${String(ordinal)} of ${asset} has a key that its table has already: ${cause.message}.`, {
    code: 'KEY_TWICE',
    hint: 'What is published batch by batch is only added to. Write it by merge, or leave out by `cursor` what came before.',
    cause,
  })
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

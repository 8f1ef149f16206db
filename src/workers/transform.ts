import { randomUUID } from 'node:crypto'
import { markEncoded } from '../catalog/batches.ts'
import type { BadRecord } from '../catalog/quarantine.ts'
import { claimBatch } from '../catalog/claims.ts'
import type { ClaimedBatch } from '../catalog/claims.ts'
import { restartStep } from '../catalog/steps.ts'
import { FencedError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import { enqueueStep } from '../producers/launch/enqueue-step.ts'
import type { Payload } from '../queues/jobs.ts'
import type { SpoolReference } from '../spool/spool.ts'
import { SpoolLostError } from '../spool/spool-lost-error.ts'
import { limitTable } from '../warehouse/column-limits.ts'
import type { Refusal } from '../warehouse/refusal.ts'
import type { RowNotes } from '../warehouse/row-notes.ts'
import { RawReference } from './batch-references.ts'
import type { RefusedReference } from './batch-references.ts'
import type { WorkerContext } from './context.ts'
import { cutRefused, oneByOneOf } from './cut-refused.ts'
import { encodeRecords } from './encode-records.ts'
import { borrowEncoder, returnEncoder } from './encoders.ts'
import { quarantine } from './quarantine.ts'
import { describeBatch } from './statistics.ts'
import { limitsOf } from './table-spec.ts'
import { dropSpooled, untilSpooled } from './spooling.ts'
import type { Patience } from './spooling.ts'
import { judgeVersion } from './versions.ts'
import type { OwnAsset } from './versions.ts'
import { doWork, giveBack } from './work.ts'

/** Turns a batch's raw bytes into a COPY stream: parse, the user's function, validation, encoding. */
export async function transform(context: WorkerContext, payload: Payload<'transform'>): Promise<void> {
  const claimed = await claimBatch(context.pool, { ...payload, status: 'recorded', session: context.session.id })
  if (claimed === undefined) return
  faultPoint('transform.claimed')
  await doWork(context, 'transform', claimed, async (signal) => {
    const verdict = await judgeVersion(context, claimed, 'transform', 'table')
    if (verdict.kind === 'hand back') return giveBack(context, 'transform', claimed, 250)
    if (verdict.kind === 'other table') {
      const message = `No transform worker of version ${claimed.version} is left, and version ${verdict.own.version} has other columns: ${claimed.asset} begins afresh under it.`
      return startAfresh(context, claimed, { kind: 'version', message, version: verdict.own.version })
    }
    try {
      await encodeBatch(context, claimed, verdict.own, signal)
    } catch (error) {
      if (!(error instanceof SpoolLostError)) throw error
      await startAfresh(context, claimed, { kind: 'spool', message: `${error.message} ${claimed.asset} is extracted afresh.` })
    }
    return undefined
  })
}

async function startAfresh(context: WorkerContext, claimed: ClaimedBatch, reason: { kind: string; message: string; version?: string }): Promise<void> {
  const due = await restartStep(context.pool, { stepId: claimed.stepId, batchId: claimed.batchId, claim: claimed.claim }, reason)
  if (due !== undefined) await enqueueStep(context.queues, due)
}

/** A batch's rows as COPY takes them, and what was found on the way. */
interface Encoded {
  readonly chunks: readonly Uint8Array[]
  readonly format: 'binary' | 'text'
  readonly counts: { readonly records: number; readonly filtered: number }
  readonly rows: number
  readonly notes: RowNotes | undefined
  readonly bad: readonly BadRecord[]
  /** Bad records that are in quarantine since the batch was encoded before. */
  readonly staying: readonly number[]
  /** Lets the buffers be used for others. Once nobody reads the chunks any more. */
  readonly release: () => void
}

async function encodeBatch(context: WorkerContext, claimed: ClaimedBatch, own: OwnAsset, signal: AbortSignal): Promise<void> {
  const began = performance.now()
  const contract = claimed.redrive ? {} : own.spec.quarantine
  const reference = RawReference.parse(claimed.raw)
  const { encoded: before, refused = [] } = reference
  const buffer = context.buffers.take(reference.bytes)
  let done: Encoded
  try {
    const raw = await context.spool.read(reference, buffer)
    const cut = contract === undefined || before === undefined ? undefined : await takeOutRefused(context, claimed, own, { signal, raw, refused, before })
    done = cut ?? (await encodeRaw(context, claimed, own, { signal, raw, refused, tolerant: contract !== undefined }))
  } finally {
    context.buffers.give(buffer)
  }
  const { chunks, format, counts, rows, notes, bad, staying } = done
  await quarantine(context, claimed, contract, { bad, staying, records: counts.records })
  const table = limitTable(own.spec.table, limitsOf(claimed))
  const statistics = await describeBatch(context, claimed, { table, format, chunks, rows })
  faultPoint('transform.middle')
  const stored = await store(context, claimed, { signal, timeoutMs: own.asset.timeoutMs }, chunks, format)
  done.release()
  faultPoint('transform.spooled')
  const oneByOne = contract === undefined || staying.length > 0 ? undefined : oneByOneOf(own, bad, notes)
  const pointer = await markEncoded(context.pool, {
    batchId: claimed.batchId,
    claim: claimed.claim,
    encoded: { ...stored, ...(notes === undefined ? {} : { notes }), ...(oneByOne === undefined ? {} : { oneByOne }) },
    ...counts,
    rows,
    quarantined: staying.length + bad.length,
    transformMs: Math.round(performance.now() - began),
    statistics,
  })
  if (pointer === undefined) {
    dropSpooled(context, stored.name)
    throw new FencedError(`batch ${String(claimed.ordinal)} of the step ${claimed.stepId}`)
  }
  if (before !== undefined) dropSpooled(context, before.name)
  faultPoint('transform.encoded')
  await context.queues.enqueue(claimed.location, 'load', pointer)
}

interface Raw {
  readonly signal: AbortSignal
  readonly raw: Buffer
  readonly refused: readonly Refusal[]
}

async function encodeRaw(
  context: WorkerContext,
  claimed: ClaimedBatch,
  own: OwnAsset,
  { signal, raw, refused, tolerant }: Raw & { tolerant: boolean },
): Promise<Encoded> {
  const limits = limitsOf(claimed)
  const encoder = borrowEncoder(own, limits)
  const { format } = encoder
  const counts = { records: 0, filtered: 0 }
  const chunks: Uint8Array[] = []
  const bad: BadRecord[] = []
  await encodeRecords(raw, { limits: context.limits, claimed, own, limited: limits.length > 0, encoder, counts, tolerant, bad, refused, signal, chunks })
  const { rows } = encoder
  const notes = encoder.notes()
  chunks.push(encoder.finish())
  // Its last bytes lie in its own buffer. One that threw is dropped with its half a stream.
  return { chunks, format, counts, rows, notes, bad, staying: [], release: () => returnEncoder(own, encoder, limits) }
}

/** What was encoded before, without the rows that Postgres refused; undefined where the batch is to be encoded again. */
async function takeOutRefused(
  context: WorkerContext,
  claimed: ClaimedBatch,
  own: OwnAsset,
  { signal, raw, refused, before }: Raw & { before: RefusedReference },
): Promise<Encoded | undefined> {
  const buffer = context.buffers.take(before.bytes)
  const release = (): void => context.buffers.give(buffer)
  try {
    const stream = await context.spool.read(before, buffer)
    const { maxRecordBytes } = context.limits
    const cut = await cutRefused({ claimed, own, signal, maxRecordBytes, raw, stream, encoded: before, refused })
    if (cut !== undefined) {
      const counts = { records: before.records, filtered: 0 }
      return { chunks: [cut.stream], format: before.format, counts, rows: cut.rows, notes: undefined, bad: cut.bad, staying: before.oneByOne.bad, release }
    }
  } catch (error) {
    // The sweep took it, or it was lost with its machine: it was not durable.
    if (!(error instanceof SpoolLostError)) throw error
  }
  release()
  return undefined
}

async function store(
  context: WorkerContext,
  claimed: ClaimedBatch,
  patience: Patience,
  chunks: readonly Uint8Array[],
  format: string,
): Promise<SpoolReference & { format: string }> {
  const name = `${claimed.stepId}/${String(claimed.generation)}/${claimed.batchId}-${String(claimed.claim)}-${randomUUID()}.copy`
  // Not durable: what a crash of the machine takes is made again from the raw bytes.
  return { ...(await untilSpooled(context, claimed, patience, () => context.spool.write(name, chunks, { durable: false }))), format }
}

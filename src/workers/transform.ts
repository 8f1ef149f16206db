import { randomUUID } from 'node:crypto'
import * as z from 'zod'
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
import { Refusal } from '../warehouse/refusal.ts'
import type { WorkerContext } from './context.ts'
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

/** Of what the spool answered when it stored bytes. */
export const Reference = z.object({ name: z.string(), bytes: z.number(), crc: z.number() })

/** A batch's raw bytes; with what Postgres would not take of its rows, where it was loaded once already. */
const RawReference = Reference.extend({ refused: z.array(Refusal).default([]) })

/** Turns a batch's raw bytes into a COPY stream: parse, the user's function, validation, encoding. */
export async function transform(context: WorkerContext, payload: Payload<'transform'>): Promise<void> {
  const claimed = await claimBatch(context.pool, { ...payload, status: 'recorded', session: context.session.id })
  if (claimed === undefined) return
  faultPoint('transform.claimed')
  await doWork(context, 'transform', claimed, async (signal) => {
    const verdict = await judgeVersion(context, claimed, 'transform')
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

async function encodeBatch(context: WorkerContext, claimed: ClaimedBatch, own: OwnAsset, signal: AbortSignal): Promise<void> {
  const began = performance.now()
  const limits = limitsOf(claimed)
  const encoder = borrowEncoder(own, limits)
  const counts = { records: 0, filtered: 0 }
  const chunks: Uint8Array[] = []
  const bad: BadRecord[] = []
  const contract = claimed.redrive ? {} : own.spec.quarantine
  const { refused, ...reference } = RawReference.parse(claimed.raw)
  const buffer = context.buffers.take(reference.bytes)
  try {
    const raw = await context.spool.read(reference, buffer)
    await encodeRecords(raw, {
      context,
      claimed,
      own,
      limited: limits.length > 0,
      encoder,
      counts,
      tolerant: contract !== undefined,
      bad,
      refused,
      signal,
      chunks,
    })
  } finally {
    context.buffers.give(buffer)
  }
  await quarantine(context, claimed, contract, bad, counts.records)
  const { rows } = encoder
  const notes = encoder.notes()
  chunks.push(encoder.finish())
  const statistics = await describeBatch(context, claimed, { table: limitTable(own.spec.table, limits), format: encoder.format, chunks, rows })
  faultPoint('transform.middle')
  const encoded = await store(context, claimed, { signal, timeoutMs: own.asset.timeoutMs }, chunks, encoder.format)
  // Only now: its last bytes lie in its own buffer. One that threw is dropped with its half a stream.
  returnEncoder(own, encoder, limits)
  faultPoint('transform.spooled')
  const pointer = await markEncoded(context.pool, {
    batchId: claimed.batchId,
    claim: claimed.claim,
    encoded: notes === undefined ? encoded : { ...encoded, notes },
    ...counts,
    rows,
    quarantined: bad.length,
    transformMs: Math.round(performance.now() - began),
    statistics,
  })
  if (pointer === undefined) {
    dropSpooled(context, encoded.name)
    throw new FencedError(`batch ${String(claimed.ordinal)} of the step ${claimed.stepId}`)
  }
  faultPoint('transform.encoded')
  await context.queues.enqueue(claimed.location, 'load', pointer)
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

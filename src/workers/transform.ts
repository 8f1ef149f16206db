import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import * as z from 'zod'
import { markEncoded } from '../catalog/batches.ts'
import type { BadRecord } from '../catalog/quarantine.ts'
import { claimBatch } from '../catalog/claims.ts'
import type { ClaimedBatch } from '../catalog/claims.ts'
import { restartStep } from '../catalog/steps.ts'
import type { TransformContext } from '../definitions/table.ts'
import { DataError, FencedError, storableText } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import { enqueueStep } from '../producers/launch/enqueue-step.ts'
import type { Payload } from '../queues/jobs.ts'
import type { RecordFault } from '../sources/formats/record-fault.ts'
import { parsePage } from '../sources/parse-page.ts'
import type { SpoolReference } from '../spool/spool.ts'
import { SpoolLostError } from '../spool/spool-lost-error.ts'
import type { ColumnIssue, RowEncoder } from '../warehouse/encoder/row-encoder.ts'
import { readFrames, untag } from './batch-file.ts'
import type { PageFrame } from './batch-file.ts'
import type { WorkerContext } from './context.ts'
import { borrowEncoder, returnEncoder } from './encoders.ts'
import { UserCodeError } from './failure.ts'
import { parseConfig } from './parse-config.ts'
import { quarantine } from './quarantine.ts'
import { judgeVersion } from './versions.ts'
import type { OwnAsset } from './versions.ts'
import { doWork, giveBack } from './work.ts'

/** Of what the spool answered when it stored bytes. */
export const Reference = z.object({ name: z.string(), bytes: z.number(), crc: z.number() })

/** Other work gets its turn after this many milliseconds: a lock is renewed every few seconds, a person waits for tens of milliseconds. */
const sliceMs = 15

// Beyond this an encoder's buffer is handed on and a new one begun; a batch whose transform makes few rows of each record stays far below.
const largestSink = 16 << 20

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
  const encoder = borrowEncoder(own)
  const counts = { records: 0, filtered: 0, rows: 0 }
  const chunks: Uint8Array[] = []
  const bad: BadRecord[] = []
  const contract = claimed.redrive ? {} : own.spec.quarantine
  const reference = Reference.parse(claimed.raw)
  const buffer = context.buffers.take(reference.bytes)
  try {
    const raw = await context.spool.read(reference, buffer)
    await encodeFrames(raw, { context, claimed, own, encoder, counts, tolerant: contract !== undefined, bad, signal, chunks })
  } finally {
    context.buffers.give(buffer)
  }
  await quarantine(context, claimed, contract, bad)
  counts.rows = encoder.rows
  chunks.push(encoder.finish())
  faultPoint('transform.middle')
  const encoded = await store(context, claimed, chunks, encoder.format)
  // Only now: its last bytes lie in its own buffer. One that threw is dropped with its half a stream.
  returnEncoder(own, encoder)
  faultPoint('transform.spooled')
  const pointer = await markEncoded(context.pool, { batchId: claimed.batchId, claim: claimed.claim, encoded, ...counts, quarantined: bad.length })
  if (pointer === undefined) {
    await context.spool.remove(encoded.name)
    throw new FencedError(`batch ${String(claimed.ordinal)} of the step ${claimed.stepId}`)
  }
  faultPoint('transform.encoded')
  await context.queues.enqueue(claimed.location, 'load', pointer)
}

async function store(
  context: WorkerContext,
  claimed: ClaimedBatch,
  chunks: readonly Uint8Array[],
  format: string,
): Promise<SpoolReference & { format: string }> {
  const name = `${claimed.stepId}/${String(claimed.generation)}/${randomUUID()}.copy`
  // Not durable: what a crash of the machine takes is made again from the raw bytes.
  return { ...(await context.spool.write(name, chunks, { durable: false })), format }
}

type UserTransform = (record: unknown, context: TransformContext<unknown>) => unknown

interface Encoding {
  readonly context: WorkerContext
  readonly claimed: ClaimedBatch
  readonly own: OwnAsset
  readonly encoder: RowEncoder
  readonly counts: { records: number; filtered: number }
  /** Whether records that do not fit are kept, rather than fail their step. */
  readonly tolerant: boolean
  readonly bad: BadRecord[]
  readonly signal: AbortSignal
  readonly chunks: Uint8Array[]
}

async function encodeFrames(raw: Buffer, encoding: Encoding): Promise<void> {
  const { context, claimed, own, encoder, counts, tolerant, bad, signal } = encoding
  const transformOne = own.asset.transform as UserTransform | undefined
  const config = parseConfig(own.asset, claimed.config)
  let pageNumber = 0
  let sliceEnd = performance.now() + sliceMs
  for (const frame of readFrames(raw)) {
    pageNumber += 1
    const name = `page ${String(pageNumber)} of batch ${String(claimed.ordinal)} of ${claimed.asset}`
    const parsed = parsePage(
      { format: frame.format, body: frame.body, ...(frame.firstLine === undefined ? {} : { firstLine: frame.firstLine }) },
      {
        name,
        maxRecordBytes: context.limits.maxRecordBytes,
        ...(tolerant ? { keepFault: (fault) => bad.push(badLine(fault, frame, counts, name)) } : {}),
      },
    )
    const transformContext: TransformContext<unknown> = { config, runId: claimed.runId, runStartedAt: claimed.runStartedAt, page: frame.extra }
    for (let index = 0; index < parsed.records.length; index += 1) {
      const before = encoder.rows
      const record = frame.tagged ? untag(parsed.records[index]) : parsed.records[index]
      const issues = encodeRecord(encoding, transformOne, record, transformContext)
      if (issues !== null) {
        const place = `${parsed.locate(index)} of ${name}`
        if (!tolerant) throw doesNotFit(place, own, issues)
        bad.push({ index: counts.records, place, record: JSON.stringify(parsed.records[index]), tagged: frame.tagged, page: frame.extra, issues })
      } else if (encoder.rows === before) {
        counts.filtered += 1
      }
      counts.records += 1
      // The clock is looked at every 64 records: reading it costs as much as encoding a column.
      if ((index & 63) === 63 && performance.now() > sliceEnd) {
        if (encoder.bufferedBytes > largestSink) encoding.chunks.push(encoder.take())
        await nextTurn()
        signal.throwIfAborted()
        sliceEnd = performance.now() + sliceMs
      }
    }
  }
}

/** A line that is no record, counted as one. */
function badLine({ line, error, text }: RecordFault, { extra, format, firstLine = 1 }: PageFrame, counts: { records: number }, name: string): BadRecord {
  counts.records += 1
  const place = `line ${String(firstLine + line)} of ${name}`
  return {
    index: counts.records - 1,
    place,
    record: JSON.stringify(text),
    tagged: false,
    format,
    page: extra,
    issues: [{ column: '(line)', message: storableText(error.message), value: '' }],
  }
}

/** The record's rows, encoded; what is wrong with it where it goes to quarantine rather than fail its step. */
function encodeRecord(
  { encoder, tolerant }: Encoding,
  transformOne: UserTransform | undefined,
  record: unknown,
  transformContext: TransformContext<unknown>,
): readonly ColumnIssue[] | null {
  if (transformOne === undefined) return encoder.encode(record)
  let output: unknown
  try {
    output = transformOne(record, transformContext)
  } catch (error) {
    if (!tolerant) throw new UserCodeError(error)
    return [{ column: '(transform)', message: storableText(error instanceof Error ? error.message : String(error)), value: '' }]
  }
  if (output === null || output === undefined) return null
  return Array.isArray(output) ? encoder.encodeAll(output) : encoder.encode(output)
}

function doesNotFit(where: string, own: OwnAsset, issues: readonly ColumnIssue[]): DataError {
  const said = issues.map((issue) => `${issue.column}: ${issue.message} (it is ${issue.value})`).join('; ')
  return new DataError(`${where} does not fit its table. ${said}.`, {
    code: 'RECORD_INVALID',
    hint: `Mend the source, or let the transform or the columns of ${own.asset.key} take it. Nothing of this run was published.`,
  })
}

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { BadRecord } from '../catalog/quarantine.ts'
import type { ClaimedBatch } from '../catalog/claims.ts'
import type { TransformContext } from '../definitions/table.ts'
import { DataError, storableText } from '../errors.ts'
import type { RecordFault } from '../sources/formats/record-fault.ts'
import { parsePage } from '../sources/parse-page.ts'
import type { ParsedPage } from '../sources/parse-page.ts'
import type { ColumnIssue, RowEncoder } from '../warehouse/encoder/row-encoder.ts'
import type { Refusal } from '../warehouse/find-refused.ts'
import { readFrames } from './batch-file.ts'
import type { PageFrame } from './batch-file.ts'
import type { WorkerContext } from './context.ts'
import { UserCodeError } from './failure.ts'
import { parseConfig } from './parse-config.ts'
import { recordJson } from './record-json.ts'
import { UnwritableRecord, untag } from './tagged-json.ts'
import type { OwnAsset } from './versions.ts'

/** Other work gets its turn after this many milliseconds: a lock is renewed every few seconds, a person waits for tens of milliseconds. */
const sliceMs = 15

// Beyond this an encoder's buffer is handed on and a new one begun; a batch whose transform makes few rows of each record stays far below.
const largestSink = 16 << 20

type UserTransform = (record: unknown, context: TransformContext<unknown>) => unknown

export interface Encoding {
  readonly context: WorkerContext
  readonly claimed: ClaimedBatch
  readonly own: OwnAsset
  readonly encoder: RowEncoder
  /** What is counted while it goes on. */
  readonly counts: { records: number; filtered: number }
  /** Whether records that do not fit are kept, rather than fail their step. */
  readonly tolerant: boolean
  /** Takes those records. */
  readonly bad: BadRecord[]
  /** Rows that Postgres would not take when they were loaded, in their order. */
  readonly refused: readonly Refusal[]
  readonly signal: AbortSignal
  /** Takes bytes that are too many to be held by the encoder. */
  readonly chunks: Uint8Array[]
}

/**
 * Encodes the records of a batch's pages, and gives other work its turn meanwhile.
 * @throws DataError `RECORD_INVALID` for the first record that does not fit, where none is tolerated; UserCodeError for what the user's function throws; what `parsePage` does
 */
export async function encodeRecords(raw: Buffer, encoding: Encoding): Promise<void> {
  const { claimed, own, encoder, counts, tolerant, bad, signal } = encoding
  const transformOne = own.asset.transform as UserTransform | undefined
  const config = parseConfig(own.asset, claimed.config)
  const refusals = refusalsOf(encoding.refused)
  let pageNumber = 0
  let sliceEnd = performance.now() + sliceMs
  for (const frame of readFrames(raw)) {
    pageNumber += 1
    const name = `page ${String(pageNumber)} of batch ${String(claimed.ordinal)} of ${claimed.asset}`
    const parsed = parse(encoding, frame, name, (fault) => bad.push(badLine(fault, frame, counts, name)))
    let readAgain: readonly unknown[] | undefined
    const transformContext: TransformContext<unknown> = { config, runId: claimed.runId, runStartedAt: claimed.runStartedAt, page: frame.extra }
    for (let index = 0; index < parsed.records.length; index += 1) {
      const before = encoder.mark()
      const record = frame.tagged ? untag(parsed.records[index]) : parsed.records[index]
      const copy = transformOne === undefined || frame.tagged ? undefined : flatCopy(record)
      const issues = encodeRecord(encoding, transformOne, record, transformContext) ?? refusals?.(encoder, before) ?? null
      if (issues !== null) {
        const place = `${parsed.locate(index)} of ${name}`
        if (issues.some((issue) => issue.frozen === true)) throw isFrozen(place, own, issues)
        if (!tolerant) throw doesNotFit(place, own, issues)
        // A transform may have changed what it was handed, and what is kept is the record as it came: a flat one was copied, of others the page is read once more.
        const asItCame =
          transformOne === undefined || frame.tagged
            ? parsed.records[index]
            : isFlat(copy)
              ? copy
              : (readAgain ??= parse(encoding, frame, name, () => undefined).records)[index]
        bad.push({ index: counts.records, place, record: recordJson(asItCame), tagged: frame.tagged, page: frame.extra, issues })
      } else if (encoder.rows === before.rows) {
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

function flatCopy(record: unknown): unknown {
  return typeof record === 'object' && record !== null && !Array.isArray(record) ? { ...record } : record
}

/** Whether a copy of the fields is a copy of all. */
function isFlat(copy: unknown): boolean {
  return typeof copy !== 'object' || copy === null || (!Array.isArray(copy) && Object.values(copy).every((one) => typeof one !== 'object' || one === null))
}

function parse({ context, tolerant }: Encoding, { format, body, firstLine }: PageFrame, name: string, keepFault: (fault: RecordFault) => void): ParsedPage {
  return parsePage(
    { format, body, ...(firstLine === undefined ? {} : { firstLine }) },
    { name, maxRecordBytes: context.limits.maxRecordBytes, ...(tolerant ? { keepFault } : {}) },
  )
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
  if (record instanceof UnwritableRecord) return [{ column: '(record)', message: storableText(record.message), value: '' }]
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

/** Takes back the rows that a record just added where Postgres refused one of them, and says why. Undefined where it refused none at all. */
function refusalsOf(refused: readonly Refusal[]): ((encoder: RowEncoder, before: ReturnType<RowEncoder['mark']>) => ColumnIssue[] | null) | undefined {
  if (refused.length === 0) return undefined
  let next = 0
  // Rows are counted as they were when they were refused: those that are taken back were among them.
  let takenBack = 0
  return (encoder, before) => {
    const end = encoder.rows + takenBack
    const issues: ColumnIssue[] = []
    for (let one = refused[next]; one !== undefined && one.row < end; one = refused[(next += 1)]) {
      issues.push({ column: one.column, message: one.message, value: one.value })
    }
    if (issues.length === 0) return null
    takenBack += encoder.rows - before.rows
    encoder.back(before)
    return issues
  }
}

function isFrozen(where: string, own: OwnAsset, issues: readonly ColumnIssue[]): DataError {
  const fields = issues.filter((issue) => issue.frozen === true).map((issue) => `${issue.column} (${issue.value})`)
  return new DataError(`${where} carries fields that the columns of ${own.asset.key} do not have, and its schema is frozen: ${fields.join(', ')}.`, {
    code: 'SCHEMA_FROZEN',
    hint: 'Give the asset the columns, leave the fields out in its transform, or let `unknownFields` of its `schemaContract` evolve. Nothing of this run was published.',
  })
}

function doesNotFit(where: string, own: OwnAsset, issues: readonly ColumnIssue[]): DataError {
  const said = issues.map((issue) => `${issue.column}: ${issue.message}${issue.value === '' ? '' : ` (it is ${issue.value})`}`).join('; ')
  return new DataError(`${where} does not fit its table. ${said}.`, {
    code: 'RECORD_INVALID',
    hint: `Mend the source, or let the transform or the columns of ${own.asset.key} take it. Nothing of this run was published.`,
  })
}

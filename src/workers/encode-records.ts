import { isUtf8 } from 'node:buffer'
import type { BadRecord } from '../catalog/quarantine.ts'
import type { ClaimedBatch } from '../catalog/claims.ts'
import type { TransformContext } from '../definitions/table.ts'
import { storableText } from '../errors.ts'
import type { CsvFormat } from '../sources/formats/csv.ts'
import type { RecordFault } from '../sources/formats/record-fault.ts'
import { isReadAtOnce, parseBlocks } from '../sources/parse-blocks.ts'
import { parsePage } from '../sources/parse-page.ts'
import type { ColumnIssue, RowEncoder } from '../warehouse/encoder/row-encoder.ts'
import type { Refusal } from '../warehouse/refusal.ts'
import { copyBefore, doesNotFit, isFrozen, keptLine, keptRecord } from './bad-record.ts'
import { readFrames } from './batch-file.ts'
import type { PageFrame } from './batch-file.ts'
import type { WorkerLimits } from './context.ts'
import { encodeCsvRows, textRowOf } from './encode-csv.ts'
import { encodeJsonArray, encodeJsonLines } from './encode-json.ts'
import type { RecordBytes } from './encode-json.ts'
import { throughOf } from './encoders.ts'
import { UserCodeError } from './failure.ts'
import { parseConfig } from './parse-config.ts'
import { refusalsOf } from './refusals.ts'
import { repairedRecords } from './repair-line.ts'
import { UnwritableRecord, untag } from './tagged-json.ts'
import { turnsOf } from './turns.ts'
import type { OwnAsset } from './versions.ts'

// Beyond this an encoder's buffer is handed on and a new one begun; a batch whose transform makes few rows of each record stays far below.
const largestSink = 16 << 20

type UserTransform = (record: unknown, context: TransformContext<unknown>) => unknown

export interface Encoding {
  readonly limits: Pick<WorkerLimits, 'maxRecordBytes'>
  readonly claimed: Pick<ClaimedBatch, 'asset' | 'ordinal' | 'config' | 'runId' | 'runStartedAt'>
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
  /** Whether there is something that the table cannot take, and that is left out. */
  readonly limited: boolean
  readonly signal: AbortSignal
  /** Takes bytes that are too many to be held by the encoder. */
  readonly chunks: Uint8Array[]
}

/** A page in hand. */
interface Page {
  readonly frame: PageFrame
  /** As messages name it. */
  readonly name: string
  readonly transformContext: TransformContext<unknown>
  readonly refusals: ReturnType<typeof refusalsOf>
}

/**
 * Encodes the records of a batch's pages, and gives other work its turn meanwhile.
 * @throws DataError `RECORD_INVALID` for the first record that does not fit, where none is tolerated; UserCodeError for what the user's function throws; what `parseBlocks` does
 */
export async function encodeRecords(raw: Buffer, encoding: Encoding): Promise<void> {
  const { claimed, own } = encoding
  const config = parseConfig(own.asset, claimed.config)
  const refusals = refusalsOf(encoding.refused)
  const turn = turnsOf(encoding.signal)
  let pageNumber = 0
  for (const frame of readFrames(raw)) {
    pageNumber += 1
    if (await passThrough(encoding, frame, turn)) continue
    const name = `page ${String(pageNumber)} of batch ${String(claimed.ordinal)} of ${claimed.asset}`
    const transformContext: TransformContext<unknown> = { config, runId: claimed.runId, runStartedAt: claimed.runStartedAt, page: frame.extra }
    await encodePage(encoding, { frame, name, transformContext, refusals }, turn)
  }
}

/** Adds a page of the table's own tuples as they are. Not where it must be told which record a row is of, or what of it is left out. */
async function passThrough(encoding: Encoding, { format, body }: PageFrame, turn: () => Promise<void> | undefined): Promise<boolean> {
  const { own, encoder, counts, refused, limited } = encoding
  if (refused.length > 0 || limited) return false
  const rows = throughOf(own, format)?.(body)
  if (rows === undefined) return false
  encoder.addTuples(body, rows)
  counts.records += rows
  handOn(encoding)
  await turn()
  return true
}

async function encodePage(encoding: Encoding, page: Page, turn: () => Promise<void> | undefined): Promise<void> {
  const { limits, own, tolerant, encoder, counts } = encoding
  const { format, body, firstLine } = page.frame
  const keeps = tolerant || own.asset.repairLine !== undefined
  const encoded = { format, body, ...(firstLine === undefined ? {} : { firstLine }) }
  const options = { name: page.name, maxRecordBytes: limits.maxRecordBytes }
  const blocks = parseBlocks(encoded, { ...options, ...(keeps ? { keepFault: (fault) => takeFault(encoding, page, fault) } : {}) })
  let again: readonly unknown[] | undefined
  const readAgain = (index: number): unknown => (again ??= parsePage(encoded, { ...options, keepFault: () => undefined }).records)[index]
  // Where nothing but the encoder has a say, as of most pages, nothing else is asked of each record.
  const plain = own.asset.transform === undefined && !page.frame.tagged && page.refusals === undefined
  if (await encodeBytes(encoding, page, turn)) return
  for await (const { records, locate } of blocks) {
    for (let index = 0; index < records.length; index += 1) {
      const issues = plain ? encoder.encode(records[index]) : undefined
      if (issues === null) counts.records += 1
      else if (issues !== undefined) refuse(encoding, page, issues, records[index], `${locate(index)} of ${page.name}`)
      else
        takeRecord(encoding, page, records[index], {
          place: () => `${locate(index)} of ${page.name}`,
          ...(isReadAtOnce(format) ? { readAgain: () => readAgain(index) } : {}),
        })
      // The clock is looked at every 64 records: reading it costs as much as encoding a column.
      if ((index & 63) === 63) {
        handOn(encoding)
        await turn()
      }
    }
  }
}

/** Encodes a page from its bytes, where its format is one for that. False where it must be parsed: then nothing of it is encoded. */
async function encodeBytes(encoding: Encoding, page: Page, turn: () => Promise<void> | undefined): Promise<boolean> {
  const { encoder, counts, bad } = encoding
  const { frame, refusals } = page
  if (!encoder.readsBytes || frame.tagged || refusals !== undefined || !isUtf8(frame.body)) return false
  handOn(encoding)
  const before = { encoder: encoder.mark(), records: counts.records, bad: bad.length }
  if (await (frame.format.kind === 'csv' ? encodeCsv(encoding, page, frame.format, turn) : encodeJson(encoding, page, turn))) return true
  encoder.back(before.encoder)
  counts.records = before.records
  bad.length = before.bad
  return false
}

// What fails a step is said by the parser, which sees the whole page: so both give a page up where nothing is tolerated.

async function encodeJson(encoding: Encoding, page: Page, turn: () => Promise<void> | undefined): Promise<boolean> {
  const { limits, own, encoder, counts, tolerant } = encoding
  const { format, body, firstLine = 1 } = page.frame
  if ((format.kind !== 'json' && format.kind !== 'jsonl') || own.asset.transform !== undefined) return false
  const { maxRecordBytes } = limits
  const records: RecordBytes = {
    body,
    encoder,
    maxRecordBytes,
    taken: () => (counts.records += 1),
    turn,
    refuse: (record, issues, place) => tolerant && (refuse(encoding, page, issues, record, `${place} of ${page.name}`), true),
    parseLine: (line, number) => {
      const keepFault = (fault: RecordFault): void => takeFault(encoding, page, { ...fault, line: number - firstLine })
      return tolerant && (parsePage({ format, body: line, firstLine: number }, { name: page.name, maxRecordBytes, keepFault }), true)
    },
  }
  return format.kind === 'json' ? encodeJsonArray(records, format.path ?? []) : encodeJsonLines(records, firstLine)
}

async function encodeCsv(
  encoding: Encoding,
  page: Page,
  format: CsvFormat & { readonly kind: 'csv' },
  turn: () => Promise<void> | undefined,
): Promise<boolean> {
  const { limits, own, encoder, counts, tolerant } = encoding
  const { body, firstLine = 1 } = page.frame
  const { maxRecordBytes } = limits
  const row = textRowOf(encoder, format, Object.keys(own.asset.columns.shape), own.asset.transform)
  if (row === undefined) return false
  return encodeCsvRows({
    body,
    format,
    firstLine,
    encoder,
    row,
    maxRecordBytes,
    taken: () => (counts.records += 1),
    turn,
    refuse(bytes, line, place) {
      if (!tolerant) return false
      const { records } = parsePage({ format, body: bytes, firstLine: line }, { name: page.name, maxRecordBytes })
      for (const record of records) takeRecord(encoding, page, record, { place: () => `${place} of ${page.name}` })
      return records.length === 1
    },
  })
}

/** Relieves an encoder that holds much. */
function handOn({ encoder, chunks }: Encoding): void {
  if (encoder.bufferedBytes > largestSink) chunks.push(encoder.take())
}

interface Origin {
  readonly place: () => string
  /** The record as it came, where its page can be read once more. */
  readonly readAgain?: () => unknown
}

/** Encodes a record's rows, and counts it. One that does not fit is kept for quarantine, or fails its step. */
function takeRecord(encoding: Encoding, page: Page, given: unknown, { place, readAgain }: Origin): void {
  const { own, encoder, counts, tolerant } = encoding
  const { frame, refusals } = page
  const transformOne = own.asset.transform as UserTransform | undefined
  const before = encoder.mark()
  const record = frame.tagged ? untag(given) : given
  // A transform may change what it is handed, and what is kept is the record as it came.
  const asItCame = tolerant && transformOne !== undefined && !frame.tagged ? copyBefore(given, readAgain) : () => given
  const issues = encodeRecord(encoding, transformOne, record, page.transformContext) ?? refusals?.(encoder, before) ?? null
  if (issues !== null) return refuse(encoding, page, issues, tolerant ? asItCame() : given, place())
  counts.records += 1
  if (encoder.rows === before.rows) counts.filtered += 1
}

/** Keeps a record that does not fit, as it came; or fails its step. */
function refuse(encoding: Encoding, { frame }: Page, issues: readonly ColumnIssue[], asItCame: unknown, place: string): void {
  const { own, counts, tolerant, bad } = encoding
  if (issues.some((issue) => issue.frozen === true)) throw isFrozen(place, own, issues)
  if (!tolerant) throw doesNotFit(place, own, issues)
  bad.push({ index: counts.records, place, ...keptRecord(asItCame, frame), page: frame.extra, issues })
  counts.records += 1
}

/** Takes a line that is no record: mended by the user's function, or kept as it is. */
function takeFault(encoding: Encoding, page: Page, fault: RecordFault): void {
  const { own, counts, tolerant, bad } = encoding
  const { frame, name } = page
  const { repairLine } = own.asset
  let records: readonly unknown[] | undefined
  let problem: string | undefined
  try {
    records = repairLine === undefined ? undefined : repairedRecords(repairLine, fault, frame)
  } catch (error) {
    if (!tolerant) throw new UserCodeError(error)
    problem = error instanceof Error ? error.message : String(error)
  }
  if (records !== undefined) {
    for (const record of records)
      takeRecord(encoding, page, record, { place: () => `${fault.place ?? `line ${String((frame.firstLine ?? 1) + fault.line)}`} of ${name}, mended,` })
    return
  }
  if (!tolerant) throw fault.error
  counts.records += 1
  bad.push(keptLine(fault, frame, { index: counts.records - 1, page: name, problem }))
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

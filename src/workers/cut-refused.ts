import type { BadRecord } from '../catalog/quarantine.ts'
import type { ClaimedBatch } from '../catalog/claims.ts'
import { arrayAt, surrounds } from '../sources/formats/json-array.ts'
import { parseBlocks } from '../sources/parse-blocks.ts'
import type { ParsedPage } from '../sources/parse-page.ts'
import { endOfValue, skipBlanks } from '../warehouse/encoder/json-scan.ts'
import type { Refusal } from '../warehouse/refusal.ts'
import { withoutRows } from '../warehouse/without-rows.ts'
import { keptRecord } from './bad-record.ts'
import { readFrames } from './batch-file.ts'
import type { PageFrame } from './batch-file.ts'
import type { OneByOne, RefusedReference } from './batch-references.ts'
import { turnsOf } from './turns.ts'
import type { OwnAsset } from './versions.ts'

/** More of them are not worth writing down with their batch. */
const mostBad = 1000

/** How a batch's rows can be told apart later without encoding them again; undefined where they cannot: where the user's code has made them, or its table leaves out something of them. */
export function oneByOneOf({ asset, version }: OwnAsset, bad: readonly BadRecord[], notes: object | undefined): OneByOne | undefined {
  if (asset.transform !== undefined || asset.repairLine !== undefined || notes !== undefined || bad.length > mostBad) return undefined
  // What is no record has no place of its own among the records of its page.
  if (bad.some(({ format }) => format !== undefined)) return undefined
  return { version, bad: bad.map(({ index }) => index) }
}

interface Refused {
  readonly claimed: ClaimedBatch
  readonly own: OwnAsset
  readonly signal: AbortSignal
  readonly maxRecordBytes: number
  /** The batch's pages. */
  readonly raw: Buffer
  /** Its whole COPY stream, which is changed. */
  readonly stream: Buffer
  readonly encoded: RefusedReference
  readonly refused: readonly Refusal[]
}

interface Cut {
  readonly stream: Uint8Array
  readonly rows: number
  /** The records of the rows that were taken out. */
  readonly bad: readonly BadRecord[]
}

/** Takes the rows that Postgres refused out of a stream, and finds their records. Undefined where they cannot be told: then the batch is to be encoded again. */
export async function cutRefused({ claimed, own, signal, maxRecordBytes, raw, stream, encoded, refused }: Refused): Promise<Cut | undefined> {
  const { oneByOne, format, records, rows } = encoded
  if (own.version !== oneByOne.version || records !== rows + oneByOne.bad.length) return undefined
  const issues = Map.groupBy(refused, ({ row }) => row)
  const taken = [...issues.keys()].toSorted((a, b) => a - b)
  const wanted = new Map(recordsOf(taken, oneByOne.bad).map((record, index) => [record, issues.get(taken[index] ?? -1) ?? []]))
  const turn = turnsOf(signal)
  const bad: BadRecord[] = []
  let [index, page] = [0, 0]
  for (const frame of readFrames(raw)) {
    page += 1
    const name = `page ${String(page)} of batch ${String(claimed.ordinal)} of ${claimed.asset}`
    const blocks = await blocksOf(frame, { name, maxRecordBytes })
    if (blocks === undefined) return undefined
    for (const { count, recordAt, placeOf } of blocks) {
      for (let at = 0; at < count; at += 1, index += 1) {
        const found = wanted.get(index)
        if (found === undefined) continue
        const told = found.map(({ column, message, value }) => ({ column, message, value }))
        bad.push({ index, place: `${placeOf(at)} of ${name}`, ...keptRecord(recordAt(at), frame), page: frame.extra, issues: told })
      }
      await turn()
    }
  }
  if (index !== records || bad.length !== taken.length) return undefined
  return { stream: withoutRows({ bytes: stream, format, rows }, taken), rows: rows - taken.length, bad }
}

/** The records of rows, both ascending: those between them that are no rows are passed over. */
function recordsOf(rows: readonly number[], bad: readonly number[]): number[] {
  let before = 0
  return rows.map((row) => {
    while ((bad[before] ?? Infinity) <= row + before) before += 1
    return row + before
  })
}

interface Block {
  readonly count: number
  readonly recordAt: (at: number) => unknown
  /** As in `record 3 (line 4)`. */
  readonly placeOf: (at: number) => string
}

interface BlockOptions {
  readonly name: string
  readonly maxRecordBytes: number
}

/** A page's records; undefined where something in it is none. */
async function blocksOf(frame: PageFrame, options: BlockOptions): Promise<readonly Block[] | undefined> {
  const elements = frame.format.kind === 'json' ? elementsOf(frame.body, frame.format.path ?? []) : undefined
  if (elements !== undefined) return [elements]
  const { format, body, firstLine } = frame
  let whole = true
  const blocks: ParsedPage[] = []
  for await (const block of parseBlocks(
    { format, body, ...(firstLine === undefined ? {} : { firstLine }) },
    { ...options, keepFault: () => void (whole = false) },
  ))
    blocks.push(block)
  if (!whole) return undefined
  return blocks.map(({ records, locate }) => ({ count: records.length, recordAt: (at) => records[at], placeOf: locate }))
}

/** The elements of a page's array, of which only those asked for are parsed: the page was read as a whole before. */
function elementsOf(body: Buffer, path: readonly string[]): Block | undefined {
  const start = arrayAt(body, path)
  if (start === undefined) return undefined
  const starts: number[] = []
  let at = skipBlanks(body, start + 1)
  while (body[at] !== 0x5d) {
    starts.push(at)
    const end = endOfValue(body, at)
    if (end < 0) return undefined
    at = skipBlanks(body, end)
    if (body[at] === 0x2c) at = skipBlanks(body, at + 1)
    else if (body[at] !== 0x5d) return undefined
  }
  if (!surrounds(body, path, start, at + 1)) return undefined
  const recordAt = (index: number): unknown => {
    const from = starts[index] ?? 0
    return JSON.parse(body.toString('utf8', from, endOfValue(body, from)))
  }
  return { count: starts.length, recordAt, placeOf: (index) => `record ${String(index)}` }
}

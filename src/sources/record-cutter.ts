import { recordTooLarge } from './formats/record-too-large.ts'

/** Whole records, as bytes. */
export interface CutPage {
  readonly body: Buffer
  /** The number of its first line, from 1. */
  readonly firstLine: number
}

export interface RecordCutter {
  readonly push: (chunk: Uint8Array) => void
  /** All whole records, once they fill a page. */
  readonly shiftPage: () => CutPage | undefined
  /** The first record alone, once it is whole: a header line. */
  readonly shiftRecord: () => CutPage | undefined
  /** Whatever is left. */
  readonly end: () => { readonly page: CutPage | undefined; readonly openQuoteLine: number | undefined }
}

export interface RecordCutterOptions {
  readonly pageBytes: number
  readonly maxRecordBytes: number
  readonly delimiter: string
  /** How messages name the source. */
  readonly name: string
}

const newline = 0x0a
const carriageReturn = 0x0d
const quote = 0x22

/** Where the next byte stands. A quote opens only at the beginning of a field; `after-quote` may be its end or the first of a doubled one. */
type State = 'field-start' | 'plain' | 'quoted' | 'after-quote'

/**
 * Cuts a stream of CSV bytes between records, so that no page ends within one. Holds one page (and never more than one record beyond it).
 * `push` throws DataError `RECORD_TOO_LARGE`.
 */
export function recordCutter(options: RecordCutterOptions): RecordCutter {
  const delimiter = options.delimiter.codePointAt(0)
  let held: Uint8Array[] = []
  let heldBytes = 0
  let state: State = 'field-start'
  /** The number of the first line held, from 1. */
  let firstLine = 1
  /** Line ends seen in what is held. */
  let lines = 0
  let quoteLine = 1
  /** The ends of the first and the last whole record held. */
  let first: Boundary = nothing
  let last: Boundary = nothing

  function checkSize(end: number): void {
    if (end - last.bytes > options.maxRecordBytes) {
      throw recordTooLarge(`the record that begins in line ${String(firstLine + last.lines)} of ${options.name}`, undefined, options.maxRecordBytes)
    }
  }

  function endRecord(end: number): void {
    checkSize(end)
    last = { bytes: end, lines }
    if (first === nothing) first = last
  }

  /** Without a quote in sight only line ends matter: finding them takes a tenth of the time that looking at every byte does. */
  function scanPlain(chunk: Uint8Array): void {
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) {
      lines += 1
      endRecord(heldBytes + at + 1)
    }
    const final = chunk.at(-1)
    state = final === newline || final === delimiter ? 'field-start' : 'plain'
  }

  function scan(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    if ((state === 'field-start' || state === 'plain') && !chunk.includes(quote)) scanPlain(chunk)
    else scanQuoted(chunk)
    held.push(chunk)
    heldBytes += chunk.length
    checkSize(heldBytes)
  }

  function scanQuoted(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at]
      if (byte === newline) lines += 1
      if (state === 'quoted') {
        if (byte === quote) state = 'after-quote'
      } else if (byte === quote && state !== 'plain') {
        if (state === 'field-start') quoteLine = firstLine + lines
        state = 'quoted'
      } else if (byte === newline) {
        state = 'field-start'
        endRecord(heldBytes + at + 1)
      } else if (byte === delimiter) {
        state = 'field-start'
      } else if (byte !== carriageReturn || state !== 'after-quote') {
        state = 'plain'
      }
    }
  }

  function cut(boundary: Boundary): CutPage | undefined {
    if (boundary.bytes === 0) return undefined
    const whole = Buffer.concat(held, heldBytes)
    const page = { body: whole.subarray(0, boundary.bytes), firstLine }
    held = []
    heldBytes = 0
    state = 'field-start'
    firstLine += boundary.lines
    lines = 0
    first = nothing
    last = nothing
    // The rest begins with a record, so it is read afresh: less than one record, or what came behind a header line.
    scan(Buffer.from(whole.subarray(boundary.bytes)))
    return page
  }

  return {
    push: scan,
    shiftPage: () => (heldBytes >= options.pageBytes ? cut(last) : undefined),
    shiftRecord: () => cut(first),
    end: () => ({ openQuoteLine: state === 'quoted' ? quoteLine : undefined, page: cut({ bytes: heldBytes, lines }) }),
  }
}

interface Boundary {
  readonly bytes: number
  readonly lines: number
}

const nothing: Boundary = { bytes: 0, lines: 0 }

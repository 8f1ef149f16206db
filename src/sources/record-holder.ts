import type { OversizedFormat } from '../definitions/page.ts'
import { keptBytes } from './formats/record-too-large.ts'

/** Whole records as bytes, or the beginning of one that is too large. */
export interface CutPage {
  readonly body: Buffer
  /** The number of its first line, from 1. */
  readonly firstLine: number
  /** Set where it is no record but the beginning of one. */
  readonly oversized?: OversizedFormat
  /** Where extraction goes on: the offset of the byte after it. */
  readonly end: number
  /** The number of the line that `end` is in, from 1. */
  readonly endLine: number
}

export interface RecordHolderOptions {
  readonly pageBytes: number
  readonly maxRecordBytes: number
  /** How messages name the source. */
  readonly name: string
  /** Where in the source the first byte stands, and in which line. Default 0 and 1. */
  readonly offset?: number
  readonly line?: number
}

/**
 * Holds the bytes between a source and its pages: at most one page and one record beyond it. Of a record over the limit only the beginning is
 * kept, and told as a page of its own.
 */
export interface RecordHolder {
  /** The line of the byte scanned now, from 1; whoever scans counts it up. */
  line: number
  readonly begin: (chunk: Uint8Array) => void
  /** A record ends before `at` in the chunk; `gap` bytes after it belong to nothing. */
  readonly endRecord: (at: number, gap?: number) => void
  /** What is held and comes before `at` is taken away, as one that is no record: a header line. */
  readonly take: (at: number) => Buffer
  /** The chunk is scanned; what comes after `to` belongs to nothing. */
  readonly finish: (to?: number) => void
  /** The next page, once it is full. */
  readonly shift: () => CutPage | undefined
  /** The end of the stream: what is held is all there is, so it is whole; `shift` gives it. */
  readonly end: () => void
  /** The end of the records: `shift` gives the whole ones; what comes after them belongs to nothing. */
  readonly flush: () => void
}

/** A record that is too large: where it began, and its beginning. */
interface Dropped {
  readonly offset: number
  readonly line: number
  readonly head: Buffer
}

export function recordHolder(options: RecordHolderOptions): RecordHolder {
  const { maxRecordBytes, pageBytes, name } = options
  const ready: CutPage[] = []
  let pieces: Uint8Array[] = []
  let heldBytes = 0
  /** Where in the source what is held begins. */
  let offset = options.offset ?? 0
  let firstLine = options.line ?? 1
  /** The end of the last whole record held, and where the next one begins. */
  let last = { bytes: 0, next: 0, line: firstLine }
  /** The record that is dropped as it comes. */
  let dropped: Dropped | undefined
  let chunk: Uint8Array = new Uint8Array(0)
  /** Bytes of the chunk that are held or gone. */
  let taken = 0

  const hold = (to: number): void => {
    if (to > taken) pieces.push(chunk.subarray(taken, to))
    heldBytes += to - taken
    taken = to
  }
  const restart = (bytes: number): void => {
    offset += bytes
    firstLine = holder.line
    pieces = []
    heldBytes = 0
    last = { bytes: 0, next: 0, line: firstLine }
  }
  /** Makes a page of the whole records held; what is left begins with a record. */
  const cut = (): void => {
    const { bytes, next, line } = last
    const whole = Buffer.concat(pieces, heldBytes)
    if (bytes > 0) ready.push({ body: whole.subarray(0, bytes), firstLine, end: offset + next, endLine: line })
    pieces = heldBytes > next ? [Buffer.from(whole.subarray(next))] : []
    heldBytes -= next
    offset += next
    firstLine = line
    last = { bytes: 0, next: 0, line }
  }
  const tooLarge = (bytes: number, from: Dropped, end: number): void => {
    const at = `line ${String(from.line)} (byte ${String(from.offset)}) of ${name}`
    const oversized = { kind: 'oversized', bytes, limit: maxRecordBytes, at } as const
    ready.push({ body: from.head, firstLine: from.line, oversized, end, endLine: holder.line })
  }
  const headOf = (): Dropped => ({ offset, line: firstLine, head: Buffer.concat(pieces, heldBytes).subarray(0, keptBytes) })
  const drop = (from: Dropped, to: number): Dropped => {
    const head = from.head.length < keptBytes ? Buffer.concat([from.head, chunk.subarray(taken, to)]).subarray(0, keptBytes) : from.head
    offset += to - taken
    return { ...from, head }
  }

  const holder: RecordHolder = {
    line: firstLine,
    begin: (next) => {
      chunk = next
      taken = 0
    },
    endRecord: (at, gap = 0) => {
      if (dropped !== undefined) {
        const whole = drop(dropped, at)
        tooLarge(offset - whole.offset, whole, offset + gap)
        dropped = undefined
        restart(gap)
        taken = at + gap
        return
      }
      const bytes = heldBytes + at - taken
      if (bytes - last.next <= maxRecordBytes) {
        last = { bytes, next: bytes + gap, line: holder.line }
        return
      }
      hold(at)
      cut()
      tooLarge(heldBytes, headOf(), offset + heldBytes + gap)
      restart(heldBytes + gap)
      taken = at + gap
    },
    take: (at) => {
      hold(at)
      const whole = Buffer.concat(pieces, heldBytes)
      restart(heldBytes)
      return whole
    },
    finish: (to = chunk.length) => {
      if (dropped !== undefined) {
        dropped = drop(dropped, to)
        return
      }
      hold(to)
      if (heldBytes - last.next <= maxRecordBytes) return
      cut()
      dropped = headOf()
      offset += heldBytes
      pieces = []
      heldBytes = 0
    },
    shift: () => {
      if (ready.length === 0 && heldBytes >= pageBytes && last.bytes > 0) cut()
      return ready.shift()
    },
    end: () => {
      if (dropped !== undefined) {
        tooLarge(offset - dropped.offset, dropped, offset)
        dropped = undefined
      } else {
        last = { bytes: heldBytes, next: heldBytes, line: holder.line }
        cut()
      }
    },
    flush: () => cut(),
  }
  return holder
}

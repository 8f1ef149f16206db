import type { CsvFormat } from './csv.ts'

/** The values of a row of text, as they lie in the bytes. Of each: where it begins and ends, and what it is. */
export interface TextFields {
  readonly bytes: Buffer
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** One of `plainField`, `doubledField`, `nullField`. */
  readonly kinds: Uint8Array
}

/** A value that is what its bytes say. */
const plainField = 0
/** One within quotes in which quotes stand doubled. */
const doubledField = 1
/** The text that means null. */
const nullField = 2

/** Reads the rows of a page of CSV one after the other. */
export interface FieldScanner {
  readonly fields: TextFields
  /** Line breaks of the row just read. */
  readonly breaks: number
  /** Reads the row that begins at `at` into `fields`: where the next one begins, or -1 where it is not plainly a row of the columns, and a parser must say what it is. */
  scan(at: number): number
}

const lineFeed = 0x0a
const carriageReturn = 0x0d

/** A scanner for bytes in UTF-8; undefined for dialects that only the parser reads. */
export function fieldScanner(bytes: Buffer, format: CsvFormat): FieldScanner | undefined {
  const { columns, escape, comment, trim, lineBreak, shortRows, longRows } = format
  const departs = escape !== undefined || comment !== undefined || trim === true || lineBreak === 'cr' || shortRows === 'fill' || longRows === 'cut'
  if (departs || columns.length === 0) return undefined
  const delimiter = (format.delimiter ?? ',').charCodeAt(0)
  const quote = format.quote === null ? -1 : (format.quote ?? '"').charCodeAt(0)
  const nullText = format.nullText === undefined ? undefined : Buffer.from(format.nullText)
  // What ends a value without quotes, or has no place in one.
  const stops = new Uint8Array(256)
  stops[delimiter] = 1
  stops[lineFeed] = 1
  if (quote >= 0) stops[quote] = 1
  const count = columns.length
  const fields = { bytes, starts: new Int32Array(count), ends: new Int32Array(count), kinds: new Uint8Array(count) }
  const { starts, ends, kinds } = fields
  let breaks = 0

  /** Where the quoted value that begins after `from` has its closing quote; -1 where it has none. */
  function endOfQuoted(from: number, index: number): number {
    let at = from
    kinds[index] = plainField
    for (;;) {
      const end = bytes.indexOf(quote, at)
      if (end < 0) return -1
      if (bytes[end + 1] !== quote) return end
      kinds[index] = doubledField
      at = end + 2
    }
  }

  function countBreaks(from: number, to: number): void {
    for (let at = bytes.indexOf(lineFeed, from); at >= 0 && at < to; at = bytes.indexOf(lineFeed, at + 1)) breaks++
  }

  function isNull(start: number, end: number): boolean {
    return nullText !== undefined && end - start === nullText.length && bytes.compare(nullText, 0, nullText.length, start, end) === 0
  }

  const { length } = bytes

  function scan(from: number): number {
    let at = from
    breaks = 0
    for (let index = 0; index < count; index++) {
      let end: number
      if (bytes[at] === quote) {
        end = endOfQuoted(at + 1, index)
        if (end < 0) return -1
        starts[index] = at + 1
        ends[index] = end
        countBreaks(at + 1, end)
        at = end + 1
        if (bytes[at] === carriageReturn && bytes[at + 1] === lineFeed) at++
      } else {
        const start = at
        while (at < length && stops[bytes[at] ?? 0] === 0) at++
        end = bytes[at] === lineFeed && at > start && bytes[at - 1] === carriageReturn ? at - 1 : at
        starts[index] = start
        ends[index] = end
        kinds[index] = isNull(start, end) ? nullField : plainField
      }
      const isLast = index === count - 1
      if (at >= bytes.length) return isLast ? at : -1
      if (bytes[at] !== (isLast ? lineFeed : delimiter)) return -1
      at++
    }
    breaks++
    return at
  }

  return {
    fields,
    get breaks() {
      return breaks
    },
    scan,
  }
}

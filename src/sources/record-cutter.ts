import type { CsvDialect } from '../definitions/page.ts'
import { csvScanner, endsLine, endsRecord, isWithinQuotes, mayBeQuoted, scanStart, stateOf } from './formats/csv-scanner.ts'
import { recordHolder } from './record-holder.ts'
import type { CutPage, RecordHolderOptions } from './record-holder.ts'

export interface RecordCutter {
  readonly push: (chunk: Uint8Array) => void
  /** All whole records, once they fill a page. */
  readonly shift: () => CutPage | undefined
  /** The end of the file: `shift` gives whatever is left. Answers the line of a quote that was never closed. */
  readonly end: () => { readonly openQuoteLine: number | undefined }
}

export interface RecordCutterOptions extends RecordHolderOptions {
  readonly dialect: CsvDialect
  /** Lines at the beginning that are passed over, whatever is in them. */
  readonly skipLines?: number
  /** Asked of each record until it says yes: those records are no part of any page. */
  readonly isHeader?: (record: Buffer) => boolean
}

const carriageReturn = 0x0d
// With more quotes than one in so many bytes the search for each costs more than it spares.
const bytesPerQuote = 48

/** Whether quotes stand around values and doubled within them, and are nothing else. */
function isPlain({ escape, comment, trim, lineBreak }: CsvDialect): boolean {
  return escape === undefined && comment === undefined && trim !== true && lineBreak !== 'cr'
}

/** The index behind the quote that closes what the one at `from` opens, or the end of the chunk. */
function endOfQuoted(chunk: Uint8Array, from: number, quote: number): number {
  for (let at = from + 1; ; at += 2) {
    at = chunk.indexOf(quote, at)
    if (at < 0) return chunk.length
    if (chunk[at + 1] !== quote) return at + 1
  }
}

/**
 * Cuts a stream of rows between records, so that no page ends within one: rows of CSV, or lines, where the dialect has no quotes. Holds one page
 * and one record beyond it.
 */
export function recordCutter(options: RecordCutterOptions): RecordCutter {
  const scanner = csvScanner(options.dialect)
  const { table, classOf, lineEnd, quote } = scanner
  const plainQuotes = quote !== undefined && isPlain(options.dialect)
  const delimiter = (options.dialect.delimiter ?? ',').charCodeAt(0)
  const holder = recordHolder(options)
  let state = scanStart
  let quoteLine = 1
  let linesToSkip = options.skipLines ?? 0
  let { isHeader } = options
  /** Whether quotes stood so close together that looking for the next one takes longer than looking at every byte. */
  let isDense = false

  function endRecord(at: number): void {
    if (isHeader === undefined) holder.endRecord(at)
    else if (isHeader(holder.take(at))) isHeader = undefined
  }

  /** Without a quote in sight only line ends matter: finding them takes a tenth of the time that looking at every byte does. */
  function scanPlain(chunk: Uint8Array, from: number): void {
    let begun = from
    for (let at = chunk.indexOf(lineEnd, from); at >= 0; at = chunk.indexOf(lineEnd, at + 1)) {
      holder.line += 1
      endRecord(at + 1)
      begun = at + 1
      state = scanStart
    }
    scanBytes(chunk, begun)
  }

  /** Where quotes are few, the bytes between them and line ends need not be looked at: a sixth of the time. From the beginning of a record. */
  function scanSparse(chunk: Uint8Array, from: number, quoteByte: number): void {
    let begun = from
    let at = from
    let linesWithin = 0
    let quotesLeft = chunk.length / bytesPerQuote
    let quoteAt = chunk.indexOf(quoteByte, at)
    for (let lineAt = chunk.indexOf(lineEnd, at); lineAt >= 0;) {
      if (quoteAt < 0 || lineAt < quoteAt) {
        holder.line += linesWithin + 1
        linesWithin = 0
        begun = at = lineAt + 1
        endRecord(begun)
        lineAt = chunk.indexOf(lineEnd, at)
        continue
      }
      isDense = --quotesLeft < 0
      if (isDense) break
      let behind = quoteAt + 1
      // Elsewhere a quote is a character like others.
      if (quoteAt === begun || chunk[quoteAt - 1] === delimiter) {
        behind = endOfQuoted(chunk, quoteAt, quoteByte)
        // A quote behind a lone CR would go on with the value.
        if (chunk[behind] === carriageReturn && chunk[behind + 1] !== lineEnd) break
        for (; lineAt >= 0 && lineAt < behind; lineAt = chunk.indexOf(lineEnd, lineAt + 1)) linesWithin += 1
      }
      at = behind
      quoteAt = chunk.indexOf(quoteByte, at)
    }
    scanBytes(chunk, begun)
  }

  /** Up to the end of the record that an earlier chunk began: where that is. */
  function scanBegun(chunk: Uint8Array, from: number): number {
    let at = from
    while (at < chunk.length && state !== scanStart) {
      const lineAt = chunk.indexOf(lineEnd, at)
      const end = lineAt < 0 ? chunk.length : lineAt + 1
      scanBytes(chunk.subarray(0, end), at)
      at = end
    }
    return at
  }

  function scanBytes(chunk: Uint8Array, from: number): void {
    // In locals: through the closure each byte took four times as long.
    let here = state
    const steps = table
    const classes = classOf
    const { length } = chunk
    for (let at = from; at < length; at += 1) {
      const step = steps[(here << 3) | (classes[chunk[at] as number] as number)] as number
      if (step === here) continue
      if (isWithinQuotes(step) && !mayBeQuoted(here)) quoteLine = holder.line
      here = stateOf(step)
      if (endsLine(step)) holder.line += 1
      if (endsRecord(step)) endRecord(at + 1)
    }
    state = here
  }

  /** The index after the lines to skip; the chunk's end where they go on behind it. */
  function skipLines(chunk: Uint8Array): number {
    let from = 0
    while (linesToSkip > 0 && from < chunk.length) {
      const at = chunk.indexOf(lineEnd, from)
      from = at < 0 ? chunk.length : at + 1
      if (at < 0) break
      linesToSkip -= 1
      holder.line += 1
    }
    if (from > 0) holder.take(from)
    return from
  }

  return {
    push: (chunk) => {
      holder.begin(chunk)
      const from = linesToSkip > 0 ? skipLines(chunk) : 0
      if (quote === undefined || (!mayBeQuoted(state) && !chunk.includes(quote, from))) scanPlain(chunk, from)
      else if (plainQuotes && !isDense) scanSparse(chunk, scanBegun(chunk, from), quote)
      else scanBytes(chunk, from)
      holder.finish()
    },
    shift: holder.shift,
    end: () => {
      if (isHeader === undefined) {
        holder.end()
      } else {
        holder.begin(new Uint8Array(0))
        isHeader(holder.take(0))
      }
      return { openQuoteLine: isWithinQuotes(state) ? quoteLine : undefined }
    },
  }
}

import { fieldScanner } from '../sources/formats/csv-fields.ts'
import type { CsvFormat } from '../sources/formats/csv.ts'
import { textReadings } from '../definitions/from-text.ts'
import type { RowEncoder } from '../warehouse/encoder/row-encoder.ts'
import type { TextRow } from '../warehouse/encoder/text-row.ts'

/** A page of CSV, and what is done with rows that do not go from their bytes into the table's. */
export interface CsvPage {
  readonly body: Buffer
  readonly format: CsvFormat
  readonly firstLine: number
  readonly encoder: RowEncoder
  readonly row: TextRow
  readonly maxRecordBytes: number
  /** One more row is encoded. */
  readonly taken: () => void
  /** Takes the bytes of a row that does not fit, the line it begins on, and its place as in `record 3 (line 4)`. False gives the page up. */
  readonly refuse: (row: Buffer, line: number, place: string) => boolean
  readonly turn: () => Promise<void> | undefined
}

/** Encodes the rows of a page. False where it must be parsed, since something in it is no plain row; some rows may be encoded by then. */
export async function encodeCsvRows(page: CsvPage): Promise<boolean> {
  const { body, encoder, row, maxRecordBytes, taken, refuse, turn } = page
  // Nothing but a NUL is wrong in every text, and none is looked for value by value.
  const scanner = body.includes(0) ? undefined : fieldScanner(body, page.format)
  if (scanner === undefined) return false
  let at = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0
  let line = page.firstLine
  for (let index = 0; at < body.length;) {
    const blank = body[at] === 0x0a ? 1 : body[at] === 0x0d && body[at + 1] === 0x0a ? 2 : 0
    if (blank > 0) {
      at += blank
      line += 1
      continue
    }
    const next = scanner.scan(at)
    if (next < 0 || next - at > maxRecordBytes) return false
    if (encoder.encodeText(row, scanner.fields)) taken()
    else if (!refuse(body.subarray(at, next), line, `record ${String(index)} (line ${String(line)})`)) return false
    at = next
    line += scanner.breaks
    index += 1
    // The clock is looked at every 64 rows.
    if ((index & 63) === 0) await turn()
  }
  return true
}

/** By encoder, and by the columns of a file: files of one source mostly have the same. */
const rows = new WeakMap<RowEncoder, Map<string, TextRow | undefined>>()

/** How an encoder writes the rows of a file; undefined where records must be made of them: for a transform of the user's own, or columns that the table does not have. */
export function textRowOf(encoder: RowEncoder, format: CsvFormat, fields: readonly string[], transform: object | undefined): TextRow | undefined {
  let known = rows.get(encoder)
  if (known === undefined) rows.set(encoder, (known = new Map()))
  const key = JSON.stringify([format.columns, format.quote])
  if (!known.has(key)) {
    if (known.size > 100) known.clear()
    known.set(key, compileTextRow(encoder, format, fields, transform))
  }
  return known.get(key)
}

function compileTextRow(encoder: RowEncoder, { columns, quote }: CsvFormat, fields: readonly string[], transform: object | undefined): TextRow | undefined {
  const character = quote ?? '"'
  if (transform === undefined) {
    if (columns.some((name) => !fields.includes(name))) return undefined
    return encoder.textRow((field) => sourceAt(columns.lastIndexOf(field), { asItIs: true }), character)
  }
  const readings = textReadings.get(transform)
  if (readings === undefined) return undefined
  return encoder.textRow((field) => {
    const reading = readings.get(field)
    return reading === undefined ? undefined : sourceAt(columns.lastIndexOf(reading.name), reading)
  }, character)
}

function sourceAt<Source extends object>(index: number, source: Source): (Source & { readonly index: number }) | undefined {
  return index < 0 ? undefined : { ...source, index }
}

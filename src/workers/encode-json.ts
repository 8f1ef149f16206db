import { arrayAt, surrounds } from '../sources/formats/json-array.ts'
import { endOfValue, skipBlanks } from '../warehouse/encoder/json-scan.ts'
import type { ColumnIssue, RowEncoder } from '../warehouse/encoder/row-encoder.ts'

/** A page of JSON records in UTF-8, and what is done with those that do not go from their bytes into the table's. */
export interface RecordBytes {
  readonly body: Buffer
  readonly encoder: RowEncoder
  readonly maxRecordBytes: number
  /** One more record is encoded. */
  readonly taken: () => void
  /** Takes a record that does not fit; `place` as in `record 3`. False gives the page up. */
  readonly refuse: (record: unknown, issues: readonly ColumnIssue[], place: string) => boolean
  /** Takes the bytes of a line, by its number, that is no record. False gives the page up. */
  readonly parseLine: (line: Buffer, number: number) => boolean
  readonly turn: () => Promise<void> | undefined
}

/**
 * Encodes the records of the array at `path`, without parsing the document. False where the page must be parsed as a whole: since it is no JSON,
 * since its array is elsewhere, or since something in it is to be said in full; some records may be encoded by then.
 */
export async function encodeJsonArray(page: RecordBytes, path: readonly string[]): Promise<boolean> {
  const { body, maxRecordBytes, turn } = page
  const start = body.length > maxRecordBytes ? undefined : arrayAt(body, path)
  if (start === undefined) return false
  let at = skipBlanks(body, start + 1)
  if (body[at] === 0x5d) return surrounds(body, path, start, at + 1)
  for (let index = 0; ; index += 1) {
    const end = encodeOne(page, at, () => `record ${String(index)}`)
    if (end < 0) return false
    at = skipBlanks(body, end)
    if (body[at] === 0x5d) return surrounds(body, path, start, at + 1)
    if (body[at] !== 0x2c) return false
    at = skipBlanks(body, at + 1)
    // The clock is looked at every 64 records.
    if ((index & 63) === 63) await turn()
  }
}

/** The same for lines of JSON, of which blank ones are passed over. */
export async function encodeJsonLines(page: RecordBytes, firstLine: number): Promise<boolean> {
  const { body, maxRecordBytes, parseLine, turn } = page
  let index = 0
  let from = body[0] === 0xef ? 3 : 0
  for (let number = firstLine; from < body.length; number += 1) {
    const lineBreak = body.indexOf(0x0a, from)
    const lineEnd = lineBreak < 0 ? body.length : lineBreak
    const at = skipBlanks(body, from)
    if (at < lineEnd) {
      const place = (): string => `record ${String(index)} (line ${String(number)})`
      const end = lineEnd - from > maxRecordBytes ? -1 : encodeOne(page, at, place)
      if (end < 0) {
        // With its line break: only the last line may have been cut off.
        if (!parseLine(body.subarray(from, lineEnd + 1), number)) return false
      } else if (end > lineEnd || skipBlanks(body, end) < lineEnd) return false
      else index += 1
    }
    from = lineEnd + 1
    if ((number & 63) === 63) await turn()
  }
  return true
}

/** Where the record that begins at `at` ends, once it is encoded, or refused; -1 where it is no JSON. */
function encodeOne({ body, encoder, taken, refuse }: RecordBytes, at: number, place: () => string): number {
  const encoded = encoder.encodeJson(body, at)
  if (encoded >= 0) {
    taken()
    return encoded
  }
  const end = endOfValue(body, at)
  if (end < 0) return -1
  let record: unknown
  try {
    record = JSON.parse(body.toString('utf8', at, end))
  } catch {
    return -1
  }
  encoder.meet(record)
  const issues = encoder.encode(record)
  if (issues === null) taken()
  else if (!refuse(record, issues, place())) return -1
  return end
}

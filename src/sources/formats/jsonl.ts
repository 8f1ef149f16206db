import { DataError, SourceError } from '../../errors.ts'
import { findJsonFault } from './json-fault.ts'
import type { KeepFault, RecordFault } from './record-fault.ts'
import { oversizedFault, recordTooLarge } from './record-too-large.ts'
import { binaryOf, bytesOfBinary, notUtf8, textOf, textOfBinary, utf8Of } from './utf8.ts'

export interface JsonlRecords {
  readonly records: readonly unknown[]
  /** Lines within the page, from 0. */
  readonly lineOf: (index: number) => number
}

/**
 * The records of JSON lines; blank lines are passed over. `keepFault` takes the lines that are not JSON, not UTF-8 or too large; without it the first one is thrown.
 * @throws DataError `RECORD_NOT_JSON` and `RECORD_TOO_LARGE`; SourceError `PAGE_NOT_UTF8`, and `PAGE_TRUNCATED` where the last line ends in the middle. Each names the line.
 */
export function parseJsonl(body: Uint8Array, firstLine: number, page: string, maxRecordBytes: number, keepFault?: KeepFault): JsonlRecords {
  const whole = keepFault === undefined ? textOf(body, page, firstLine) : utf8Of(body)
  // Of a page that is no UTF-8 each line is decoded by itself.
  const lines = (whole ?? binaryOf(body)).split('\n')
  const records: unknown[] = []
  const numbers: number[] = []
  const keep = (fault: RecordFault): void => {
    if (keepFault === undefined) throw fault.error
    keepFault(fault)
  }
  const keepLarge = (fault: Omit<RecordFault, 'error'>, bytes: number): void => {
    const place = `line ${String(firstLine + fault.line)}`
    const error = recordTooLarge(`record ${String(records.length)} of ${page} (${place})`, bytes, maxRecordBytes)
    keep(oversizedFault({ ...fault, error }, maxRecordBytes, place))
  }
  for (const [number, raw] of lines.entries()) {
    const line = whole === undefined ? textOfBinary(raw) : raw
    const last = number === lines.length - 1
    if (line === undefined) {
      const bytes = bytesOfBinary(raw.replace(/\r$/, ''))
      if (last && findJsonFault(bytes)?.truncated === true) throw cutOff(firstLine + number, page)
      const fault = { line: number, text: bytes.toString('utf8'), bytes }
      if (bytes.length > maxRecordBytes) keepLarge(fault, bytes.length)
      else keep({ ...fault, error: notUtf8(`Line ${String(firstLine + number)} of ${page}`, bytes) })
      continue
    }
    if (line.length > maxRecordBytes / 3 && Buffer.byteLength(line) > maxRecordBytes) {
      keepLarge({ line: number, text: line }, Buffer.byteLength(line))
      continue
    }
    try {
      records.push(JSON.parse(line))
      numbers.push(number)
    } catch (cause) {
      if (line.trim() === '') continue
      const fault = findJsonFault(Buffer.from(line))
      // What was cut off comes whole when it is fetched again.
      if (last && fault?.truncated === true) throw cutOff(firstLine + number, page, cause)
      keep({ line: number, error: notJson(firstLine + number, page, fault?.position ?? 0, cause), text: line.replace(/\r$/, '') })
    }
  }
  return { records, lineOf: (index) => numbers[index] ?? lines.length - 1 }
}

function cutOff(line: number, page: string, cause?: unknown): SourceError {
  return new SourceError(`${page} is cut off: its last line, ${String(line)}, ends in the middle of a record`, {
    code: 'PAGE_TRUNCATED',
    hint: 'The source sent less than it should; fetching it again may help.',
    cause,
  })
}

function notJson(line: number, page: string, position: number, cause?: unknown): DataError {
  return new DataError(`Line ${String(line)} of ${page} is not JSON: wrong at byte ${String(position)} of the line`, {
    code: 'RECORD_NOT_JSON',
    hint: 'Mend the line at the source.',
    cause,
  })
}

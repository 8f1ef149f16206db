import { DataError, SourceError } from '../../errors.ts'
import { textOf } from './json.ts'
import { findJsonFault } from './json-fault.ts'
import type { KeepFault } from './record-fault.ts'
import { oversizedFault, recordTooLarge } from './record-too-large.ts'

export interface JsonlRecords {
  readonly records: readonly unknown[]
  /** Lines within the page, from 0. */
  readonly lineOf: (index: number) => number
}

/**
 * The records of JSON lines; blank lines are passed over. `keepFault` takes the lines that are not JSON, or too large; without it the first one is thrown.
 * @throws DataError `RECORD_NOT_JSON` and `RECORD_TOO_LARGE`; SourceError `PAGE_TRUNCATED` where the last line ends in the middle. Each names the line.
 */
export function parseJsonl(body: Uint8Array, firstLine: number, page: string, maxRecordBytes: number, keepFault?: KeepFault): JsonlRecords {
  const lines = textOf(body, page).split('\n')
  const records: unknown[] = []
  const numbers: number[] = []
  for (const [number, line] of lines.entries()) {
    if (line.length > maxRecordBytes / 3 && Buffer.byteLength(line) > maxRecordBytes) {
      const error = recordTooLarge(`record ${String(records.length)} of ${page} (line ${String(firstLine + number)})`, Buffer.byteLength(line), maxRecordBytes)
      if (keepFault === undefined) throw error
      keepFault(oversizedFault({ line: number, error, text: line }, maxRecordBytes, `line ${String(firstLine + number)}`))
      continue
    }
    try {
      records.push(JSON.parse(line))
      numbers.push(number)
    } catch (cause) {
      if (line.trim() === '') continue
      const fault = faultOf(line, firstLine + number, number === lines.length - 1, page, cause)
      // What was cut off comes whole when it is fetched again.
      if (keepFault === undefined || fault instanceof SourceError) throw fault
      keepFault({ line: number, error: fault, text: line.replace(/\r$/, '') })
    }
  }
  return { records, lineOf: (index) => numbers[index] ?? lines.length - 1 }
}

function faultOf(line: string, number: number, last: boolean, page: string, cause: unknown): DataError | SourceError {
  const fault = findJsonFault(Buffer.from(line))
  if (last && fault?.truncated === true) {
    return new SourceError(`${page} is cut off: its last line, ${String(number)}, ends in the middle of a record`, {
      code: 'PAGE_TRUNCATED',
      hint: 'The source sent less than it should; fetching it again may help.',
      cause,
    })
  }
  return new DataError(`Line ${String(number)} of ${page} is not JSON: wrong at byte ${String(fault?.position ?? 0)} of the line`, {
    code: 'RECORD_NOT_JSON',
    hint: 'Mend the line at the source.',
    cause,
  })
}

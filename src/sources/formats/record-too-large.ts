import type { OversizedFormat } from '../../definitions/page.ts'
import { DataError } from '../../errors.ts'
import type { RecordFault } from './record-fault.ts'

/** The largest record that is taken: 16 MiB. */
export const defaultMaxRecordBytes = 16 * 1024 * 1024

/** Bytes of a record that is too large which are kept, to know it by. */
export const keptBytes = 1024

export function recordTooLarge(which: string, bytes: number | undefined, limit: number): DataError {
  const size = bytes === undefined ? `larger than ${String(limit)} bytes` : `${String(bytes)} bytes; the most is ${String(limit)}`
  return new DataError(`${which.charAt(0).toUpperCase()}${which.slice(1)} is ${size}`, {
    code: 'RECORD_TOO_LARGE',
    hint: 'Leave out or split the large field at the source. In a CSV, look for a quote that is never closed.',
  })
}

/** The first bytes of a record as text, without the half of a character at their end. */
function beginningOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, keptBytes))
    .toString('utf8')
    .replace(/\uFFFD+$/, '')
}

/** A record that is too large to be kept whole: its beginning is, under a format that says so when it is read again. */
export function oversizedFault(fault: RecordFault, limit: number, at: string): RecordFault {
  const { bytes, ...rest } = fault
  const format: OversizedFormat = { kind: 'oversized', bytes: bytes?.length ?? Buffer.byteLength(fault.text), limit, at }
  return { ...rest, text: beginningOf(Buffer.from(fault.text.slice(0, keptBytes))), format }
}

/** What an oversized page is: the fault of its one record. */
export function faultOfOversized(body: Uint8Array, { bytes, limit, at }: OversizedFormat): RecordFault {
  return { line: 0, error: recordTooLarge(`the record at ${at}`, bytes, limit), text: beginningOf(body).replace(/\r?\n$/, '') }
}

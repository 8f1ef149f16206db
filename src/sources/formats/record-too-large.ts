import { DataError } from '../../errors.ts'

/** The largest record that is taken: 16 MiB. */
export const defaultMaxRecordBytes = 16 * 1024 * 1024

export function recordTooLarge(which: string, bytes: number | undefined, limit: number): DataError {
  const size = bytes === undefined ? `larger than ${String(limit)} bytes` : `${String(bytes)} bytes; the most is ${String(limit)}`
  return new DataError(`${which.charAt(0).toUpperCase()}${which.slice(1)} is ${size}`, {
    code: 'RECORD_TOO_LARGE',
    hint: 'Leave out or split the large field at the source. In a CSV, look for a quote that is never closed.',
  })
}

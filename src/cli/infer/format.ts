import { isUtf8 } from 'node:buffer'
import { DataError } from '../../errors.ts'
import { skipSpace } from '../../sources/formats/json-fault.ts'
import { parquetMagic } from './sample.ts'

export const formats = ['csv', 'json', 'jsonl', 'parquet'] as const
export type Format = (typeof formats)[number]

/** What is looked at to tell formats apart. */
const beginningBytes = 8192

/**
 * Tells a format by the bytes it begins with.
 * @throws DataError `INFER_EMPTY`, `INFER_HTML`, `INFER_BINARY`
 */
export function formatOf(bytes: Buffer, name: string): Format {
  if (parquetMagic.equals(bytes.subarray(0, 4))) return 'parquet'
  const beginning = bytes.subarray(0, beginningBytes)
  refuseBinary(beginning, name)
  const at = skipSpace(bytes, bytes[0] === 0xef ? 3 : 0)
  if (at >= bytes.length) {
    throw new DataError(`${name} is empty.`, { code: 'INFER_EMPTY', hint: 'A schema is inferred from rows: give a file that has some.' })
  }
  if (/^<(?:!doctype|html|\?xml|!--)/i.test(bytes.toString('latin1', at, at + 20))) {
    throw new DataError(`${name} is a page of HTML or XML, no data.`, {
      code: 'INFER_HTML',
      hint: 'Give the address of the file itself; a page that asks to sign in is common.',
    })
  }
  if (bytes[at] === 0x5b) return 'json'
  if (bytes[at] !== 0x7b) return 'csv'
  // An object: alone on its line it is a record, else the document.
  const end = bytes.indexOf(0x0a, at)
  return isObject(bytes.subarray(at, end < 0 ? undefined : end)) && (end < 0 ? false : skipSpace(bytes, end) < bytes.length) ? 'jsonl' : 'json'
}

function isObject(line: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'))
    return typeof value === 'object' && value !== null
  } catch {
    return false
  }
}

function refuseBinary(beginning: Buffer, name: string): void {
  const utf16 = (beginning[0] === 0xff && beginning[1] === 0xfe) || (beginning[0] === 0xfe && beginning[1] === 0xff)
  if (!beginning.includes(0) && !utf16) return
  const zip = beginning.subarray(0, 2).toString('latin1') === 'PK'
  throw new DataError(`${name} is ${utf16 ? 'in UTF-16' : 'no text, and no Parquet'}.`, {
    code: 'INFER_BINARY',
    hint: utf16
      ? 'Save it in UTF-8.'
      : zip
        ? 'A zip file or a spreadsheet: unpack it, or export it as CSV.'
        : 'CSV, JSON, JSON lines and Parquet are read, also gzip and zstd of them.',
  })
}

/** @throws DataError `INFER_NOT_UTF8` */
export function refuseOtherEncodings(bytes: Buffer, name: string): void {
  if (isUtf8(bytes)) return
  throw new DataError(`${name} is not in UTF-8.`, { code: 'INFER_NOT_UTF8', hint: 'Convert it: `iconv -f latin1 -t utf-8`, or save it in UTF-8.' })
}

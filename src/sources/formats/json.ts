import { isAscii, isUtf8 } from 'node:buffer'
import { DataError, SourceError } from '../../errors.ts'
import { findJsonFault } from './json-fault.ts'
import type { KeepFault } from './record-fault.ts'
import { oversizedFault, recordTooLarge } from './record-too-large.ts'

/**
 * The text of bytes in UTF-8, without a byte order mark. ASCII, which most pages are, is taken over without decoding (six times as fast).
 * @throws SourceError `PAGE_NOT_UTF8`
 */
export function textOf(body: Uint8Array, page: string): string {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (isAscii(bytes)) return bytes.toString('latin1')
  if (!isUtf8(bytes)) {
    throw new SourceError(`${page} is not UTF-8: ${firstBadByte(bytes)}`, {
      code: 'PAGE_NOT_UTF8',
      hint: 'Give the `encoding` of a file that has another; else have the source answer in UTF-8, or decode its bytes in extract and yield text.',
    })
  }
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.toString('utf8', 3) : bytes.toString('utf8')
}

/**
 * The records of a JSON document: the array at `path`, or the document itself. `keepFault` takes those that are too large; without it the first is thrown.
 * @throws SourceError `PAGE_TRUNCATED` and `PAGE_NOT_JSON`, which may pass when the page is fetched again; DataError `PAGE_PATH_NOT_FOUND`, `PAGE_NOT_AN_ARRAY` and `RECORD_TOO_LARGE`.
 */
export function parseJson(body: Uint8Array, path: readonly string[], page: string, maxRecordBytes: number, keepFault?: KeepFault): readonly unknown[] {
  const document = parseDocument(body, page)
  const records = recordsAt(document, path, page)
  return body.length > maxRecordBytes ? withoutLarge(records, page, maxRecordBytes, keepFault) : records
}

/** @throws SourceError as `parseJson` does */
export function parseDocument(body: Uint8Array, page: string): unknown {
  const text = textOf(body, page)
  try {
    return JSON.parse(text)
  } catch (cause) {
    const fault = findJsonFault(body[0] === 0xef ? body.subarray(3) : body)
    if (fault?.truncated === true) {
      throw new SourceError(`${page} is cut off: its JSON ends in the middle, at byte ${String(body.length)}`, {
        code: 'PAGE_TRUNCATED',
        hint: 'The source sent less than a whole document; fetching it again may help. If not, look at the source.',
        cause,
      })
    }
    const position = (fault?.position ?? 0) + (body[0] === 0xef ? 3 : 0)
    throw new SourceError(`${page} is not JSON: wrong at byte ${String(position)}, near ${near(body, position)}`, {
      code: 'PAGE_NOT_JSON',
      hint: 'See what the source sends there; an error page in HTML is common.',
      cause,
    })
  }
}

function recordsAt(document: unknown, path: readonly string[], page: string): readonly unknown[] {
  let value = document
  for (const [depth, name] of path.entries()) {
    const inside = typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    if (!inside) {
      const where = depth === 0 ? 'the document' : JSON.stringify(path.slice(0, depth).join('.'))
      throw new DataError(`${page} has no ${JSON.stringify(path.slice(0, depth + 1).join('.'))}: ${where} is ${describe(value)}`, {
        code: 'PAGE_PATH_NOT_FOUND',
        hint: 'Compare the path given to the source with what it answers.',
      })
    }
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  if (Array.isArray(value)) return value
  throw new DataError(`${page} has no array at ${path.length === 0 ? 'its top' : JSON.stringify(path.join('.'))}, but ${describe(value)}`, {
    code: 'PAGE_NOT_AN_ARRAY',
    hint: 'Give the path of the array of records in the answer.',
  })
}

function withoutLarge(records: readonly unknown[], page: string, maxRecordBytes: number, keepFault: KeepFault | undefined): readonly unknown[] {
  return records.filter((record, index) => {
    const text = JSON.stringify(record)
    const bytes = Buffer.byteLength(text)
    if (bytes <= maxRecordBytes) return true
    const place = `record ${String(index)}`
    const error = recordTooLarge(`${place} of ${page}`, bytes, maxRecordBytes)
    if (keepFault === undefined) throw error
    keepFault({ ...oversizedFault({ line: 0, error, text }, maxRecordBytes, `${place} of ${page}`), place })
    return false
  })
}

/** What a value is, without its contents beyond the names of its fields. */
function describe(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return `an array of ${String(value.length)}`
  if (typeof value !== 'object') return `a ${typeof value}`
  const names = Object.keys(value)
  return names.length === 0 ? 'an empty object' : `an object with ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''}`
}

function near(body: Uint8Array, position: number): string {
  return JSON.stringify(Buffer.from(body.subarray(Math.max(0, position - 10), position + 20)).toString('utf8'))
}

function firstBadByte(bytes: Buffer): string {
  // Decoding puts U+FFFD for what is wrong; one that stands in the bytes themselves is not.
  const text = bytes.toString('utf8')
  let position = 0
  let from = 0
  for (let at = text.indexOf('\uFFFD'); at >= 0; at = text.indexOf('\uFFFD', from)) {
    position += Buffer.byteLength(text.slice(from, at))
    if (bytes.toString('hex', position, position + 3) !== 'efbfbd') break
    position += 3
    from = at + 1
  }
  return `wrong at byte ${String(position)}`
}

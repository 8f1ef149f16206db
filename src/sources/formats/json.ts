import { DataError, SourceError } from '../../errors.ts'
import { parseJsonAround } from './json-around.ts'
import type { JsonRecords } from './json-around.ts'
import { findJsonFault } from './json-fault.ts'
import type { KeepFault } from './record-fault.ts'
import { oversizedFault, recordTooLarge } from './record-too-large.ts'
import { linesIn, textOf } from './utf8.ts'

/** How the records lie in a document, and what becomes of those that are none. */
export interface JsonOptions {
  readonly path: readonly string[]
  /** How messages name it. */
  readonly page: string
  readonly maxRecordBytes: number
  /** Of the file, where the page is a part of one. */
  readonly firstLine?: number | undefined
  /** Takes the elements that are no JSON, no UTF-8 or too large. Without it the first one is thrown. */
  readonly keepFault?: KeepFault | undefined
}

/**
 * The records of a JSON document: the array at `path`, or the document itself.
 * @throws SourceError `PAGE_TRUNCATED`, `PAGE_NOT_JSON` and `PAGE_NOT_UTF8`, which may pass when the page is fetched again; DataError `PAGE_PATH_NOT_FOUND`, `PAGE_NOT_AN_ARRAY` and `RECORD_TOO_LARGE`.
 */
export function parseJson(body: Uint8Array, options: JsonOptions): JsonRecords {
  const { path, page, maxRecordBytes, keepFault, firstLine } = options
  let document: unknown
  try {
    document = parseDocument(body, page, firstLine)
  } catch (error) {
    const around = keepFault === undefined ? undefined : parseJsonAround(body, { path, page, maxRecordBytes, firstLine, keepFault })
    if (around === undefined) throw error
    return around
  }
  const records = recordsAt(document, path, page)
  return body.length > maxRecordBytes ? withoutLarge(records, page, maxRecordBytes, keepFault) : { records, numberOf: (index) => index }
}

/** @throws SourceError as `parseJson` does */
export function parseDocument(body: Uint8Array, page: string, firstLine?: number): unknown {
  const text = textOf(body, page, firstLine)
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
    const line = firstLine === undefined ? '' : `, in line ${String(firstLine + linesIn(body.subarray(0, position)))}`
    throw new SourceError(`${page} is not JSON: wrong at byte ${String(position)}${line}, near ${near(body, position)}`, {
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

function withoutLarge(records: readonly unknown[], page: string, maxRecordBytes: number, keepFault: KeepFault | undefined): JsonRecords {
  const numbers: number[] = []
  for (const [number, record] of records.entries()) {
    const text = JSON.stringify(record)
    const bytes = Buffer.byteLength(text)
    if (bytes <= maxRecordBytes) {
      numbers.push(number)
      continue
    }
    const place = `record ${String(number)}`
    const error = recordTooLarge(`${place} of ${page}`, bytes, maxRecordBytes)
    if (keepFault === undefined) throw error
    keepFault({ ...oversizedFault({ line: 0, error, text }, maxRecordBytes, `${place} of ${page}`), place })
  }
  return { records: numbers.map((number) => records[number]), numberOf: (index) => numbers[index] ?? index }
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

import { findValue } from './json-array.ts'
import { findJsonFault, isSpace } from './json-fault.ts'
import { notUtf8, linesIn, utf8Of } from './utf8.ts'
import { DataError } from '../../errors.ts'
import type { KeepFault } from './record-fault.ts'
import { oversizedFault, recordTooLarge } from './record-too-large.ts'

/** Records, and which element of its array each is. */
export interface JsonRecords {
  readonly records: readonly unknown[]
  readonly numberOf: (index: number) => number
}

export interface JsonAroundOptions {
  readonly path: readonly string[]
  /** How messages name it. */
  readonly page: string
  /** Of the file, where the page is a part of one. */
  readonly firstLine: number | undefined
  readonly maxRecordBytes: number
  readonly keepFault: KeepFault
}

/**
 * Reads a document that is no JSON or no UTF-8 element by element, so that what is wrong costs its element only. Undefined where something is wrong outside
 * of all elements, or where one ends cannot be told: then the document came broken.
 */
export function parseJsonAround(body: Uint8Array, options: JsonAroundOptions): JsonRecords | undefined {
  const array = elementsAt(body, options.path)
  if (array === undefined || !isJson(Buffer.concat([body.subarray(0, array.from), body.subarray(array.to)]))) return undefined
  const records: unknown[] = []
  const numbers: number[] = []
  const { page, firstLine, maxRecordBytes, keepFault } = options
  // Counted on from element to element: each from the beginning would take the square of the page.
  let line = 0
  let counted = 0
  for (const [number, { from, to }] of array.elements.entries()) {
    const bytes = Buffer.from(body.subarray(from, to))
    line += linesIn(body.subarray(counted, from))
    counted = from
    const place = `record ${String(number)}${firstLine === undefined ? '' : ` (line ${String(firstLine + line)})`}`
    const which = `${place.replace('r', 'R')} of ${page}`
    const text = utf8Of(bytes)
    const fault = { line, place, format: { kind: 'json' } } as const
    if (bytes.length > maxRecordBytes) {
      const error = recordTooLarge(which, bytes.length, maxRecordBytes)
      keepFault(oversizedFault({ ...fault, error, text: bytes.toString('utf8') }, maxRecordBytes, `${place} of ${page}`))
    } else if (text === undefined) {
      keepFault({ ...fault, error: notUtf8(which, bytes), text: bytes.toString('utf8'), bytes })
    } else {
      try {
        records.push(JSON.parse(text))
        numbers.push(number)
      } catch (cause) {
        keepFault({ ...fault, error: notJson(which, bytes, cause), text })
      }
    }
  }
  return { records, numberOf: (index) => numbers[index] ?? index }
}

/** A part of the bytes, from its first one up to that after its last. */
interface Part {
  readonly from: number
  readonly to: number
}

/** The elements of the array at a path, by its strings and brackets; undefined where they do not close, or one is missing between two commas. */
function elementsAt(body: Uint8Array, path: readonly string[]): (Part & { readonly elements: readonly Part[] }) | undefined {
  const array = valueAt(body, path)
  if (array === undefined || body[array] !== 0x5b) return undefined
  const elements: Part[] = []
  let depth = 0
  let inString = false
  /** Of the element scanned now: where it begins, and where what is not white space of it ends. */
  let from: number | undefined
  let to = 0
  for (let at = array + 1; at < body.length; at += 1) {
    const byte = body[at]
    if (inString) {
      if (byte === 0x5c) at += 1
      else if (byte === 0x22) inString = false
      to = at + 1
      continue
    }
    if (depth === 0 && (byte === 0x2c || byte === 0x5d)) {
      if (from !== undefined) elements.push({ from, to })
      // `[]` has no element; `[,1]` and `[1,]` lack one.
      else if (byte === 0x2c || elements.length > 0) return undefined
      if (byte === 0x5d) return { from: array + 1, to: at, elements }
      from = undefined
      continue
    }
    if (isSpace(byte)) continue
    from ??= at
    to = at + 1
    if (byte === 0x22) inString = true
    else if (byte === 0x5b || byte === 0x7b) depth += 1
    else if (byte === 0x5d || byte === 0x7d) depth -= 1
    if (depth < 0) return undefined
  }
  return undefined
}

function valueAt(body: Uint8Array, path: readonly string[]): number | undefined {
  try {
    return findValue(body, path)
  } catch {
    // A name on the way to it is no JSON.
    return undefined
  }
}

function isJson(bytes: Uint8Array): boolean {
  const text = utf8Of(bytes)
  if (text === undefined) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function notJson(which: string, bytes: Buffer, cause: unknown): DataError {
  return new DataError(`${which} is not JSON: wrong at byte ${String(findJsonFault(bytes)?.position ?? 0)} of it`, {
    code: 'RECORD_NOT_JSON',
    hint: 'Mend the record at the source.',
    cause,
  })
}

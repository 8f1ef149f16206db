import { isSpace, skipSpace, skipString } from '../../sources/formats/json-fault.ts'

/** An array of records in a document, and the names that lead to it. */
export interface RecordArray {
  readonly path: readonly string[]
  readonly records: readonly unknown[]
}

const deepest = 4

/** The arrays of objects in a document, the one with most records first. */
export function findArrays(document: unknown, path: readonly string[] = []): RecordArray[] {
  if (Array.isArray(document)) return document.some((one) => isObject(one)) ? [{ path, records: document }] : []
  if (!isObject(document) || path.length >= deepest) return []
  return Object.entries(document)
    .flatMap(([name, value]) => findArrays(value, [...path, name]))
    .toSorted((a, b) => b.records.length - a.records.length)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The whole records of the first array of objects in a document that was cut off; undefined where none begins before the cut. */
export function cutArray(bytes: Buffer, wanted: readonly string[] | undefined): RecordArray | undefined {
  const found = arrayFrom(bytes, skipSpace(bytes, bytes[0] === 0xef ? 3 : 0), [], wanted)
  if (found === undefined) return undefined
  const records: unknown[] = []
  for (let at = skipSpace(bytes, found.start + 1); bytes[at] !== 0x5d;) {
    const end = skipValue(bytes, at)
    if (end === undefined) break
    records.push(JSON.parse(bytes.toString('utf8', at, end)))
    const comma = skipSpace(bytes, end)
    if (bytes[comma] !== 0x2c) break
    at = skipSpace(bytes, comma + 1)
  }
  return { path: found.path, records }
}

/** Where an array of objects begins, at a value or within it. */
function arrayFrom(
  bytes: Buffer,
  at: number,
  path: readonly string[],
  wanted: readonly string[] | undefined,
): { start: number; path: readonly string[] } | undefined {
  if (bytes[at] === 0x5b) {
    const right = wanted === undefined ? bytes[skipSpace(bytes, at + 1)] === 0x7b : wanted.join('\0') === path.join('\0')
    return right ? { start: at, path } : undefined
  }
  if (bytes[at] !== 0x7b || path.length > deepest) return undefined
  for (let key = skipSpace(bytes, at + 1); bytes[key] === 0x22;) {
    const keyEnd = skipString(bytes, key)
    if (typeof keyEnd !== 'number') return undefined
    const value = skipSpace(bytes, skipSpace(bytes, keyEnd) + 1)
    const inside = arrayFrom(bytes, value, [...path, String(JSON.parse(bytes.toString('utf8', key, keyEnd)))], wanted)
    if (inside !== undefined) return inside
    const end = skipValue(bytes, value)
    if (end === undefined) return undefined
    key = skipSpace(bytes, skipSpace(bytes, end) + 1)
  }
  return undefined
}

/** The position after a value; undefined where the bytes end before it does. */
function skipValue(bytes: Buffer, from: number): number | undefined {
  let depth = 0
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (byte === 0x22) {
      const end = skipString(bytes, at)
      if (typeof end !== 'number') return undefined
      at = end - 1
    } else if (byte === 0x7b || byte === 0x5b) depth += 1
    else if (byte === 0x7d || byte === 0x5d) depth -= 1
    else if (depth === 0 && (byte === 0x2c || isSpace(byte))) return at
    else continue
    if (depth === 0) return at + 1
    // The end of what holds it: a bare number or word came before.
    if (depth < 0) return at
  }
  return undefined
}

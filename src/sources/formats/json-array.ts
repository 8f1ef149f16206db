import { randomUUID } from 'node:crypto'
import type { Json } from '../../definitions/json.ts'
import { isSpace, skipSpace, skipString } from './json-fault.ts'

/**
 * Whether the array at `path` has no element, without parsing the document: reads only as far as the array's beginning.
 * Undefined where there is no array at that path, or the bytes are not JSON: whoever parses the page says what is wrong.
 */
export function isEmptyArrayAt(body: Uint8Array, path: readonly string[]): boolean | undefined {
  const at = findValue(body, path)
  if (at === undefined || body[at] !== 0x5b) return undefined
  const next = body[skipSpace(body, at + 1)]
  return next === undefined ? undefined : next === 0x5d
}

/**
 * The value at `path`, without parsing the document. A number that would lose digits comes as its text. Undefined where there is none, or the bytes are not JSON.
 */
export function valueAt(body: Uint8Array, path: readonly string[]): Json | undefined {
  const at = findValue(body, path)
  const end = at === undefined ? undefined : endOfValue(body, at)
  if (at === undefined || end === undefined) return undefined
  const text = Buffer.from(body.buffer, body.byteOffset + at, end - at).toString('utf8')
  try {
    const value = JSON.parse(text) as Json
    return typeof value === 'number' && !Number.isSafeInteger(value) ? text : value
  } catch {
    return undefined
  }
}

/** The bytes of the value at `path`. */
export function bytesAt(body: Uint8Array, path: readonly string[]): Uint8Array | undefined {
  const at = findValue(body, path)
  const end = at === undefined ? undefined : endOfValue(body, at)
  return at === undefined || end === undefined ? undefined : body.subarray(at, end)
}

/** Where the array at `path` begins, without parsing the document; undefined where there is none, or the bytes are not JSON. */
export function arrayAt(body: Uint8Array, path: readonly string[]): number | undefined {
  try {
    const at = findValue(body, path)
    return at !== undefined && body[at] === 0x5b ? at : undefined
  } catch {
    return undefined
  }
}

/** Stands for an array that was read; in no document. */
const placeholder = randomUUID()

/** Whether what stands around an array is a JSON document that has this array, and no other, at `path`. Asked once its elements were read. */
export function surrounds(body: Uint8Array, path: readonly string[], start: number, end: number): boolean {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const from = bytes[0] === 0xef ? 3 : 0
  try {
    const document: unknown = JSON.parse(`${bytes.toString('utf8', from, start)}["${placeholder}"]${bytes.toString('utf8', end)}`)
    const found = path.reduce((value, name) => (value as Readonly<Record<string, unknown>>)[name], document)
    // Of two of the same name the later one counts, and may not be the one that was read.
    return Array.isArray(found) && found.length === 1 && found[0] === placeholder
  } catch {
    return false
  }
}

/** The position of the value at `path`. Throws where a name on the way is no JSON. */
export function findValue(body: Uint8Array, path: readonly string[]): number | undefined {
  let at: number | undefined = skipSpace(body, body[0] === 0xef ? 3 : 0)
  for (const name of path) {
    if (at === undefined) return undefined
    at = findField(body, at, name)
  }
  return at
}

function endOfValue(body: Uint8Array, from: number): number | undefined {
  let depth = 0
  let at = from
  while (at < body.length) {
    const byte = body[at]
    if (byte === 0x22) {
      const end = skipString(body, at)
      if (typeof end !== 'number') return undefined
      if (depth === 0) return end
      at = end
      continue
    }
    if (byte === 0x7b || byte === 0x5b) depth += 1
    else if (byte === 0x7d || byte === 0x5d) {
      // The end of what holds a number or a word.
      if (depth === 0) return at
      depth -= 1
      if (depth === 0) return at + 1
    } else if (depth === 0 && (byte === 0x2c || isSpace(byte))) return at
    at += 1
  }
  return depth === 0 ? at : undefined
}

const byteOrderMark: readonly number[] = [0xef, 0xbb, 0xbf]

/** What a JSON document may begin and end with when it holds records: a look at two bytes finds most pages that are no JSON or cut off. */
export function bracketsOf(parts: readonly Uint8Array[]): { readonly begins: boolean; readonly ends: boolean } {
  const first = parts.map((part) => part.find((byte) => !isSpace(byte) && !byteOrderMark.includes(byte))).find((byte) => byte !== undefined)
  const last = parts.map((part) => part.findLast((byte) => !isSpace(byte))).findLast((byte) => byte !== undefined)
  return { begins: first === 0x7b || first === 0x5b, ends: last === 0x7d || last === 0x5d }
}

/** The position of the value of a field of the object that begins at `from`. */
function findField(body: Uint8Array, from: number, name: string): number | undefined {
  if (body[from] !== 0x7b) return undefined
  let depth = 0
  let at = from
  while (at < body.length) {
    const byte = body[at]
    if (byte === 0x22) {
      const end = skipString(body, at)
      if (typeof end !== 'number') return undefined
      const colon = skipSpace(body, end)
      if (depth === 1 && body[colon] === 0x3a && keyOf(body.subarray(at, end)) === name) return skipSpace(body, colon + 1)
      at = end
      continue
    }
    if (byte === 0x7b || byte === 0x5b) depth += 1
    if (byte === 0x7d || byte === 0x5d) depth -= 1
    if (depth === 0) return undefined
    at += 1
  }
  return undefined
}

function keyOf(literal: Uint8Array): unknown {
  return JSON.parse(Buffer.from(literal).toString('utf8'))
}

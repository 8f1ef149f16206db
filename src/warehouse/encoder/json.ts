import type { CellWriter } from './cell-writer.ts'
import { putInt32, reserve } from './sink.ts'

// Postgres reads JSON by recursion and fails the whole COPY where its stack ends, at some 6,000 levels by default.
const deepest = 1000
const tooDeep = `nests deeper than ${String(deepest)} levels`

function depthOf(written: string): number {
  let depth = 0
  let most = 0
  for (let index = 0; index < written.length; index++) {
    const code = written.charCodeAt(index)
    if (code === 34) {
      for (index++; written.charCodeAt(index) !== 34; index++) if (written.charCodeAt(index) === 92) index++
    } else if (code === 91 || code === 123) most = Math.max(most, ++depth)
    else if (code === 93 || code === 125) depth--
  }
  return most
}

// Of the escapes that JSON.stringify writes: any other one is stepped over whole, so that `\\u0000` (a backslash and five characters) is no NUL.
const escapes = /\\(?:u(0000|d[89a-f][0-9a-f]{2})|.)/g

function faultIn(written: string): string | undefined {
  if (written.includes('\\u')) {
    for (const [, code] of written.matchAll(escapes)) {
      if (code === '0000') return 'contains a NUL character, which jsonb cannot hold'
      if (code !== undefined) return 'contains a lone surrogate, which jsonb cannot hold'
    }
  }
  return written.length > 2 * deepest && depthOf(written) > deepest ? tooDeep : undefined
}

/**
 * What in a value JSON.stringify would change without a word: NaN and infinities and invalid dates, which it makes null, what is no data, which it
 * leaves out, and collections, which it makes `{}`. Undefined where there is nothing of it, or it nests deeper than JSON may.
 */
function lossIn(value: unknown, depth = 0): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'contains a number that is not finite, which JSON has no form for'
  if (typeof value === 'function' || typeof value === 'symbol') return `contains a ${typeof value}, which JSON has no form for`
  return typeof value === 'object' && value !== null && depth <= deepest ? lossInObject(value, depth) : undefined
}

function lossInObject(value: object, depth: number): string | undefined {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'contains a date that is none' : undefined
  if ('toJSON' in value) return undefined
  if (value instanceof Map || value instanceof Set) return `contains a ${value.constructor.name}, which JSON has no form for`
  const parts: readonly unknown[] = Array.isArray(value) ? value : Object.values(value)
  for (const part of parts) {
    const loss = lossIn(part, depth + 1)
    if (loss !== undefined) return loss
  }
  return undefined
}

/** A bigint, which JSON.stringify throws at, as the number with all its digits: jsonb keeps them. */
function withBigInts(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? rawJson(value.toString()) : value
}

// In Node since 21; TypeScript does not know it yet.
const { rawJSON: rawJson } = JSON as unknown as { readonly rawJSON: (text: string) => unknown }

function write(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (!(error instanceof TypeError) || !error.message.includes('BigInt')) throw error
    return JSON.stringify(value, withBigInts)
  }
}

function stringify(value: unknown): { readonly json: string } | { readonly fault: string } {
  try {
    const loss = lossIn(value)
    if (loss !== undefined) return { fault: loss }
    const written = write(value)
    if (written === undefined) return { fault: `is a ${typeof value}, which JSON has no form for` }
    const fault = faultIn(written)
    return fault === undefined ? { json: written } : { fault }
  } catch (error) {
    // JSON.stringify's own stack ended first.
    if (error instanceof RangeError) return { fault: tooDeep }
    return { fault: `cannot be written as JSON: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}` }
  }
}

/** `jsonb`, and `json` without the version byte. What JSON.stringify would change without a word is refused. */
export function json(version: boolean): CellWriter {
  const head = version ? 1 : 0
  return {
    write(sink, value) {
      const done = stringify(value)
      if (!('json' in done)) return false
      reserve(sink, 5 + done.json.length * 3)
      const start = sink.at + 4
      if (version) sink.bytes[start] = 1
      const written = sink.bytes.write(done.json, start + head, 'utf8')
      putInt32(sink.bytes, sink.at, written + head)
      sink.at = start + head + written
      return true
    },
    refusal(value) {
      const done = stringify(value)
      return 'fault' in done ? done.fault : 'is no JSON'
    },
    text: (value) => write(value) ?? '',
  }
}

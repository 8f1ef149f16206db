import * as z from 'zod'
import { DataError } from '../../errors.ts'
import { redact } from '../../redact.ts'
import type { Json, JsonObject } from '../json.ts'
import { MetadataValue } from './index.ts'
import { json } from './json.ts'
import { mostEntries, mostName, mostText } from './limits.ts'
import { isMade } from './made.ts'

/** Metadata by name: values of `metadata.…`, and plain JSON, which is shown by its type. */
export type MetadataFields = Readonly<Record<string, Json | MetadataValue | undefined>>

/**
 * Metadata as it is stored. Plain JSON that looks like one of our values is marked as JSON, so that nothing is taken for what it is not; what is too long is cut,
 * and secrets are left out.
 * @param asset whose it is
 * @throws DataError `METADATA_INVALID` for what is not JSON, too many entries, and names that are too long
 */
export function storedMetadata(asset: string, fields: MetadataFields): JsonObject {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  if (entries.length > mostEntries) throw invalid(asset, `there are ${String(entries.length)} entries, and at most ${String(mostEntries)} are kept`)
  return redact(Object.fromEntries(entries.map(([name, value]) => [name, storedValue(asset, name, value)]))) as JsonObject
}

function storedValue(asset: string, name: string, value: unknown): Json {
  if (name.length > mostName) throw invalid(asset, `the name ${JSON.stringify(name.slice(0, 40))}… has more than ${String(mostName)} characters`)
  if (isMade(value)) return value as unknown as Json
  const plain = z.json().safeParse(value)
  if (!plain.success) throw invalid(asset, `${name} is not JSON`)
  return JSON.stringify(plain.data).length > mostText ? (json(plain.data) as unknown as Json) : unmistakable(plain.data)
}

/** Plain JSON, marked as such where it looks like one of our values. */
export function unmistakable(plain: Json): Json {
  return MetadataValue.safeParse(plain).success ? (json(plain) as unknown as Json) : plain
}

function invalid(asset: string, what: string): DataError {
  return new DataError(`The metadata of ${asset} cannot be stored: ${what}.`, {
    code: 'METADATA_INVALID',
    hint: 'Give plain JSON, or what the functions of `metadata` answer: metadata.int for a bigint, metadata.timestamp for a Date.',
  })
}

/** A stored value of ours, or undefined where it is plain JSON. */
export function markedMetadata(stored: unknown): MetadataValue | undefined {
  return MetadataValue.safeParse(stored).data
}

/** A stored value with its kind: that of plain JSON is its type. */
export function readMetadata(stored: unknown): MetadataValue {
  const marked = markedMetadata(stored)
  if (marked !== undefined) return marked
  if (stored === null || stored === undefined) return { type: 'null', value: null }
  if (typeof stored === 'string') return { type: 'text', value: stored }
  if (typeof stored === 'boolean') return { type: 'bool', value: stored }
  if (typeof stored === 'number') return Number.isSafeInteger(stored) ? { type: 'int', value: stored } : { type: 'float', value: stored }
  return { type: 'json', value: z.json().catch(null).parse(stored) }
}

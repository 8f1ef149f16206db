import type { ValuePlace } from '../../definitions/io-manager.ts'
import { DataError } from '../../errors.ts'
import { jsonText } from '../json-text.ts'

/**
 * A value as jsonb takes it.
 * @throws DataError `VALUE_NOT_JSON`; `VALUE_NOT_JSONB` for text with a NUL or half a character, which JSON can hold and jsonb cannot, that says where it is
 */
export function jsonbText(place: ValuePlace, value: unknown): string {
  const text = jsonText(place, value)
  // Only what is written as \u can be either.
  if (text.includes('\\u')) refuseUnstorable(place.asset, value, '')
  return text
}

function refuseUnstorable(asset: string, value: unknown, path: string): void {
  if (typeof value === 'string') refuseText(asset, value, path === '' ? 'it' : path.slice(1))
  if (typeof value !== 'object' || value === null) return
  for (const [key, one] of Object.entries(value)) {
    refuseText(asset, key, `a key of ${path === '' ? 'it' : path.slice(1)}`)
    refuseUnstorable(asset, one, `${path}.${key}`)
  }
}

function refuseText(asset: string, text: string, where: string): void {
  const what = text.includes('\0') ? 'the character NUL' : text.isWellFormed() ? undefined : 'half of a surrogate pair'
  if (what === undefined) return
  throw new DataError(`The value of ${asset} cannot be stored in Postgres: ${where} has ${what}, which jsonb cannot hold.`, {
    code: 'VALUE_NOT_JSONB',
    hint: 'Take it out (`text.replaceAll("\\0", "").toWellFormed()`), or store the asset as a file.',
  })
}

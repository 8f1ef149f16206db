import type { ValuePlace } from '../definitions/io-manager.ts'
import { DataError } from '../errors.ts'

/**
 * A value as JSON that reads back the same.
 * @throws DataError `VALUE_NOT_JSON` that says where in the value something is that JSON cannot hold
 */
export function jsonText({ asset }: ValuePlace, value: unknown): string {
  const text = JSON.stringify(value, refuseUnsayable(asset))
  if (text === undefined) throw notJson(asset, '', value)
  return text
}

/**
 * A stored value.
 * @param where what the text was read from, in words
 * @throws DataError `VALUE_UNREADABLE` for text that is not JSON
 */
export function readJson({ asset }: ValuePlace, text: string, where: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new DataError(`${where} is not JSON.`, { code: 'VALUE_UNREADABLE', cause: error, hint: `Materialize ${asset} again, or put right what is there.` })
  }
}

function refuseUnsayable(asset: string) {
  const paths = new WeakMap<object, string>()
  return function check(this: unknown, key: string, said: unknown): unknown {
    const holder = this as Readonly<Record<string, unknown>>
    // What `toJSON` has made of it is in `said`: a Date would come back as text.
    const value = holder[key]
    const path = `${paths.get(holder) ?? ''}${key === '' ? '' : `.${key}`}`
    const isPlain =
      said === value && (said === null || typeof said === 'string' || typeof said === 'boolean' || Number.isFinite(said) || typeof said === 'object')
    const isOwn =
      typeof said !== 'object' || said === null || Array.isArray(said) || [Object.prototype, null].includes(Object.getPrototypeOf(said) as object | null)
    if (!isPlain || !isOwn) {
      // As everywhere in JSON, a field without a value is left out.
      if (value === undefined && key !== '' && !Array.isArray(holder)) return undefined
      throw notJson(asset, path, value)
    }
    if (typeof said === 'object' && said !== null) paths.set(said, path)
    return said
  }
}

function notJson(asset: string, path: string, value: unknown): DataError {
  const kind = typeof value === 'object' && value !== null ? `a ${value.constructor.name}` : typeof value === 'number' ? String(value) : `a ${typeof value}`
  return new DataError(
    `The value of ${asset} cannot be stored as JSON: ${path === '' ? 'it' : path.slice(1)} is ${value === undefined ? 'undefined' : kind}.`,
    {
      code: 'VALUE_NOT_JSON',
      hint: 'Answer what JSON can hold: text, finite numbers, true, false, null, and arrays and objects of them. A time goes as text (`toISOString()`), exact decimals too.',
    },
  )
}

import { longestIdentifier } from '../../definitions/asset-key.ts'
import { columnNameOf } from '../../definitions/columns.ts'

const identifier = /^[\p{ID_Start}_][\p{ID_Continue}]*$/u
// Columns that every Postgres table has, and what an object literal takes for something else.
const taken = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid', '__proto__'])

/**
 * A field of a zod object for each name of a source: a JavaScript identifier whose column Postgres takes whole. Names that would be one column get numbers.
 * @param keep keeps names that are identifiers already, whatever their case
 */
export function fieldsOf(names: readonly string[], keep: boolean): string[] {
  const columns = new Set(taken)
  return names.map((name, index) => {
    const wanted = fieldOf(name, keep)
    const field = wanted === '' ? `column${String(index + 1)}` : wanted
    let free = fitting(field, '')
    for (let number = 2; columns.has(columnNameOf(free)) || free === '__proto__'; number += 1) free = fitting(field, String(number))
    columns.add(columnNameOf(free))
    return free
  })
}

function fieldOf(name: string, keep: boolean): string {
  if (identifier.test(name) && !/^[_$]+$/.test(name) && !taken.has(name) && (keep || /^[\p{Ll}_]/u.test(name))) return name.normalize('NFC')
  const words = name
    .normalize('NFC')
    .replaceAll(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1 $2')
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase())
  const joined = words.map((word, index) => (index === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join('')
  return /^[\p{N}\p{M}]/u.test(joined) ? `_${joined}` : joined
}

/** The longest beginning of a field, with a number behind it, whose column Postgres keeps whole. */
function fitting(field: string, number: string): string {
  const characters = [...field]
  while (Buffer.byteLength(columnNameOf(characters.join('') + number)) > longestIdentifier) characters.pop()
  return characters.join('') + number
}

/** A part of an asset key, or a location's name, made of any text. */
export function plainName(text: string, fallback: string): string {
  const name = text
    .normalize('NFKD')
    .replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1_$2')
    .toLowerCase()
    .replaceAll(/\p{M}+/gu, '')
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replace(/^[_0-9]+/, '')
    .slice(0, 40)
    .replace(/_+$/, '')
  return name === '' ? fallback : name
}

import { DataError, SourceError } from '../errors.ts'
import { isSpace } from './formats/json-fault.ts'

export interface JsonPathFinder {
  /** Takes the document as it comes; answers the index behind the array's bracket once it is there. */
  readonly push: (chunk: Uint8Array) => number | undefined
  /** The document ends, and the array has not come. @throws SourceError `PAGE_TRUNCATED`, `PAGE_NOT_JSON` */
  readonly end: () => never
}

/** Bytes of a name that are looked at: a longer one is none that anybody asks for. */
const longestName = 4096

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a]
const [openArray, closeArray, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d]

/**
 * Finds where the array at a path begins in a document of any length, of which it holds nothing but a name.
 * `push` throws DataError `PAGE_PATH_NOT_FOUND` and `PAGE_NOT_AN_ARRAY`, SourceError `PAGE_NOT_JSON`.
 */
export function jsonPathFinder(path: readonly string[], name: string): JsonPathFinder {
  /** What comes: a value on the path; a name in an object on it; its colon; or what is passed over. */
  let expects: 'value' | 'name' | 'colon' | 'other' = 'value'
  /** How many names of the path the open objects are at. */
  let matched = 0
  let nameFits = false
  /** Arrays and objects open in what is passed over. */
  let depth = 0
  let inString = false
  let escaped = false
  let letters: number[] = []
  let offset = 0

  function scanString(byte: number): void {
    if (escaped) escaped = false
    else if (byte === backslash) escaped = true
    else if (byte === quote) inString = false
    if (expects !== 'name') return
    if (inString) {
      if (letters.length < longestName) letters.push(byte)
      return
    }
    nameFits = letters.length < longestName && nameOf(letters) === path[matched]
    expects = 'colon'
  }

  function onPath(byte: number, at: number): boolean {
    if (matched === path.length) {
      if (byte === openArray) return true
      throw isValue(byte) ? noArray(byte) : notJson(at)
    }
    if (byte !== openObject) throw isValue(byte) ? notFound() : notJson(at)
    expects = 'name'
    return false
  }

  /** Whether the array begins here. */
  function scan(byte: number, at: number): boolean {
    if (inString) scanString(byte)
    else if (isSpace(byte)) return false
    else if (expects === 'value') return onPath(byte, at)
    else if (expects === 'name') {
      if (byte === closeObject) throw notFound()
      if (byte !== quote) throw notJson(at)
      inString = true
      letters = []
    } else if (expects === 'colon') {
      if (byte !== colon) throw notJson(at)
      expects = nameFits ? 'value' : 'other'
      if (nameFits) matched += 1
    } else if (byte === quote) inString = true
    else if (byte === openArray || byte === openObject) depth += 1
    else if (depth > 0) depth -= byte === closeArray || byte === closeObject ? 1 : 0
    else if (byte === comma) expects = 'name'
    else if (byte === closeObject) throw notFound()
    return false
  }

  function noArray(byte: number): DataError {
    const what = byte === openObject ? 'an object' : byte === quote ? 'text' : 'a single value'
    return new DataError(`${name} has no array at ${path.length === 0 ? 'its top' : JSON.stringify(path.join('.'))}, but ${what}`, {
      code: 'PAGE_NOT_AN_ARRAY',
      hint: 'Give the path of the array of records in the document.',
    })
  }

  function notFound(): DataError {
    return new DataError(`${name} has no ${JSON.stringify(path.slice(0, matched + 1).join('.'))}`, {
      code: 'PAGE_PATH_NOT_FOUND',
      hint: 'Compare the path given to the source with the document.',
    })
  }

  function notJson(at: number): SourceError {
    return new SourceError(`${name} is not JSON: wrong at byte ${String(at)}`, {
      code: 'PAGE_NOT_JSON',
      hint: 'See what the source sends there; an error page in HTML is common.',
    })
  }

  return {
    push: (chunk) => {
      for (let at = 0; at < chunk.length; at += 1) if (scan(chunk[at] ?? 0, offset + at)) return at + 1
      offset += chunk.length
      return undefined
    },
    end: () => {
      throw new SourceError(offset === 0 ? `${name} is empty` : `${name} is cut off: its JSON ends in the middle, at byte ${String(offset)}`, {
        code: offset === 0 ? 'PAGE_NOT_JSON' : 'PAGE_TRUNCATED',
        hint: 'The source sent less than a whole document; fetching it again may help. If not, look at the source.',
      })
    },
  }
}

function nameOf(letters: readonly number[]): unknown {
  try {
    return JSON.parse(`"${Buffer.from(letters).toString('utf8')}"`)
  } catch {
    return undefined
  }
}

/** Whether a value may begin so. */
function isValue(byte: number): boolean {
  return '{["-0123456789tfn'.includes(String.fromCharCode(byte))
}

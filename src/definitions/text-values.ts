/** Reads a text as the value that a column takes; undefined where it is none, so that whoever validates says so. */
export type TextReader = (text: string) => unknown

// Without leading zeros: what has them (a postal code, an article number) is a name, and would lose them.
const wholeForm = /^[+-]?(?:0|[1-9]\d*)$/
const numberForm = /^[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?$/
const momentForm = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) ?(?:(Z|z|UTC)|([+-]\d{2}):?(\d{2})?)?$/
const trueWords = new Set(['true', 't', 'yes', 'y', 'on', '1'])
const falseWords = new Set(['false', 'f', 'no', 'n', 'off', '0'])

/** A whole number that a JavaScript number holds exactly. */
export function readWhole(text: string): number | undefined {
  if (!wholeForm.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}

/** A whole number of any size. */
export function readBigInt(text: string): bigint | undefined {
  return wholeForm.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined
}

/** A finite number, with or without an exponent. */
export function readNumber(text: string): number | undefined {
  if (!numberForm.test(text)) return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

/** The words that Postgres takes for a boolean, in any case. */
export function readBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase()
  return trueWords.has(word) ? true : falseWords.has(word) ? false : undefined
}

/** A date and time as ISO 8601 writes it: databases and spreadsheets put a space for the `T` and shorten the offset. */
export function readMoment(text: string): string | undefined {
  const found = momentForm.exec(text)
  if (found === null) return undefined
  const [, day = '', clock = '', utc, hours, minutes = '00'] = found
  return `${day}T${clock}${utc === undefined ? (hours === undefined ? '' : `${hours}:${minutes}`) : 'Z'}`
}

/** A JSON document. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

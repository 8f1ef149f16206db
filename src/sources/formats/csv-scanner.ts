import type { CsvDialect } from '../../definitions/page.ts'

/** Where the next character stands. A quote opens only at the beginning of a value, and a comment at that of a line. */
const recordStart = 0
const fieldStart = 1
const plain = 2
const quoted = 3
/** Behind a quote that may be the value's end or the first of a doubled one. */
const afterQuote = 4
const escaped = 5
const comment = 6
const states = [recordStart, fieldStart, plain, quoted, afterQuote, escaped, comment] as const

const isOther = 0
const isLineEnd = 1
const isDelimiter = 2
const isQuote = 3
const isEscape = 4
const isComment = 5
const isSpace = 6
/** A CR in a file whose lines end with LF: it may belong to the line end. */
const isReturn = 7

const stateMask = 7
const lineEnds = 8
const recordEnds = 16

/**
 * A dialect as a table: `table[(state << 3) | classOf[code]]` is the next state, with two flags. Codes of bytes and of text are alike, since all
 * that matters is ASCII.
 */
export interface CsvScanner {
  readonly table: Uint8Array
  readonly classOf: Uint8Array
  /** The byte that ends lines. */
  readonly lineEnd: number
  /** Undefined where nothing is quoted. */
  readonly quote: number | undefined
}

/** The state at the beginning of a file. */
export const scanStart = recordStart
/** What a state without its flags is. */
export const stateOf = (step: number): number => step & stateMask
export const endsLine = (step: number): boolean => (step & lineEnds) !== 0
export const endsRecord = (step: number): boolean => (step & recordEnds) !== 0
export const isWithinQuotes = (state: number): boolean => state === quoted || state === escaped
/** Whether a quote may follow that closes, or has closed, a value: without one, only line ends matter from here. */
export const mayBeQuoted = (state: number): boolean => state === quoted || state === escaped || state === afterQuote

export function csvScanner(dialect: CsvDialect): CsvScanner {
  const delimiter = codeOf(dialect.delimiter ?? ',')
  const quote = dialect.quote === null ? undefined : codeOf(dialect.quote ?? '"')
  const escape = quote === undefined || dialect.escape === undefined || dialect.escape === dialect.quote ? undefined : codeOf(dialect.escape)
  const lineEnd = dialect.lineBreak === 'cr' ? 0x0d : 0x0a
  const classOf = new Uint8Array(256)
  if (dialect.trim === true) for (const space of [0x20, 0x09, 0x0c]) classOf[space] = isSpace
  if (lineEnd === 0x0a) classOf[0x0d] = isReturn
  if (dialect.comment !== undefined) classOf[codeOf(dialect.comment)] = isComment
  if (quote !== undefined) classOf[quote] = isQuote
  if (escape !== undefined && escape !== quote) classOf[escape] = isEscape
  classOf[delimiter] = isDelimiter
  classOf[lineEnd] = isLineEnd
  const doubled = escape === undefined || escape === quote

  const table = new Uint8Array(64)
  for (const state of states) for (let kind = isOther; kind <= isReturn; kind += 1) table[(state << 3) | kind] = next(state, kind, doubled)
  return { table, classOf, lineEnd, quote }
}

function next(state: (typeof states)[number], kind: number, doubled: boolean): number {
  if (state === quoted) return kind === isQuote ? afterQuote : kind === isEscape ? escaped : quoted | (kind === isLineEnd ? lineEnds : 0)
  if (state === escaped) return quoted | (kind === isLineEnd ? lineEnds : 0)
  if (kind === isLineEnd) return recordStart | lineEnds | recordEnds
  if (state === comment) return comment
  if (kind === isDelimiter) return fieldStart
  if (state === afterQuote) return kind === isQuote && doubled ? quoted : kind === isReturn || kind === isSpace ? afterQuote : plain
  if (state === plain) return plain
  if (kind === isQuote) return quoted
  if (kind === isComment && state === recordStart) return comment
  return kind === isSpace ? state : plain
}

function codeOf(character: string): number {
  return character.charCodeAt(0)
}

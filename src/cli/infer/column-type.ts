import { columnNameOf } from '../../definitions/columns.ts'
import type { Candidate, CandidateKind, Facts } from './candidates.ts'
import type { Profile, ValueKind } from './profile.ts'

/** A type as it is written down. */
export interface ColumnType {
  readonly kind: CandidateKind | 'array' | 'any'
  /** The zod expression, without `.nullable()` and the like. */
  readonly code: string
  /** Of what it was made; undefined of arrays and mixtures. */
  readonly facts: Facts | undefined
  /** What a reader should know. */
  readonly remarks: readonly string[]
}

/**
 * The narrowest type that holds every value that was seen, with room for larger numbers of the same kind.
 * An enum is never guessed: the next new value would be bad data.
 */
export function columnTypeOf(profile: Profile, values: ValueKind): ColumnType {
  const { seen, nulls } = profile
  if (seen === nulls) return { kind: 'text', code: 'z.string()', facts: undefined, remarks: ['no value was seen, so its type is a guess'] }
  const alive = new Map(profile.candidates.filter((one) => one.misses === 0 && took(one, profile)).map((one) => [one.kind, one]))
  const found = narrowest(alive, profile, values)
  if (found !== undefined) return found
  const array = arrayOf(profile, values)
  if (array !== undefined) return array
  const json = alive.get('json')
  if (json !== undefined) return typeOf('json', jsonCode(json.facts), json.facts)
  if (values === 'values' && !alive.has('text'))
    return { kind: 'any', code: 'z.json()', facts: undefined, remarks: ['values of several types, or text that Postgres cannot hold'] }
  return typeOf('text', 'z.string()', undefined, [...unstorable(profile), ...almost(profile)])
}

/** Whether a candidate was asked at all: words that stand for NULL are told to text alone. */
function took(candidate: Candidate, { seen, nulls, nullWords }: Profile): boolean {
  const words = [...nullWords.values()].reduce((sum, count) => sum + count, 0)
  return candidate.kind === 'text' || seen > nulls + words
}

function typeOf(kind: CandidateKind, code: string, facts: Facts | undefined, remarks: readonly string[] = []): ColumnType {
  return { kind, code, facts, remarks }
}

function narrowest(alive: ReadonlyMap<CandidateKind, Candidate>, profile: Profile, values: ValueKind): ColumnType | undefined {
  const facts = (kind: CandidateKind): Facts | undefined => alive.get(kind)?.facts
  if (alive.has('boolean') && (values === 'values' || isWords(profile))) return typeOf('boolean', 'z.boolean()', undefined)
  const number = numberType(facts, values)
  if (number !== undefined) {
    const named = values === 'text' && number.kind !== 'number' && number.facts?.points !== true && isCode(profile.name)
    return named ? typeOf('text', 'z.string()', undefined, ['digits, but its name says that they are no number']) : number
  }
  const moment = facts('moment')
  if (alive.has('date')) return typeOf('date', 'z.iso.date()', facts('date'))
  if (moment !== undefined) return typeOf('moment', momentCode(moment), moment, moment.local ? ['without a zone: taken as UTC'] : [])
  if (alive.has('time')) return typeOf('time', 'z.iso.time()', undefined)
  if (alive.has('uuid')) return typeOf('uuid', 'z.uuid()', undefined)
  if (alive.has('guid')) return typeOf('guid', 'z.guid()', undefined)
  return alive.has('inet') ? typeOf('inet', 'inet()', undefined) : undefined
}

/** Twice as far as this an integer reaches. */
const roomyInt32 = 1_000_000_000

function numberType(factsOf: (kind: CandidateKind) => Facts | undefined, values: ValueKind): ColumnType | undefined {
  const int32 = factsOf('int32')
  if (int32 !== undefined && Number(int32.max) <= roomyInt32 && Number(int32.min) >= -roomyInt32) return typeOf('int32', 'z.int32()', int32)
  const int = factsOf('int')
  if (int !== undefined) return typeOf('int', 'z.int()', int)
  const bigint = factsOf('bigint')
  if (bigint !== undefined) return typeOf('bigint', 'z.bigint()', bigint)
  const decimal = factsOf('decimal')
  const number = factsOf('number')
  if (decimal !== undefined && isDecimal(decimal, values)) return typeOf('decimal', decimalCode(decimal), decimal)
  if (number === undefined) return undefined
  const lost = decimal !== undefined && decimal.scale === 0 ? ['whole numbers beyond 2^53: JSON numbers of that size lose digits'] : []
  return typeOf('number', 'z.number()', number, lost)
}

/** JSON's numbers are binary fractions as often as amounts; text of digits alone is a name as often as a number. */
function isDecimal(facts: Facts, values: ValueKind): boolean {
  if (facts.whole + facts.scale > 990) return false
  if (values === 'text') return true
  if (facts.texts) return facts.points
  return !facts.exponent && facts.scale > 0 && facts.scale <= 9 && facts.whole + facts.scale <= 15
}

/** With three more digits before the point and two behind it: what does not fit is refused, never rounded. */
function decimalCode({ whole, scale }: Facts): string {
  const behind = scale === 0 ? 0 : Math.max(scale + 2, 4)
  return `decimal(${String(Math.max(whole + 3, 10) + behind)}, ${String(behind)})`
}

function momentCode({ offset, local }: Facts): string {
  const options = [...(offset ? ['offset: true'] : []), ...(local ? ['local: true'] : [])]
  return `z.iso.datetime(${options.length === 0 ? '' : `{ ${options.join(', ')} }`})`
}

function jsonCode({ objects, arrays }: Facts): string {
  const object = 'z.record(z.string(), z.json())'
  if (objects && arrays) return `z.union([${object}, z.array(z.json())])`
  return objects ? object : 'z.array(z.json())'
}

const scalars: readonly ColumnType['kind'][] = ['boolean', 'int32', 'int', 'decimal', 'number', 'date', 'moment', 'time', 'uuid', 'guid', 'inet', 'text']

/** Arrays whose elements are all one scalar. */
function arrayOf(profile: Profile, values: ValueKind): ColumnType | undefined {
  const { elements } = profile
  const json = profile.candidates.find((one) => one.kind === 'json')
  if (elements === undefined || json === undefined || json.misses > 0 || json.facts.objects || elements.seen === elements.nulls) return undefined
  const element = columnTypeOf(elements, values)
  if (!scalars.includes(element.kind)) return undefined
  return { kind: 'array', code: `z.array(${element.code}${elements.nulls > 0 ? '.nullable()' : ''})`, facts: undefined, remarks: element.remarks }
}

const pairs = [
  ['true', 'false'],
  ['yes', 'no'],
  ['t', 'f'],
  ['y', 'n'],
  ['on', 'off'],
] as const

/** `true` and `false` may stand alone; of the others both must have come: a column of F alone is no boolean. */
function isWords({ counts }: Profile): boolean {
  const words = new Set([...counts.keys()].map((word) => word.trim().toLowerCase()))
  const [pair] = pairs.filter((one) => one.some((word) => words.has(word)))
  return pair !== undefined && [...words].every((word) => pair.some((one) => one === word)) && (pair[0] === 'true' || words.size === 2)
}

const codeNames =
  /(^|_)(zip|zip_?code|postal|postal_?code|post_?code|plz|phone|telephone|tel|mobile|fax|iban|bic|isbn|ean|gtin|upc|ssn|vat|imei|card_?number|account_?number)(_|$)/

function isCode(name: string): boolean {
  return codeNames.test(columnNameOf(name))
}

function unstorable({ candidates }: Profile): string[] {
  const text = candidates.find((one) => one.kind === 'text')
  return text === undefined || text.misses === 0
    ? []
    : [`some text that Postgres cannot hold (a NUL, half a character), first in row ${String(text.firstMiss)}`]
}

/** What a column nearly is: a few bad values make all of it text. */
function almost(profile: Profile): string[] {
  if (profile.seen - profile.nulls < 20) return []
  const words = { int: 'whole numbers', decimal: 'numbers', moment: 'times', date: 'dates', uuid: 'uuids', boolean: 'booleans' } as const
  for (const [kind, word] of Object.entries(words)) {
    const candidate = profile.candidates.find((one) => one.kind === kind)
    if (candidate === undefined || candidate.misses === 0 || candidate.misses > 5) continue
    return [`${word} but for ${String(candidate.misses)} of ${String(profile.seen)}, the first in row ${String(candidate.firstMiss)}`]
  }
  return []
}

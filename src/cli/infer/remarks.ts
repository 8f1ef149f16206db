import { columnNameOf } from '../../definitions/columns.ts'
import { isSecretName, redactText } from '../../redact.ts'
import type { ColumnType } from './column-type.ts'
import { distinctOf } from './profile.ts'
import type { Profile } from './profile.ts'

/** What was seen of a column: how much of it is NULL, how many values differ, and, where that is harmless, from where to where they go. */
export function remarksOf(profile: Profile, type: ColumnType, rows: number): string[] {
  const { seen, nulls, nullWords } = profile
  const words = type.kind === 'text' ? [] : [...nullWords.keys()]
  const none = nulls + (rows - seen) + words.reduce((sum, word) => sum + (nullWords.get(word) ?? 0), 0)
  const share = none === 0 ? [] : [`${percent(none, rows)} null${words.length === 0 ? '' : ` (also ${words.map((word) => JSON.stringify(word)).join(', ')})`}`]
  const distinct = distinctOf(profile)
  const different = distinct === undefined || distinct === 0 || type.kind === 'boolean' || seen === nulls ? [] : [`${String(distinct)} distinct`]
  return [...share, ...different, ...rangeOf(profile, type), ...examplesOf(profile, type)]
}

function percent(part: number, whole: number): string {
  const value = (part / whole) * 100
  return `${value < 1 ? value.toFixed(2) : value.toFixed(0)} %`
}

/** Names of what is nobody's business, besides those of secrets. */
const personal =
  /(^|_)(e?mail|phone|tel|mobile|fax|name|first|last|surname|user|login|pass|pin|ssn|iban|bic|card|cvv|cvc|account|birth\w*|dob|salary|wage|address|street|hash|salt|otp|seed|tax|vat|passport|licen[cs]e)(_|$)/

function isHarmless(name: string): boolean {
  const column = columnNameOf(name)
  return !isSecretName(column) && !personal.test(column)
}

const ranged: readonly ColumnType['kind'][] = ['int32', 'int', 'decimal', 'number', 'date', 'moment']

function rangeOf(profile: Profile, { kind, facts }: ColumnType): string[] {
  if (!ranged.includes(kind) || facts?.min === undefined || !isHarmless(profile.name)) return []
  return [facts.min === facts.max ? `always ${String(facts.min)}` : `from ${String(facts.min)} to ${String(facts.max)}`]
}

const mostExampled = 30
const longestExample = 40

/** Text that comes again and again is a category; what stands there once may be a person or a key. */
function examplesOf(profile: Profile, { kind }: ColumnType): string[] {
  const distinct = distinctOf(profile)
  if (kind !== 'text' || distinct === undefined || distinct > mostExampled || !isHarmless(profile.name)) return []
  const common = [...profile.counts]
    .filter(([value, count]) => count > 1 && isHarmlessValue(value))
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, 3)
    .map(([value]) => JSON.stringify(value).replaceAll(/[\u007f-\u009f\u2028\u2029]/g, '?'))
  return common.length === 0 ? [] : [`like ${common.join(', ')}`]
}

function isHarmlessValue(value: string): boolean {
  return value.length <= longestExample && value.isWellFormed() && redactText(value) === value && !value.includes('@') && !/[\w+/=-]{16,}/.test(value)
}

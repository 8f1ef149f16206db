import type { SchemaElement, SchemaTree } from 'hyparquet'
import { isListLike, isMapLike } from 'hyparquet/src/schema.js'

/** Turns a value as it lies in the file into one that keeps all of it. Never asked of null. */
export type ReadValue = (value: unknown) => unknown

/** A column's element as hyparquet shall decode it, and what is done with its values afterwards. */
export interface LeafReading {
  readonly element: SchemaElement
  readonly read: ReadValue | undefined
}

const units = { MILLIS: 3, MICROS: 6, NANOS: 9 } as const

/**
 * hyparquet makes numbers of decimals and dates of times, which loses digits; so those are decoded as they lie in the file, and read here:
 * decimals, dates and times become exact text.
 */
export function leafReading(element: SchemaElement): LeafReading {
  const { converted_type: converted, logical_type: logical, ...raw } = element
  const kind = logical?.type
  if (kind === 'DECIMAL' || converted === 'DECIMAL') {
    const scale = element.scale ?? (logical?.type === 'DECIMAL' ? logical.scale : 0)
    return { element: raw, read: (value) => decimalText(unscaled(value), scale) }
  }
  if (logical?.type === 'TIMESTAMP') {
    const { unit, isAdjustedToUTC } = logical
    return { element: raw, read: (value) => momentText(wholeOf(value), units[unit], isAdjustedToUTC) }
  }
  if (converted === 'TIMESTAMP_MILLIS' || converted === 'TIMESTAMP_MICROS') {
    const digits = converted === 'TIMESTAMP_MILLIS' ? 3 : 6
    return { element: raw, read: (value) => momentText(wholeOf(value), digits, true) }
  }
  // The parser given to hyparquet hands its nanoseconds on as they are.
  if (element.type === 'INT96') return { element: raw, read: (value) => momentText(wholeOf(value), 9, true) }
  if (kind === 'DATE' || converted === 'DATE') return { element: raw, read: (value) => dayText(Number(value)) }
  if (logical?.type === 'TIME') return { element: raw, read: (value) => clockText(wholeOf(value), units[logical.unit]) }
  if (converted === 'TIME_MILLIS' || converted === 'TIME_MICROS') {
    const digits = converted === 'TIME_MILLIS' ? 3 : 6
    return { element: raw, read: (value) => clockText(wholeOf(value), digits) }
  }
  if (converted === 'INTERVAL') return { element: raw, read: (value) => intervalText(value as Uint8Array) }
  if (kind === 'JSON' || converted === 'JSON') return { element: { ...raw, converted_type: 'UTF8' }, read: (value) => JSON.parse(String(value)) as unknown }
  if (kind === 'ENUM' || converted === 'ENUM') return { element: { ...raw, converted_type: 'UTF8' }, read: undefined }
  if (converted === 'BSON' || kind === 'BSON' || kind === 'GEOMETRY' || kind === 'GEOGRAPHY') return { element: raw, read: undefined }
  return { element, read: undefined }
}

/** How the values of a whole column, lists and structs included, are read; undefined where they are right as they are. */
export function valueReader(tree: SchemaTree, leaves: ReadonlyMap<string, ReadValue | undefined>): ReadValue {
  const { element, children } = tree
  const inner = innerReader(tree, leaves)
  if (element.repetition_type === 'REPEATED' && children.length === 0) return listOf(inner)
  return inner
}

const same: ReadValue = (value) => value

function innerReader(tree: SchemaTree, leaves: ReadonlyMap<string, ReadValue | undefined>): ReadValue {
  const { element, children } = tree
  const [child] = children
  if (child === undefined) return leaves.get(tree.path.join('\0')) ?? same
  if (element.logical_type?.type === 'VARIANT') return same
  if (isListLike(tree)) return listOf(innerReader(child.children.length === 1 ? (child.children[0] ?? child) : child, leaves))
  if (isMapLike(tree)) return fieldsOf(() => innerReader(child.children[1] ?? child, leaves))
  const readers = new Map(children.map((one) => [one.element.name, valueReader(one, leaves)]))
  return fieldsOf((name) => readers.get(name) ?? same)
}

function listOf(read: ReadValue): ReadValue {
  return (value) => (Array.isArray(value) ? value.map((one: unknown) => (one === null || one === undefined ? null : read(one))) : value)
}

function fieldsOf(readerOf: (name: string) => ReadValue): ReadValue {
  return (value) => {
    if (Array.isArray(value)) return value.map((one) => fieldsOf(readerOf)(one))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, one]: [string, unknown]) => [name, one === null || one === undefined ? null : readerOf(name)(one)]),
    )
  }
}

function wholeOf(value: unknown): bigint {
  return BigInt(value as number | bigint)
}

function unscaled(value: unknown): bigint {
  if (!(value instanceof Uint8Array)) return wholeOf(value)
  if (value.length === 0) return 0n
  const whole = BigInt(`0x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`)
  return BigInt.asIntN(value.length * 8, whole)
}

function decimalText(value: bigint, scale: number): string {
  if (scale <= 0) return value.toString()
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0')
  return `${value < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

const dayMs = 86_400_000

function dayText(days: number): string {
  const date = new Date(days * dayMs)
  // Beyond JavaScript's calendar: left to be refused, in words.
  if (Number.isNaN(date.getTime())) return `day ${String(days)} since 1970`
  const text = date.toISOString()
  return text.slice(0, text.indexOf('T'))
}

/** @param digits of a second's fraction: 3, 6 or 9 */
function momentText(value: bigint, digits: number, utc: boolean): string {
  const perSecond = 10n ** BigInt(digits)
  const rest = ((value % perSecond) + perSecond) % perSecond
  const date = new Date(Number((value - rest) / perSecond) * 1000)
  if (Number.isNaN(date.getTime())) return `${value.toString()} · 10^-${String(digits)} s since 1970`
  return `${date.toISOString().slice(0, -5)}${fraction(rest, digits)}${utc ? 'Z' : ''}`
}

function clockText(value: bigint, digits: number): string {
  const perSecond = 10n ** BigInt(digits)
  const seconds = Number(value / perSecond)
  const two = (part: number): string => String(Math.floor(part)).padStart(2, '0')
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}${fraction(value % perSecond, digits)}`
}

function fraction(rest: bigint, digits: number): string {
  const text = rest.toString().padStart(digits, '0').replace(/0+$/, '')
  return text === '' ? '' : `.${text}`
}

/** Twelve bytes: months, days and milliseconds. */
function intervalText(value: Uint8Array): string {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  const [months, days, ms] = [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true)]
  return `P${String(months)}M${String(days)}DT${(ms / 1000).toFixed(3)}S`
}

import { baseTypeOf } from '../../definitions/postgres-type.ts'
import { redactText } from '../../redact.ts'
import { dateText, timeText } from '../encoder/calendar.ts'
import { longestCompared, numericKey, orderNumeric } from './order.ts'
import { kindOf } from './value-kind.ts'
import type { ValueKind } from './value-kind.ts'

/** Of a text, so many characters are shown. */
const longestShown = 64

const ordinary = (one: number, other: number): number => (one < other ? -1 : one > other ? 1 : 0)

// As Postgres has it: what is no number is greater than all numbers, and all of it alike.
const orderFloat = (one: number, other: number): number =>
  Number.isNaN(one) || Number.isNaN(other) ? Number(Number.isNaN(one)) - Number(Number.isNaN(other)) : ordinary(one, other)

/** Puts two values of a kind in order, each as binary COPY has it: below 0, 0, or above. */
export function orderRaw(kind: ValueKind, one: Buffer, other: Buffer): number {
  switch (kind) {
    case 'int2':
      return one.readInt16BE() - other.readInt16BE()
    case 'int4':
      return one.readInt32BE() - other.readInt32BE()
    case 'int8':
      return Number(one.readBigInt64BE() > other.readBigInt64BE()) - Number(one.readBigInt64BE() < other.readBigInt64BE())
    case 'float4':
      return orderFloat(one.readFloatBE(), other.readFloatBE())
    case 'float8':
      return orderFloat(one.readDoubleBE(), other.readDoubleBE())
    case 'numeric': {
      const both = Buffer.concat([one, other])
      const view = new DataView(both.buffer, both.byteOffset, both.byteLength)
      return ordinary(numericKey(view, 0), numericKey(view, one.length)) || orderNumeric(view, 0, one.length)
    }
    case 'boolean':
    case 'text':
    case 'counted':
    case 'opaque':
      break
  }
  return Buffer.compare(one, other)
}

/** A value of a piece, to be kept: of a longer text one byte more than is ever compared, which says that it is longer. */
export function keepRaw(piece: Uint8Array, at: number, length: number, kind: ValueKind): Buffer {
  return Buffer.from(piece.subarray(at, at + (kind === 'text' ? Math.min(length, longestCompared + 1) : length)))
}

export const noNumber: Readonly<Partial<Record<ValueKind, Buffer>>> = {
  float4: Buffer.from([0x7f, 0xc0, 0, 0]),
  float8: Buffer.from([0x7f, 0xf8, 0, 0, 0, 0, 0, 0]),
}

/** A value as JSON, and whether it is cut short; undefined where JavaScript cannot name it, as of the year 300,000. */
export function showRaw(type: string, raw: Buffer): { value: string | number | boolean; cut: boolean } | undefined {
  const value = valueOf(type, raw)
  if (typeof value !== 'string' || kindOf({ type, array: false }) !== 'text') return value === undefined ? undefined : { value, cut: false }
  const longer = raw.length > longestCompared
  const characters = [...redactText(value)]
  return { value: characters.slice(0, longestShown).join(''), cut: longer || characters.length > longestShown }
}

function valueOf(type: string, raw: Buffer): string | number | boolean | undefined {
  const base = baseTypeOf(type)
  switch (kindOf({ type, array: false })) {
    case 'int2':
      return raw.readInt16BE()
    case 'int4':
      return base === 'date' ? dayOf(raw.readInt32BE()) : raw.readInt32BE()
    case 'int8':
      return base === 'bigint' ? integerOf(raw.readBigInt64BE()) : momentOf(base, raw.readBigInt64BE())
    case 'float4':
      // With as many digits as tell it from its neighbours, as Postgres prints it.
      return numberOf(shortest(raw.readFloatBE()))
    case 'float8':
      return numberOf(raw.readDoubleBE())
    case 'boolean':
      return raw[0] === 1
    case 'numeric':
      return numericText(raw)
    case 'text':
      return raw.toString('utf8')
    case 'counted':
    case 'opaque':
      break
  }
  return undefined
}

function integerOf(value: bigint): number | string {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
}

function numberOf(value: number): number | string {
  return Number.isFinite(value) ? (value === 0 ? 0 : value) : String(value)
}

function shortest(value: number): number {
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return value
}

const [endOfDays, beginOfDays] = [2_147_483_647, -2_147_483_648]
const [endOfTime, beginOfTime] = [9_223_372_036_854_775_807n, -9_223_372_036_854_775_808n]
const dayMicros = 86_400_000_000n

function dayOf(days: number): string | undefined {
  if (days === endOfDays) return 'infinity'
  if (days === beginOfDays) return '-infinity'
  const { date, suffix } = dateText(days)
  return date.includes('N') ? undefined : date + suffix
}

/** Without zeros at the end. */
const clock = (micros: bigint): string => timeText(Number(micros)).replace(/\.?0+$/, '')

function momentOf(base: string, micros: bigint): string | undefined {
  if (base.startsWith('time without')) return clock(micros)
  if (micros === endOfTime) return 'infinity'
  if (micros === beginOfTime) return '-infinity'
  const ofDay = ((micros % dayMicros) + dayMicros) % dayMicros
  const { date, suffix } = dateText(Number((micros - ofDay) / dayMicros))
  return date.includes('N') ? undefined : `${date}T${clock(ofDay)}Z${suffix}`
}

function numericText(raw: Buffer): string {
  const sign = raw.readUInt16BE(4)
  if (sign === 0xc000) return 'NaN'
  if (sign === 0xd000) return 'Infinity'
  if (sign === 0xf000) return '-Infinity'
  const [count, weight, scale] = [raw.readUInt16BE(0), raw.readInt16BE(2), raw.readUInt16BE(6)]
  // The group of four digits whose last one stands for 10^(4 * power).
  const group = (power: number): string => {
    const index = weight - power
    return String(index >= 0 && index < count ? raw.readUInt16BE(8 + index * 2) : 0).padStart(4, '0')
  }
  const powers = (from: number, to: number): number[] => Array.from({ length: Math.max(0, from - to + 1) }, (_, index) => from - index)
  const whole = powers(Math.max(weight, 0), 0)
    .map(group)
    .join('')
    .replace(/^0+(?=\d)/, '')
  const fraction = powers(-1, -Math.ceil(scale / 4))
    .map(group)
    .join('')
    .slice(0, scale)
  return `${sign === 0x4000 ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`
}

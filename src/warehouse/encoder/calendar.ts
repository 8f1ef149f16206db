/** Days and microseconds of one reading; reused, so that the hot path makes no object. */
export const reading = {
  /** Since 2000-01-01, where Postgres counts from. */
  days: 0,
  /** Since midnight. With an offset it may lie in a neighbouring day. */
  micros: 0,
}

const monthDays = Uint8Array.of(0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

/** Two digits as a number; -1 when they are not digits, or the text ends before them (NaN is not between 0 and 9; `>>>` would make it 0). */
function two(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48
  const ones = text.charCodeAt(at + 1) - 48
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1
}

/** Reads `YYYY-MM-DD` at the start of a text into `reading.days`. There is no year 0. */
export function readDate(text: string): boolean {
  const century = two(text, 0)
  const ofCentury = two(text, 2)
  const month = two(text, 5)
  const day = two(text, 8)
  if ((century | ofCentury | month | day) < 0 || text.charCodeAt(4) !== 45 || text.charCodeAt(7) !== 45) return false
  return setDay(century * 100 + ofCentury, month, day)
}

/** Puts a day into `reading.days`; false where there is no such day. */
function setDay(year: number, month: number, day: number): boolean {
  if (year === 0 || month === 0 || month > 12 || day === 0 || day > (monthDays[month] ?? 0)) return false
  if (month === 2 && day === 29 && (year % 4 !== 0 || (year % 100 === 0 && year % 400 !== 0))) return false
  // A year that begins in March puts the leap day last.
  const early = month < 3
  const y = early ? year - 1 : year
  const m = early ? month + 9 : month - 3
  reading.days = 365 * y + (y >> 2) - ((y / 100) | 0) + ((y / 400) | 0) + (((153 * m + 2) / 5) | 0) + day - 730_426
  return true
}

/** Ways in which a time may be written, as zod's options allow them. */
export interface TimeForm {
  readonly offset: boolean
  /** Without a zone: taken as UTC. */
  readonly local: boolean
  /** Also a space for the `T`, `z`, `+02` and `+0200`: what Postgres would read. */
  readonly lenient: boolean
}

/** Reads `HH:MM[:SS[.fraction]]` at `start` into `reading.micros`. Where it ends, or -1. Fractions finer than a microsecond are rounded as Postgres does. */
function readClock(text: string, start: number): number {
  const hour = two(text, start)
  const minute = two(text, start + 3)
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || text.charCodeAt(start + 2) !== 58) return -1
  let at = start + 5
  if (text.charCodeAt(at) !== 58) {
    reading.micros = (hour * 60 + minute) * 60_000_000
    return at
  }
  const second = two(text, at + 1)
  if (second < 0 || second > 59) return -1
  at += 3
  let fraction = 0
  if (text.charCodeAt(at) === 46) {
    const first = ++at
    let digit = text.charCodeAt(at) - 48
    // 15 digits are exact in a double; what comes after cannot matter but in a tie.
    for (; digit >= 0 && digit <= 9; digit = text.charCodeAt(++at) - 48) if (at - first < 15) fraction = fraction * 10 + digit
    const count = at - first
    if (count === 0) return -1
    fraction = count === 3 ? fraction * 1000 : count === 6 ? fraction : toMicros(fraction, Math.min(count, 15))
  }
  reading.micros = (hour * 3600 + minute * 60 + second) * 1_000_000 + fraction
  return at
}

function toMicros(fraction: number, digits: number): number {
  const micros = (fraction / 10 ** digits) * 1_000_000
  // Half to even, as C's rint.
  const floor = Math.floor(micros)
  const rest = micros - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

/** Reads a time of day, all of the text, into `reading.micros`. */
export function readTime(text: string): boolean {
  return readClock(text, 0) === text.length
}

/** Reads a moment, all of the text, into `reading`. */
export function readTimestamp(text: string, form: TimeForm): boolean {
  if (!readDate(text)) return false
  const separator = text.charCodeAt(10)
  if (separator !== 84 && !(form.lenient && (separator === 32 || separator === 116))) return false
  const end = readClock(text, 11)
  if (end < 0) return false
  const rest = text.length - end
  const zone = text.charCodeAt(end)
  // Zod takes a time without seconds only where there is no zone.
  if (rest > 0 && end === 16 && !form.lenient) return false
  if (rest === 1) return zone === 90 || (form.lenient && zone === 122)
  if (rest === 0) return form.local
  return form.offset && readOffset(text, end, form.lenient)
}

function readOffset(text: string, at: number, lenient: boolean): boolean {
  const sign = text.charCodeAt(at)
  const hours = two(text, at + 1)
  if ((sign !== 43 && sign !== 45) || hours < 0 || hours > 23) return false
  const colon = text.charCodeAt(at + 3) === 58
  const length = text.length - at
  const minutes = length === 6 && colon ? two(text, at + 4) : lenient && length === 5 ? two(text, at + 3) : lenient && length === 3 ? 0 : -1
  if (minutes < 0 || minutes > 59) return false
  reading.micros -= (sign === 43 ? 1 : -1) * (hours * 60 + minutes) * 60_000_000
  return true
}

const pad = (value: number, length: number): string => String(value).padStart(length, '0')

/** The day `days` after 2000-01-01 as Postgres reads it: `2023-02-28`, or with `BC` behind. */
export function dateText(days: number): { readonly date: string; readonly suffix: string } {
  const moment = new Date((days + 10_957) * 86_400_000)
  const year = moment.getUTCFullYear()
  return {
    date: `${pad(year > 0 ? year : 1 - year, 4)}-${pad(moment.getUTCMonth() + 1, 2)}-${pad(moment.getUTCDate(), 2)}`,
    suffix: year > 0 ? '' : ' BC',
  }
}

/** Microseconds since midnight as `HH:MM:SS.ffffff`. */
export function timeText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000)
  return `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}.${pad(micros % 1_000_000, 6)}`
}

/** Two digits of bytes as a number; below 0 when they are none. */
function twoOf(bytes: Buffer, at: number): number {
  const tens = (bytes[at] ?? 0) - 48
  const ones = (bytes[at + 1] ?? 0) - 48
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : -1
}

/** Reads the bytes of `YYYY-MM-DD` into `reading.days`. */
export function readDateBytes(bytes: Buffer, at: number): boolean {
  const century = twoOf(bytes, at)
  const ofCentury = twoOf(bytes, at + 2)
  const month = twoOf(bytes, at + 5)
  const day = twoOf(bytes, at + 8)
  if ((century | ofCentury | month | day) < 0 || bytes[at + 4] !== 45 || bytes[at + 7] !== 45) return false
  return setDay(century * 100 + ofCentury, month, day)
}

const powersOfTen = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]

/** Reads the bytes of `YYYY-MM-DDTHH:MM:SS[.fraction]Z`, of up to six digits, into `reading`: the way that most programs write a moment. False for all others. */
export function readMomentBytes(bytes: Buffer, start: number, end: number): boolean {
  const length = end - start
  if (length < 20 || length > 27 || bytes[end - 1] !== 90 || bytes[start + 10] !== 84 || bytes[start + 13] !== 58 || bytes[start + 16] !== 58) return false
  const hour = twoOf(bytes, start + 11)
  const minute = twoOf(bytes, start + 14)
  const second = twoOf(bytes, start + 17)
  if ((hour | minute | second) < 0 || hour > 23 || minute > 59 || second > 59) return false
  let fraction = 0
  if (length > 20) {
    if (length === 21 || bytes[start + 19] !== 46) return false
    for (let at = start + 20; at < end - 1; at++) {
      const digit = (bytes[at] ?? 0) - 48
      if (digit < 0 || digit > 9) return false
      fraction = fraction * 10 + digit
    }
    fraction *= powersOfTen[27 - length] ?? 0
  }
  if (!readDateBytes(bytes, start)) return false
  reading.micros = (hour * 3600 + minute * 60 + second) * 1_000_000 + fraction
  return true
}

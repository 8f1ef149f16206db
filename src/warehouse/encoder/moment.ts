import { dateText, reading, readDate, readDateBytes, readMomentBytes, readTime, readTimestamp, timeText } from './calendar.ts'
import type { TimeForm } from './calendar.ts'
import { shown } from './cell-writer.ts'
import type { CellWriter, FromBytes } from './cell-writer.ts'
import { putInt32, putInt64, reserve } from './sink.ts'
import type { Sink } from './sink.ts'

const dayMicros = 86_400_000_000
// 4714-11-24 BC, the first day of Postgres' calendar.
const firstDay = -2_451_545
// From 1970-01-01 to 2000-01-01.
const epochDays = 10_957

function readDateObject(value: Date): boolean {
  const milliseconds = value.getTime()
  if (Number.isNaN(milliseconds)) return false
  const days = Math.floor(milliseconds / 86_400_000)
  reading.days = days - epochDays
  reading.micros = (milliseconds - days * 86_400_000) * 1000
  return reading.days >= firstDay
}

function writeMoment(sink: Sink): void {
  reserve(sink, 12)
  putInt32(sink.bytes, sink.at, 8)
  const micros = reading.days * dayMicros + reading.micros
  // A double is exact from the year 1715 to 2285.
  if (Number.isSafeInteger(micros)) putInt64(sink.bytes, sink.at + 4, micros)
  else sink.bytes.writeBigInt64BE(BigInt(reading.days) * BigInt(dayMicros) + BigInt(reading.micros), sink.at + 4)
  sink.at += 12
}

const momentBytes: FromBytes = {
  token: 'string',
  // With milliseconds, as most programs write it, and with seconds.
  sizes: [24, 20],
  write(sink, bytes, start, end) {
    if (!readMomentBytes(bytes, start, end)) return false
    writeMoment(sink)
    return true
  },
}

/** Whether a moment that was read stands as `readMomentBytes` reads it: Postgres reads it as it is, whatever its settings. */
function isPlain(text: string): boolean {
  return text.length >= 20 && text.length <= 27 && text.charCodeAt(10) === 84 && text.charCodeAt(text.length - 1) === 90
}

function writeDay(sink: Sink): void {
  reserve(sink, 8)
  putInt32(sink.bytes, sink.at, 4)
  putInt32(sink.bytes, sink.at + 4, reading.days)
  sink.at += 8
}

/** What a JavaScript value must be. */
export type MomentKind = 'text' | 'date' | 'any'

/** `timestamp with time zone`, from ISO 8601 text or a `Date`. */
export function timestamp(kind: MomentKind, form: TimeForm): CellWriter {
  const read = (value: unknown): boolean => {
    if (typeof value === 'string') return kind !== 'date' && readTimestamp(value, form)
    return kind !== 'text' && value instanceof Date && readDateObject(value)
  }
  return {
    ...(kind === 'date' ? {} : { fromBytes: momentBytes }),
    write(sink, value) {
      if (!read(value)) return false
      writeMoment(sink)
      return true
    },
    refusal: (value) => `is not a date and time: ${shown(value)}`,
    text(value) {
      if (typeof value === 'string' && isPlain(value)) return value
      read(value)
      // Into the day that the offset leads to.
      const days = reading.days + Math.floor(reading.micros / dayMicros)
      const micros = reading.micros - Math.floor(reading.micros / dayMicros) * dayMicros
      const { date, suffix } = dateText(days)
      return `${date} ${timeText(micros)}+00${suffix}`
    },
  }
}

/** `date`. A `Date` counts by its day in UTC. */
export const date: CellWriter = {
  write(sink, value) {
    const read = typeof value === 'string' ? value.length === 10 && readDate(value) : value instanceof Date && readDateObject(value)
    if (!read) return false
    writeDay(sink)
    return true
  },
  fromBytes: {
    token: 'string',
    write(sink, bytes, start, end) {
      if (end - start !== 10 || !readDateBytes(bytes, start)) return false
      writeDay(sink)
      return true
    },
  },
  refusal: (value) => `is not a date: ${shown(value)}`,
  text(value) {
    if (typeof value === 'string') return value
    if (value instanceof Date) readDateObject(value)
    const { date: day, suffix } = dateText(reading.days)
    return day + suffix
  },
}

export const time: CellWriter = {
  write(sink, value) {
    if (typeof value !== 'string' || !readTime(value)) return false
    reserve(sink, 12)
    putInt32(sink.bytes, sink.at, 8)
    putInt64(sink.bytes, sink.at + 4, reading.micros)
    sink.at += 12
    return true
  },
  refusal: (value) => `is not a time of day: ${shown(value)}`,
  text(value) {
    readTime(String(value))
    return timeText(reading.micros)
  },
}

/** Between 1970-01-01 and 2000-01-01, where Postgres counts from. */
const epochDays = 10_957
const dayMicros = 86_400_000_000
/** Days since 2000-01-01 of 0001-01-01 and of 10000-01-01: what ISO 8601 writes with four digits. */
const firstDay = -730_119
const endDay = 2_921_940

const pad = (value: number, length: number): string => String(value).padStart(length, '0')

/** Year, month and day of a day of the proleptic Gregorian calendar (Howard Hinnant's `civil_from_days`); year 0 is 1 BC. */
function civil(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const z = days + epochDays + 719_468
  const era = Math.floor(z / 146_097)
  const ofEra = z - era * 146_097
  const yearOfEra = Math.floor((ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365)
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const m = Math.floor((5 * ofYear + 2) / 153)
  const month = m < 10 ? m + 3 : m - 9
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day: ofYear - Math.floor((153 * m + 2) / 5) + 1 }
}

/** A day as ISO 8601 has it, and what Postgres puts behind a year before the first. */
function dayText(days: number): { readonly date: string; readonly suffix: string } {
  if (days >= firstDay && days < endDay) return { date: new Date((days + epochDays) * 86_400_000).toISOString().slice(0, 10), suffix: '' }
  const { year, month, day } = civil(days)
  return { date: `${pad(year > 0 ? year : 1 - year, 4)}-${pad(month, 2)}-${pad(day, 2)}`, suffix: year > 0 ? '' : ' BC' }
}

/** Microseconds of a day as `HH:MM:SS`, with six digits behind the point where there are any. */
export function clockText(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000)
  const fraction = micros % 1_000_000
  return `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}${fraction === 0 ? '' : `.${pad(fraction, 6)}`}`
}

/** Days since 2000-01-01 as `YYYY-MM-DD`; `infinity`, `-infinity`, and years before the first as Postgres prints them. */
export function readDay(bytes: Buffer, at: number): string {
  const days = bytes.readInt32BE(at)
  if (days === 0x7fffffff) return 'infinity'
  if (days === -0x80000000) return '-infinity'
  const { date, suffix } = dayText(days)
  return date + suffix
}

/**
 * Microseconds since 2000-01-01 as ISO 8601, exact; `zone` is what stands behind. Infinities, and years that ISO does not write with four digits, as Postgres prints them.
 */
export function readMoment(bytes: Buffer, at: number, zone: 'Z' | ''): string {
  const high = bytes.readInt32BE(at)
  const low = bytes.readUInt32BE(at + 4)
  if (high === 0x7fffffff && low === 0xffffffff) return 'infinity'
  if (high === -0x80000000 && low === 0) return '-infinity'
  let days: number
  let micros: number
  const all = high * 4_294_967_296 + low
  if (Number.isSafeInteger(all)) {
    days = Math.floor(all / dayMicros)
    micros = all - days * dayMicros
  } else {
    const exact = bytes.readBigInt64BE(at)
    const rest = ((exact % BigInt(dayMicros)) + BigInt(dayMicros)) % BigInt(dayMicros)
    days = Number((exact - rest) / BigInt(dayMicros))
    micros = Number(rest)
  }
  const { date, suffix } = dayText(days)
  if (suffix === '' && days < endDay) return `${date}T${clockText(micros)}${zone}`
  return `${date} ${clockText(micros)}${zone === 'Z' ? '+00' : ''}${suffix}`
}

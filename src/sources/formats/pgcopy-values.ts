import { clockText, readDay, readMoment } from './pgcopy-moments.ts'
import { readInternet } from './pgcopy-network.ts'
import { readNumeric } from './pgcopy-numeric.ts'

/** Reads a value of one type, never NULL, out of its bytes. */
export type ReadValue = (bytes: Buffer, at: number, length: number) => unknown

const text: ReadValue = (bytes, at, length) => bytes.toString('utf8', at, at + length)

/** The shortest decimal that is this float4: what Postgres prints. */
function readReal(bytes: Buffer, at: number): number {
  const value = bytes.readFloatBE(at)
  for (let digits = 6; digits < 9; digits += 1) {
    const shorter = Number(value.toPrecision(digits))
    if (Math.fround(shorter) === value) return shorter
  }
  return Number.isFinite(value) ? Number(value.toPrecision(9)) : value
}

function readUuid(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + 16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

const json: ReadValue = (bytes, at, length) => JSON.parse(bytes.toString('utf8', at, at + length)) as unknown

interface ReadableType {
  readonly read: ReadValue
  /** OID of its array; 0 where there is none that we read. */
  readonly array: number
}

// The numbers are pg_type.dat's and never change.
const readable: Readonly<Record<number, ReadableType>> = {
  16: { array: 1000, read: (bytes, at) => bytes[at] === 1 }, // boolean
  17: { array: 1001, read: (bytes, at, length) => Buffer.from(bytes.subarray(at, at + length)) }, // bytea
  19: { array: 1003, read: text }, // name
  20: { array: 1016, read: (bytes, at) => bytes.readBigInt64BE(at) }, // bigint
  21: { array: 1005, read: (bytes, at) => bytes.readInt16BE(at) }, // smallint
  23: { array: 1007, read: (bytes, at) => bytes.readInt32BE(at) }, // integer
  25: { array: 1009, read: text }, // text
  26: { array: 1028, read: (bytes, at) => bytes.readUInt32BE(at) }, // oid
  114: { array: 199, read: json },
  650: { array: 651, read: readInternet }, // cidr
  700: { array: 1021, read: readReal },
  701: { array: 1022, read: (bytes, at) => bytes.readDoubleBE(at) }, // double precision
  869: { array: 1041, read: readInternet }, // inet
  1042: { array: 1014, read: text }, // character
  1043: { array: 1015, read: text }, // character varying
  1082: { array: 1182, read: readDay }, // date
  1083: { array: 1183, read: (bytes, at) => clockText(Number(bytes.readBigInt64BE(at))) }, // time
  1114: { array: 1115, read: (bytes, at) => readMoment(bytes, at, '') }, // timestamp
  1184: { array: 1185, read: (bytes, at) => readMoment(bytes, at, 'Z') }, // timestamptz
  1700: { array: 1231, read: readNumeric },
  2950: { array: 2951, read: readUuid },
  3802: { array: 3807, read: (bytes, at, length) => json(bytes, at + 1, length - 1) }, // jsonb: behind a byte of version
}

const arrays = new Map(Object.values(readable).map(({ array, read }) => [array, readArray(read)]))

/** An array as JavaScript's, of several dimensions as arrays of arrays. Where its counting begins is lost. */
function readArray(read: ReadValue): ReadValue {
  return (bytes, start) => {
    const dimensions = bytes.readInt32BE(start)
    let at = start + 12 + dimensions * 8
    const dimension = (depth: number): unknown[] => {
      const elements: unknown[] = []
      const count = bytes.readInt32BE(start + 12 + depth * 8)
      for (let index = 0; index < count; index += 1) {
        if (depth + 1 < dimensions) {
          elements.push(dimension(depth + 1))
          continue
        }
        const length = bytes.readInt32BE(at)
        at += 4
        elements.push(length === -1 ? null : read(bytes, at, length))
        if (length > 0) at += length
      }
      return elements
    }
    return dimensions === 0 ? [] : dimension(0)
  }
}

/** How values of a type are read out of binary COPY; undefined of a type that must be asked for as text. */
export function readerOf(oid: number): ReadValue | undefined {
  return readable[oid]?.read ?? arrays.get(oid)
}

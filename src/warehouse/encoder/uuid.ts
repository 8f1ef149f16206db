import { shown } from './cell-writer.ts'
import type { CellWriter } from './cell-writer.ts'
import { putInt32, reserve } from './sink.ts'
import type { Sink } from './sink.ts'

// 256 for what is no hexadecimal digit: it survives the OR and the shift below as a bit over 255.
const nibbles = new Uint16Array(128).fill(0x1000)
for (const digit of '0123456789abcdefABCDEF') nibbles[digit.charCodeAt(0)] = parseInt(digit, 16)

// Where the sixteen bytes stand in the text.
const places = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34)

const nil = '00000000-0000-0000-0000-000000000000'
const max = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** Which uuids are taken: any, those of RFC 9562 (with nil and max), or those of one version. */
export type UuidRule = 'any' | 'rfc' | number

function obeys(rule: UuidRule, value: string, versionByte: number, variantByte: number): boolean {
  return isOfRule(rule, versionByte, variantByte) || (rule === 'rfc' && (value === nil || value === max))
}

function isOfRule(rule: UuidRule, versionByte: number, variantByte: number): boolean {
  if (rule === 'any') return true
  const version = versionByte >> 4
  const variant = variantByte >> 6 === 2
  return variant && (typeof rule === 'number' ? version === rule : version >= 1 && version <= 8)
}

export function uuid(rule: UuidRule): CellWriter {
  return {
    write(sink, value) {
      if (typeof value !== 'string' || value.length !== 36) return false
      reserve(sink, 20)
      const { bytes } = sink
      const start = sink.at + 4
      let seen = 0
      for (let index = 0; index < 16; index++) {
        const place = places[index] ?? 0
        const high = value.charCodeAt(place)
        const low = value.charCodeAt(place + 1)
        seen |= high | low
        const byte = ((nibbles[high & 127] ?? 0) << 4) | (nibbles[low & 127] ?? 0)
        seen |= byte & 0x11000
        bytes[start + index] = byte
      }
      // Beyond ASCII, or not hexadecimal.
      if (seen > 127) return false
      if (value.charCodeAt(8) !== 45 || value.charCodeAt(13) !== 45 || value.charCodeAt(18) !== 45 || value.charCodeAt(23) !== 45) return false
      if (!obeys(rule, value, bytes[start + 6] ?? 0, bytes[start + 8] ?? 0)) return false
      putInt32(bytes, sink.at, 16)
      sink.at = start + 16
      return true
    },
    refusal: (value) => `is not a uuid: ${shown(value)}`,
    text: String,
    fromBytes: { token: 'string', sizes: [36], write: (sink, bytes, start, end) => end - start === 36 && copyUuid(rule, sink, bytes, start) },
  }
}

function copyUuid(rule: UuidRule, sink: Sink, bytes: Buffer, start: number): boolean {
  reserve(sink, 20)
  const target = sink.bytes
  const first = sink.at + 4
  let seen = 0
  for (let index = 0; index < 16; index++) {
    const place = start + (places[index] ?? 0)
    const high = bytes[place] ?? 0
    const low = bytes[place + 1] ?? 0
    const byte = ((nibbles[high & 127] ?? 0) << 4) | (nibbles[low & 127] ?? 0)
    seen |= high | low | (byte & 0x11000)
    target[first + index] = byte
  }
  if (seen > 127 || bytes[start + 8] !== 45 || bytes[start + 13] !== 45 || bytes[start + 18] !== 45 || bytes[start + 23] !== 45) return false
  if (!isOfRule(rule, target[first + 6] ?? 0, target[first + 8] ?? 0)) return false
  putInt32(target, sink.at, 16)
  sink.at = first + 16
  return true
}

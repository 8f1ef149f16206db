/** Of a longer text, only so many bytes are put in order: four for each of the characters that are shown. */
export const longestCompared = 256

/** The first four bytes of a text as an integer, in the order of bytes. What is shorter ends in zeros, which no text has. */
export function textKey(view: DataView, at: number, length: number): number {
  if (length >= 4) return view.getInt32(at) ^ 0x80000000
  let key = 0
  for (let index = 0; index < 4; index += 1) key = (key << 8) | (index < length ? view.getUint8(at + index) : 0)
  return key ^ 0x80000000
}

/** The longest beginning of two texts that is told to be alike. */
const longestCommon = 64

/** With how many bytes two texts begin alike, in steps of four. */
export function commonStart(view: DataView, one: number, other: number): number {
  const most = Math.min(view.getInt32(one - 4), view.getInt32(other - 4), longestCommon) - 4
  let index = 0
  while (index <= most && view.getInt32(one + index) === view.getInt32(other + index)) index += 4
  return index
}

/** Puts two texts in the order of their bytes: below 0, 0, or above. Their lengths stand before them. */
export function orderText(view: DataView, one: number, other: number): number {
  const oneLength = view.getInt32(one - 4)
  const otherLength = view.getInt32(other - 4)
  const both = Math.min(oneLength, otherLength, longestCompared)
  let index = 0
  for (; index + 4 <= both; index += 4) {
    const difference = view.getUint32(one + index) - view.getUint32(other + index)
    if (difference !== 0) return difference
  }
  for (; index < both; index += 1) {
    const difference = view.getUint8(one + index) - view.getUint8(other + index)
    if (difference !== 0) return difference
  }
  return oneLength - otherLength
}

const negative = 0x4000
const notANumber = 0xc000
const infinity = 0xd000
const minusInfinity = 0xf000

/** A numeric's sign, magnitude and first four digits as a number, in the order of numerics. */
export function numericKey(view: DataView, at: number): number {
  const sign = view.getUint16(at + 4)
  if (sign === notANumber) return 2e9
  if (sign === infinity) return 1e9
  if (sign === minusInfinity) return -1e9
  if (view.getUint16(at) === 0) return 0
  const magnitude = (view.getInt16(at + 2) + 32_768) * 10_000 + view.getUint16(at + 8)
  return sign === negative ? -magnitude : magnitude
}

/** Puts two numerics of the same key in order. */
export function orderNumeric(view: DataView, one: number, other: number): number {
  const [oneDigits, otherDigits] = [view.getUint16(one), view.getUint16(other)]
  const direction = view.getUint16(one + 4) === negative ? -1 : 1
  for (let digit = 1; digit < Math.max(oneDigits, otherDigits); digit += 1) {
    const place = 8 + digit * 2
    const difference = (digit < oneDigits ? view.getUint16(one + place) : 0) - (digit < otherDigits ? view.getUint16(other + place) : 0)
    if (difference !== 0) return difference * direction
  }
  return 0
}

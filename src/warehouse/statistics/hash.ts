/** Of a longer value, only the beginning and the end are looked at, half of this each. */
const longestHashed = 256

/** Mixes one more word of 32 bits into a hash. Turned first, so that what changes a word's high bits alone is not lost at the next one. */
function mix(hash: number, word: number): number {
  return Math.imul(((hash << 13) | (hash >>> 19)) ^ word, 0x9e3779b1)
}

/** A hash of one word of 32 bits, whose every bit depends on each of the word's: the end of MurmurHash3. What is mixed in first keeps 0 from being its own hash. */
export function hashWord(word: number): number {
  const begun = word ^ 0x7ed55d16
  let mixed = Math.imul(begun ^ (begun >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** The same of two. */
export function hashWords(one: number, other: number): number {
  return hashWord(Math.imul(one, 0x9e3779b1) ^ other)
}

/** Of so many bytes that there is a word in them. */
function hashSpan(view: DataView, at: number, length: number, seed: number): number {
  // Two words at a time, each into a hash of its own: neither waits for the other. The last ones overlap those before them.
  let one = seed
  let other = length
  const last = at + length - 8
  let next = at
  for (; next < last; next += 8) {
    one = mix(one, view.getInt32(next))
    other = mix(other, view.getInt32(next + 4))
  }
  one = mix(one, view.getInt32(last < at ? at : last))
  other = mix(other, view.getInt32(last + 4))
  return hashWords(one, other)
}

function hashLong(view: DataView, at: number, length: number): number {
  const half = longestHashed >> 1
  return hashSpan(view, at + length - half, half, hashSpan(view, at, half, length))
}

function hashShort(view: DataView, at: number, length: number): number {
  let word = length
  for (let next = at; next < at + length; next += 1) word = (word << 8) | view.getUint8(next)
  return hashWord(word)
}

/** A hash of 32 bits of a value's bytes. */
export function hashBytes(view: DataView, at: number, length: number): number {
  if (length < 4) return hashShort(view, at, length)
  return length <= longestHashed ? hashSpan(view, at, length, 0) : hashLong(view, at, length)
}

/** A hash of 32 bits of 16 bytes. */
export function hashSixteen(view: DataView, at: number): number {
  return hashWords(mix(view.getInt32(at), view.getInt32(at + 4)), mix(view.getInt32(at + 8), view.getInt32(at + 12)))
}

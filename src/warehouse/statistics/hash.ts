/** Of a longer value, only the beginning and the end are looked at, half of this each. */
const longestHashed = 256

/** Mixes one more word of 32 bits into a hash. */
export function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1)
  return mixed ^ (mixed >>> 15)
}

/** Makes each bit of a hash depend on each of the bits that were given: the end of MurmurHash3. */
export function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

function hashWords(view: DataView, start: number, length: number, seed: number): number {
  const last = start + length - 4
  // The last four bytes are a word of their own, which overlaps the one before it.
  if (length >= 4) {
    let hash = seed
    for (let at = start; at < last; at += 4) hash = mix(hash, view.getInt32(at))
    return mix(hash, view.getInt32(last))
  }
  let word = 0
  for (let at = start; at < start + length; at += 1) word = (word << 8) | view.getUint8(at)
  return mix(seed, word)
}

/** A hash of 32 bits of a value's bytes. */
export function hashBytes(view: DataView, at: number, length: number): number {
  if (length <= longestHashed) return finish(hashWords(view, at, length, length))
  const half = longestHashed >> 1
  return finish(hashWords(view, at + length - half, half, hashWords(view, at, half, length)))
}

/**
 * Estimates how many distinct values there are, by HyperLogLog: of each value's hash, the first bits choose a register, which keeps the longest
 * run of zeros that the others began with. Registers of two parts of the rows are merged by the greater of each.
 * With 1,024 registers the standard error is 3.3 %: of a hundred estimates, about 95 are within 6.5 % and all but one within 10 %.
 */

/** 2^10: twice as many would take 1.4 times off the error, and no longer fit into the processor's nearest cache beside the rows. */
const registerBits = 10
export const registers = 1 << registerBits

/** The longest run that is counted, with its end: hashes have 32 bits. */
const longest = 32 - registerBits + 1

/** Notes a hash of 32 bits. */
export function note(sketch: Uint8Array, hash: number): void {
  const at = hash >>> (32 - registerBits)
  const rank = Math.clz32((hash << registerBits) | (1 << (registerBits - 1))) + 1
  if (rank > (sketch[at] as number)) sketch[at] = rank
}

/** Merges `from` into `into`. */
export function mergeSketch(into: Uint8Array, from: Uint8Array): void {
  for (let at = 0; at < from.length; at += 1) into[at] = Math.max(into[at] ?? 0, from[at] ?? 0)
}

/**
 * The estimate that the registers stand for: Ertl's, which holds from none to as many as there are hashes without tables of corrections.
 * @see https://arxiv.org/abs/1702.01284, section 4
 */
export function estimateDistinct(sketch: Uint8Array): number {
  const counts = Array.from({ length: longest + 1 }, () => 0)
  for (const rank of sketch) counts[rank] = (counts[rank] ?? 0) + 1
  const share = (rank: number): number => (counts[rank] ?? 0) / registers
  let sum = registers * tau(1 - share(longest))
  for (let rank = longest - 1; rank >= 1; rank -= 1) sum = 0.5 * (sum + (counts[rank] ?? 0))
  sum += registers * sigma(share(0))
  const estimate = ((1 / (2 * Math.LN2)) * registers * registers) / sum
  // Of many values, some have the same hash.
  const hashes = 2 ** 32
  return estimate < hashes / 64 ? estimate : -hashes * Math.log1p(-Math.min(estimate / hashes, 0.999))
}

function sigma(share: number): number {
  if (share === 1) return Infinity
  let power = share
  let weight = 1
  let sum = share
  for (;;) {
    power *= power
    const next = sum + power * weight
    if (next === sum) return sum
    sum = next
    weight += weight
  }
}

function tau(share: number): number {
  if (share === 0 || share === 1) return 0
  let root = share
  let weight = 1
  let sum = 1 - share
  for (;;) {
    root = Math.sqrt(root)
    weight *= 0.5
    const next = sum - (1 - root) ** 2 * weight
    if (next === sum) return sum / 3
    sum = next
  }
}

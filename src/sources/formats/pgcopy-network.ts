/** `inet` and `cidr` as Postgres prints them. */
export function readInternet(bytes: Buffer, at: number): string {
  // Family, bits, whether it is a cidr, how many bytes.
  const bits = bytes[at + 1] ?? 0
  const isNetwork = bytes[at + 2] === 1
  const size = bytes[at + 3] ?? 0
  const address = bytes.subarray(at + 4, at + 4 + size)
  const text = size === 4 ? [...address].join('.') : ipv6Text(address)
  return isNetwork || bits !== size * 8 ? `${text}/${String(bits)}` : text
}

function ipv6Text(address: Buffer): string {
  const words = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(index * 2))
  const gap = longestZeros(words)
  const ipv4 = gap.start === 0 && (gap.length === 6 || (gap.length === 5 && words[5] === 0xffff))
  const shown = ipv4 ? [...words.slice(0, 6).map(hex), [...address.subarray(12)].join('.')] : words.map(hex)
  if (gap.length < 2) return shown.join(':')
  return `${shown.slice(0, gap.start).join(':')}::${shown.slice(gap.start + gap.length).join(':')}`
}

const hex = (word: number): string => word.toString(16)

/** The first of the longest runs of zeros. */
function longestZeros(words: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < words.length; start += 1) {
    let end = start
    while (words[end] === 0) end += 1
    if (end - start > best.length) best = { start, length: end - start }
  }
  return best
}

const quote = 0x22
const backslash = 0x5c

// What a JSON string may hold as it is: all but control characters, quotes and backslashes.
export const plainBytes = new Uint8Array(256).fill(1, 0x20)
plainBytes[quote] = 0
plainBytes[backslash] = 0

// What a number or a word is made of.
const scalar = new Uint8Array(256)
for (const byte of Buffer.from('0123456789+-.eEaflnrstu')) scalar[byte] = 1

const isBlank = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/** The position of the first byte from `at` that is no white space. */
export function skipBlanks(bytes: Buffer, at: number): number {
  let next = at
  while (isBlank(bytes[next])) next++
  return next
}

/** The position of the first byte from `at` that a string cannot hold as it is: its closing quote, an escape, or what is no JSON. */
export function endOfPlain(bytes: Buffer, at: number): number {
  let next = at
  while (plainBytes[bytes[next] ?? 0] === 1) next++
  return next
}

/** Where the number or word that begins at `at` ends; `at` where none does. */
export function endOfScalar(bytes: Buffer, at: number): number {
  let next = at
  while (scalar[bytes[next] ?? 0] === 1) next++
  return next
}

/** Where the value that begins at `at` ends if it is JSON, which the brackets alone do not prove; -1 where no value ends. */
export function endOfValue(bytes: Buffer, at: number): number {
  const first = bytes[at]
  if (first === quote) return endOfString(bytes, at)
  if (first !== 0x7b && first !== 0x5b) {
    const end = endOfScalar(bytes, at)
    return end === at ? -1 : end
  }
  let depth = 0
  let next = at
  while (next < bytes.length) {
    const byte = bytes[next]
    if (byte === quote) {
      next = endOfString(bytes, next)
      if (next < 0) return -1
      continue
    }
    next++
    if (byte === 0x7b || byte === 0x5b) depth++
    else if (byte === 0x7d || byte === 0x5d) {
      depth--
      if (depth === 0) return next
    }
  }
  return -1
}

function endOfString(bytes: Buffer, at: number): number {
  let next = at + 1
  for (;;) {
    next = endOfPlain(bytes, next)
    const byte = bytes[next]
    if (byte === quote) return next + 1
    if (byte !== backslash) return -1
    next += 2
  }
}

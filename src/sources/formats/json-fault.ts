/** Where bytes stop being JSON. */
export interface JsonFault {
  /** Byte offset, from 0. */
  readonly position: number
  /** The bytes end before the document does. */
  readonly truncated: boolean
}

const quote = 0x22
const backslash = 0x5c
const longestLiteral = 5

/**
 * Finds the first byte at which a document is not JSON, or undefined where it is. Reads the bytes one by one, so use it only once JSON.parse has refused them:
 * its messages often lack the position.
 */
export function findJsonFault(body: Uint8Array): JsonFault | undefined {
  /** What closes the open arrays and objects, innermost last. */
  const open: number[] = []
  let at = skipSpace(body, 0)
  let expects: 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'separator' = 'value'
  for (;;) {
    if (expects === 'separator' && open.length === 0) return at === body.length ? undefined : { position: at, truncated: false }
    if (at >= body.length) return { position: body.length, truncated: true }
    const byte = body[at] ?? 0
    if (byte === open.at(-1) && (expects === 'separator' || expects === 'value-or-end' || expects === 'key-or-end')) {
      open.pop()
      expects = 'separator'
      at += 1
    } else if (expects === 'separator') {
      if (byte !== 0x2c) return { position: at, truncated: false }
      expects = open.at(-1) === 0x7d ? 'key' : 'value'
      at += 1
    } else if (expects === 'colon') {
      if (byte !== 0x3a) return { position: at, truncated: false }
      expects = 'value'
      at += 1
    } else if (expects === 'key' || expects === 'key-or-end') {
      if (byte !== quote) return { position: at, truncated: false }
      const end = skipString(body, at)
      if (typeof end !== 'number') return end
      at = end
      expects = 'colon'
    } else if (byte === 0x7b || byte === 0x5b) {
      open.push(byte === 0x7b ? 0x7d : 0x5d)
      expects = byte === 0x7b ? 'key-or-end' : 'value-or-end'
      at += 1
    } else {
      const end = byte === quote ? skipString(body, at) : skipScalar(body, at)
      if (typeof end !== 'number') return end
      at = end
      expects = 'separator'
    }
    at = skipSpace(body, at)
  }
}

/** The position of the first byte that is not white space. */
export function skipSpace(body: Uint8Array, from: number): number {
  let at = from
  while (at < body.length && isSpace(body[at])) at += 1
  return at
}

export function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** The position after a string that begins here. */
export function skipString(body: Uint8Array, from: number): number | JsonFault {
  let at = from + 1
  for (; at < body.length; at += 1) {
    const byte = body[at] ?? 0
    if (byte === quote) return at + 1
    if (byte < 0x20) return { position: at, truncated: false }
    if (byte !== backslash) continue
    at += 1
    const escaped = body[at]
    if (escaped === undefined) break
    if (escaped === 0x75) {
      const digits = Buffer.from(body.subarray(at + 1, at + 5)).toString('latin1')
      const good = /^[0-9a-fA-F]*/.exec(digits)?.[0].length ?? 0
      if (good < digits.length) return { position: at + 1 + good, truncated: false }
      at += 4
    } else if (!'"\\/bfnrt'.includes(String.fromCodePoint(escaped))) {
      return { position: at, truncated: false }
    }
  }
  return { position: body.length, truncated: true }
}

function skipScalar(body: Uint8Array, from: number): number | JsonFault {
  let end = from
  while (end < body.length && !isSpace(body[end]) && ![0x2c, 0x3a, 0x5d, 0x7d, 0x5b, 0x7b, quote].includes(body[end] ?? 0)) end += 1
  const text = Buffer.from(body.subarray(from, end)).toString('latin1')
  if (/^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/.test(text)) return end
  const beginning = text.length < longestLiteral && ['true', 'false', 'null'].some((word) => word.startsWith(text))
  const number = /^-?(?:(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][+-]?\d*)?)?$/.test(text)
  return end === body.length && text !== '' && (beginning || number) ? { position: end, truncated: true } : { position: from, truncated: false }
}

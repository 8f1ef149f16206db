/** An address as bytes: 4 of them or 16, and the length of its network prefix. */
export interface InternetAddress {
  readonly bytes: readonly number[]
  readonly bits: number
}

function ipv4Bytes(text: string): number[] | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  const bytes = parts.map((part) => (/^(?:0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256))
  return bytes.every((byte) => byte < 256) ? bytes : undefined
}

function groups(text: string): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    const embedded = index === parts.length - 1 && part.includes('.') ? ipv4Bytes(part) : undefined
    if (embedded !== undefined) bytes.push(...embedded)
    else if (/^[0-9a-fA-F]{1,4}$/.test(part)) bytes.push(parseInt(part, 16) >> 8, parseInt(part, 16) & 255)
    else return undefined
  }
  return bytes
}

function ipv6Bytes(text: string): number[] | undefined {
  const gap = text.indexOf('::')
  if (gap < 0) {
    const bytes = groups(text)
    return bytes?.length === 16 ? bytes : undefined
  }
  const front = groups(text.slice(0, gap))
  const back = groups(text.slice(gap + 2))
  if (front === undefined || back === undefined || text.slice(0, gap).includes('.')) return undefined
  const missing = 16 - front.length - back.length
  return missing < 2 ? undefined : [...front, ...Array<number>(missing).fill(0), ...back]
}

/** Reads an IPv4 or IPv6 address with or without `/bits`; undefined when it is none. A zone (`%eth0`) is refused, as Postgres does. */
export function readInternetAddress(text: string): InternetAddress | undefined {
  const slash = text.indexOf('/')
  const address = slash < 0 ? text : text.slice(0, slash)
  // 45 characters: the longest form of an IPv6 address.
  if (address.length > 45) return undefined
  const bytes = address.includes(':') ? ipv6Bytes(address) : ipv4Bytes(address)
  if (bytes === undefined) return undefined
  const most = bytes.length * 8
  if (slash < 0) return { bytes, bits: most }
  const suffix = text.slice(slash + 1)
  if (!/^(?:0|[1-9]\d{0,2})$/.test(suffix) || Number(suffix) > most) return undefined
  return { bytes, bits: Number(suffix) }
}

export function isInternetAddress(text: string): boolean {
  return readInternetAddress(text) !== undefined
}

/** Whether every bit to the right of the prefix is zero, as `cidr` demands. */
export function isNetwork({ bytes, bits }: InternetAddress): boolean {
  return bytes.every((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - index * 8))
    return (byte & (0xff >> kept)) === 0
  })
}

/** The record that the loading bench moves: 12 fields, as the tools it is measured against were given. */
export interface BenchRecord {
  readonly id: string
  readonly hostname: string
  readonly addresses: readonly string[]
  readonly authorized: boolean
  readonly created: string
  readonly expires: string
  readonly lastSeen: string
  readonly name: string
  readonly os: string
  readonly tags: readonly string[] | null
  readonly user: string
  readonly bytes: number
}

const systems = ['linux', 'macOS', 'windows', 'iOS', 'android']

/** A deterministic stand-in for chance: the same number gives the same 32 bits. */
export function scramble(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x45d9f3b)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x45d9f3b)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

/** Eight hexadecimal digits that look like chance. */
export const hex = (value: number): string => scramble(value).toString(16).padStart(8, '0')

/** The record of a number. */
export function benchRecord(n: number): BenchRecord {
  const a = scramble(n)
  const created = new Date(1_600_000_000_000 + (a % 100_000_000) * 1000).toISOString()
  const part = hex(n + 7)
  return {
    id: `${hex(n)}-${part.slice(0, 4)}-4${part.slice(5)}-8${hex(n + 13).slice(0, 3)}-${hex(n + 17)}${hex(n + 19).slice(0, 4)}`,
    hostname: `host-${String(n)}.example.internal`,
    addresses: [`100.${String(a % 64)}.${String((a >>> 8) % 256)}.${String((a >>> 16) % 256)}`, `fd7a:115c:a1e0::${hex(n).slice(0, 4)}:${hex(n).slice(4)}`],
    authorized: a % 7 !== 0,
    created,
    expires: new Date(1_800_000_000_000 + (a % 50_000_000) * 1000).toISOString(),
    lastSeen: new Date(1_750_000_000_000 + (a % 9_000_000) * 1000 + (a % 1000)).toISOString(),
    name: `device ${String(n)} of user ${String(a % 1000)}`,
    os: systems[a % systems.length] ?? 'linux',
    tags: a % 3 === 0 ? null : [`tag:group${String(a % 20)}`, 'tag:bench'],
    user: `user${String(a % 1000)}@example.com`,
    bytes: a * 1024 + (n % 1024),
  }
}

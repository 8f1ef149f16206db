import type { Device } from './device.ts'

/** The length of the list. */
const simulatedDeviceCount = 200

const minute = 60_000
const day = 24 * 60 * minute
/** When the oldest device joined. */
const founded = Date.UTC(2024, 0, 8, 9)

const systems = ['linux', 'macOS', 'windows', 'iOS', 'android'] as const
const roles = ['web', 'db', 'build', 'laptop', 'phone', 'sensor', 'cache', 'mail'] as const
const versions = ['1.86.2', '1.88.1', '1.88.4', '1.90.3', '1.90.6'] as const

/** The devices of the simulated tailnet at a moment: a pure function of the clock, so that any number of simulators agree. */
export function simulatedDevices(now: number, domain: string): Device[] {
  return Array.from({ length: simulatedDeviceCount }, (_, index) => simulatedDevice(index, now, domain))
}

function simulatedDevice(index: number, now: number, domain: string): Device {
  const role = pick(roles, index)
  const hostname = `${role}-${String(index).padStart(3, '0')}`
  const created = founded + index * 61 * minute
  // Every device updates on a day of its own, every five days.
  const release = Math.floor((now - founded + index * 7 * 60 * minute) / (5 * day))
  const version = pick(versions, release)
  const keyExpiryDisabled = index % 3 === 0
  const tagged = index % 4 === 0
  const lastSeen = lastSeenOf(index, now)
  return {
    addresses: [
      `100.${String(64 + (index >> 6))}.${String(index & 63)}.${String(1 + (hash(index) % 250))}`,
      `fd7a:115c:a1e0::${(0x1000 + index).toString(16)}`,
    ],
    authorized: index % 29 !== 0,
    blocksIncomingConnections: index % 17 === 0,
    clientVersion: version,
    created: timestamp(created),
    expires: keyExpiryDisabled ? '0001-01-01T00:00:00Z' : timestamp(nextExpiry(created, now)),
    hostname,
    id: String(10_000_000_000 + hash(index)),
    isExternal: index % 41 === 0,
    keyExpiryDisabled,
    ...(lastSeen === undefined ? {} : { lastSeen: timestamp(lastSeen) }),
    machineKey: `mkey:${hex(index, 1)}`,
    name: `${hostname}.${domain}`,
    nodeId: `n${hash(index).toString(36)}CNTRL${String(index)}`,
    nodeKey: `nodekey:${hex(index, 2 + Math.floor((now - founded) / (180 * day)))}`,
    os: pick(systems, hash(index)),
    ...(tagged ? { tags: [`tag:${role}`, ...(index % 8 === 0 ? ['tag:production'] : [])] } : {}),
    tailnetLockError: '',
    tailnetLockKey: `nlpub:${hex(index, 0)}`,
    updateAvailable: version !== versions.at(-1),
    user: `member-${String(index % 12).padStart(2, '0')}@${domain}`,
  }
}

/** Every tenth device went quiet long ago; of the others each is connected for a part of every few hours, and two in three right now. */
function lastSeenOf(index: number, now: number): number | undefined {
  if (index % 10 === 9) return now - (now % day) - (20 + (hash(index) % 160)) * day
  const period = (3 + (index % 5)) * 60 * minute
  const into = (now + index * 13 * minute) % period
  const connectedFor = (period * 2) / 3
  return into < connectedFor ? undefined : now - (into - connectedFor)
}

/** Keys live for 180 days and are renewed in time. */
function nextExpiry(created: number, now: number): number {
  const life = 180 * day
  return created + Math.max(1, Math.ceil((now - created) / life)) * life
}

function timestamp(milliseconds: number): string {
  return new Date(milliseconds - (milliseconds % 1000)).toISOString().replace('.000Z', 'Z')
}

/** Spreads numbers (Knuth's multiplicative hash). */
function hash(value: number): number {
  return Math.imul(value + 1, 2_654_435_761) >>> 0
}

function hex(index: number, salt: number): string {
  return Array.from({ length: 8 }, (_, part) =>
    hash(index * 8 + part + salt * 7919)
      .toString(16)
      .padStart(8, '0'),
  ).join('')
}

function pick<T>(choices: readonly [T, ...T[]], index: number): T {
  return choices[Math.abs(index) % choices.length] ?? choices[0]
}

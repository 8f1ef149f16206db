import { lookup } from 'node:dns'
import { lookup as lookupPromised } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import type { LookupFunction } from 'node:net'

/** What is not of the public internet (the registries of special-purpose addresses, RFC 6890): this machine, its networks, and what clouds put there. */
const ranges: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  ['2002::', 16],
]

const list = new BlockList()
for (const [network, bits] of ranges) list.addSubnet(network, bits, network.includes(':') ? 'ipv6' : 'ipv4')

/** Whether an IP address is private; `::ffff:10.0.0.1` is as `10.0.0.1`. What is no address is not. */
export function isPrivateAddress(address: string): boolean {
  const kind = isIP(address)
  if (kind === 0) return false
  // BlockList judges IPv4 addresses in IPv6 form by the rules for IPv4. Those of NAT64 end in one too.
  const embedded = kind === 6 ? embeddedIpv4(address) : undefined
  return list.check(address, kind === 4 ? 'ipv4' : 'ipv6') || (embedded !== undefined && list.check(embedded, 'ipv4'))
}

function embeddedIpv4(address: string): string | undefined {
  const [, high, low] = /^64:ff9b::([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address) ?? []
  if (high === undefined || low === undefined) return undefined
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return [a >> 8, a & 255, b >> 8, b & 255].join('.')
}

/** Whether the host of a URL is a private address, or a name of one. A name that nobody knows is not. */
export async function isPrivateHost(hostname: string): Promise<boolean> {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0) return isPrivateAddress(host)
  try {
    return (await lookupPromised(host, { all: true })).some(({ address }) => isPrivateAddress(address))
  } catch {
    return false
  }
}

/** Looks a name up for a connection and refuses private addresses: what was asked before may be answered otherwise now. */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    const refused = error ?? (found.some(({ address }) => isPrivateAddress(address)) ? new Error(`${hostname} is at a private address`) : null)
    const first = found?.[0]
    if (refused !== null || first === undefined) callback(refused ?? new Error(`${hostname} has no address`), '')
    else if (options.all === true) callback(null, found)
    else callback(null, first.address, first.family)
  })
}

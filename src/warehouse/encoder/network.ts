import { isNetwork, readInternetAddress } from '../../definitions/internet-address.ts'
import type { InternetAddress } from '../../definitions/internet-address.ts'
import { shown } from './cell-writer.ts'
import type { CellWriter } from './cell-writer.ts'
import { putInt32, reserve } from './sink.ts'

/** `inet` and `cidr`. */
export function network(type: 'inet' | 'cidr'): CellWriter {
  const read = (value: unknown): InternetAddress | undefined => {
    const address = typeof value === 'string' ? readInternetAddress(value) : undefined
    return address === undefined || (type === 'cidr' && !isNetwork(address)) ? undefined : address
  }
  return {
    write(sink, value) {
      const address = read(value)
      if (address === undefined) return false
      const size = 4 + address.bytes.length
      reserve(sink, 4 + size)
      putInt32(sink.bytes, sink.at, size)
      // Postgres' own numbers for the two families, not the system's.
      sink.bytes[sink.at + 4] = address.bytes.length === 4 ? 2 : 3
      sink.bytes[sink.at + 5] = address.bits
      sink.bytes[sink.at + 6] = type === 'cidr' ? 1 : 0
      sink.bytes[sink.at + 7] = address.bytes.length
      sink.bytes.set(address.bytes, sink.at + 8)
      sink.at += 4 + size
      return true
    },
    refusal: (value) =>
      `is not ${type === 'cidr' ? 'a network (an address whose bits after the prefix are zero)' : 'an IPv4 or IPv6 address'}: ${shown(value)}`,
    text: String,
  }
}

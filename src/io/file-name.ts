import { createHash } from 'node:crypto'

/** What stands for the value of an asset without partitions. */
const whole = 'value'
/** File systems take 255 bytes of a name; ours have an ending, and for a while a UUID behind them. */
const longest = 180

/**
 * A partition key as the name of a file or object: what might be taken for something else is written as %XX, so that no two keys have one name,
 * and none the one of the whole asset. Of a long one, the end is its SHA-256.
 */
export function fileNameOf(partition: string | undefined): string {
  if (partition === undefined) return whole
  if (partition === whole) return `%76${whole.slice(1)}`
  const escaped = encodeURIComponent(partition).replaceAll('%20', ' ').replaceAll('%3A', ':').replaceAll('%7C', '|')
  if (/^\.+$/.test(escaped)) return escaped.replaceAll('.', '%2E')
  return escaped.length <= longest ? escaped : `${escaped.slice(0, longest - 65)}-${createHash('sha256').update(partition).digest('hex')}`
}

/** A place in the write-ahead log (`16/B374D848`) as a number that grows. */
export function lsnValue(lsn: string): bigint {
  const [high = '0', low = '0'] = lsn.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

/** The same as Postgres writes it. */
export function lsnText(value: bigint): string {
  return `${(value >> 32n).toString(16)}/${(value & 0xffff_ffffn).toString(16)}`.toUpperCase()
}

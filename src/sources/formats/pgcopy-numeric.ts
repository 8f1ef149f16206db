const negative = 0x4000
const specials: Readonly<Record<number, string>> = { 0xc000: 'NaN', 0xd000: 'Infinity', 0xf000: '-Infinity' }

/** `numeric` as exact text, with all the digits behind the point that Postgres shows. */
export function readNumeric(bytes: Buffer, at: number): string {
  const groups = bytes.readUInt16BE(at)
  const weight = bytes.readInt16BE(at + 2)
  const sign = bytes.readUInt16BE(at + 4)
  const scale = bytes.readUInt16BE(at + 6)
  const special = specials[sign]
  if (special !== undefined) return special
  // Groups of four digits, the first of them worth 10000 to the power of `weight`.
  const group = (place: number): string => {
    const index = weight - place
    return index < 0 || index >= groups ? '0000' : String(bytes.readUInt16BE(at + 8 + index * 2)).padStart(4, '0')
  }
  let whole = ''
  for (let place = weight; place >= 0; place -= 1) whole += group(place)
  let fraction = ''
  for (let place = -1; fraction.length < scale; place -= 1) fraction += group(place)
  const digits = whole.replace(/^0+(?=\d)/, '') || '0'
  return `${sign === negative ? '-' : ''}${digits}${scale === 0 ? '' : `.${fraction.slice(0, scale)}`}`
}

/** A decimal number: `digits` without the point, of which `scale` stand behind it. */
interface Exact {
  readonly digits: bigint
  readonly scale: number
}

const form = /^([+-]?)(?=\.?\d)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,3}))?$/

/** @throws RangeError for what is no decimal number */
function read(number: string | number): Exact {
  const [found, sign = '', whole = '', fraction = '', exponent = '0'] = form.exec(String(number)) ?? []
  if (found === undefined) throw new RangeError(`${JSON.stringify(number)} is no decimal number`)
  const digits = BigInt(`${sign === '-' ? '-' : ''}${whole}${fraction}`)
  const scale = fraction.length - Number(exponent)
  return scale < 0 ? { digits: digits * 10n ** BigInt(-scale), scale: 0 } : { digits, scale }
}

const rescaled = ({ digits, scale }: Exact, to: number): bigint => digits * 10n ** BigInt(to - scale)

/** Without zeros at its end, as the retailer's files write numbers. */
function write(digits: bigint, scale: number): string {
  const all = String(digits < 0n ? -digits : digits).padStart(scale + 1, '0')
  const [whole, fraction] = [all.slice(0, all.length - scale), all.slice(all.length - scale).replace(/0+$/, '')]
  return `${digits < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`
}

/** The exact sum of decimal numbers, as text. */
export function sumOf(numbers: readonly (string | number)[]): string {
  const all = numbers.map(read)
  const scale = all.reduce((most, one) => Math.max(most, one.scale), 0)
  return write(
    all.reduce((sum, one) => sum + rescaled(one, scale), 0n),
    scale,
  )
}

/** One decimal number by another, rounded to so many digits after the point, halves away from zero as Postgres rounds; null by 0. */
export function quotientOf(dividend: string | number, divisor: string | number, digits: number): string | null {
  const [above, below] = [read(dividend), read(divisor)]
  if (below.digits === 0n) return null
  const scale = Math.max(above.scale, below.scale)
  const [numerator, denominator] = [rescaled(above, scale) * 10n ** BigInt(digits), rescaled(below, scale)]
  const positive = numerator < 0n === denominator < 0n
  const [size, by] = [numerator < 0n ? -numerator : numerator, denominator < 0n ? -denominator : denominator]
  const rounded = (2n * size + by) / (2n * by)
  return write(positive ? rounded : -rounded, digits)
}

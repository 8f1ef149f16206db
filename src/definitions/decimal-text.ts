/** A decimal number taken apart: no leading zeros in `whole`, no trailing zeros in `fraction`. */
export interface Decimal {
  readonly negative: boolean
  readonly whole: string
  readonly fraction: string
  /** Digits after the point as they were written, trailing zeros included. */
  readonly scale: number
}

const form = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/

// What Postgres' numeric holds at most without a precision of its own.
const mostWhole = 131_072
const mostFraction = 16_383

// By hand: /0+$/ looks at every zero once for each one before it, which is minutes for a hostile text of some 100,000.
function withoutEndZeros(digits: string): string {
  let end = digits.length
  while (end > 0 && digits.charCodeAt(end - 1) === 48) end -= 1
  return digits.slice(0, end)
}

// With so many, a decimal number that became a double can be told again; with more it may have been another.
const exactDigits = 15

function significantDigits(text: string): number {
  return text.replace(/e.*$/, '').replaceAll(/^-?[0.]*|\./g, '').length
}

/**
 * Reads a decimal number exactly, or says why it cannot be one of the precision and scale given. Nothing is rounded: digits that do not fit are refused, zeros are not digits.
 * @param precision digits in all; undefined for a numeric without limits
 */
export function readDecimal(value: string | number | bigint, precision?: number, scale = 0): Decimal | string {
  if (typeof value === 'number' && !Number.isFinite(value)) return `is not a finite number: ${String(value)}`
  const text = String(value)
  const found = form.exec(text)
  const [, sign, digits = '', after = '', exponentText] = found ?? []
  if (found === null || digits.length + after.length === 0) return 'is not a decimal number'
  let whole = digits
  let fraction = after
  if (exponentText !== undefined) {
    const exponent = Number(exponentText)
    if (Math.abs(exponent) > mostWhole) return 'has an exponent that numeric cannot hold'
    if (exponent > 0) {
      whole += fraction.slice(0, exponent).padEnd(exponent, '0')
      fraction = fraction.slice(exponent)
    } else if (exponent < 0) {
      const padded = whole.padStart(-exponent, '0')
      fraction = padded.slice(padded.length + exponent) + fraction
      whole = padded.slice(0, padded.length + exponent)
    }
  }
  const written = fraction.length
  whole = whole.replace(/^0+/, '')
  fraction = withoutEndZeros(fraction)
  if (precision !== undefined) {
    const type = `numeric(${String(precision)},${String(scale)})`
    if (fraction.length > scale) {
      return `has ${String(fraction.length)} digits after the point, and ${type} keeps ${String(scale)} (nothing is rounded)`
    }
    if (whole.length > precision - scale) {
      return `has ${String(whole.length)} digits before the point, and ${type} keeps ${String(precision - scale)}`
    }
  }
  if (whole.length > mostWhole || fraction.length > mostFraction) return 'has more digits than numeric can hold'
  if (typeof value === 'number' && !Number.isSafeInteger(value) && significantDigits(text) > exactDigits) {
    return 'has more digits than a JavaScript number holds exactly: take it as text'
  }
  return { negative: sign === '-', whole, fraction, scale: Math.min(written, mostFraction) }
}

import * as z from 'zod'
import { isBase64 } from './base64.ts'
import { DefinitionError } from './definition-error.ts'
import { isInternetAddress } from './internet-address.ts'
import { readDecimal } from './decimal-text.ts'

/** Which of our own column types a check function belongs to; the encoder writes these without calling zod. */
export const ownTypes = new WeakMap<(value: unknown) => unknown, 'decimal' | 'bytes' | 'inet'>()

/**
 * An exact decimal number, stored as `numeric(precision, scale)`. Takes text or a number and refuses, rather than rounds, what does not fit.
 * Take amounts as text where you can: a JavaScript number is a binary fraction before we see it.
 * @param precision digits in all, 1 to 1000
 * @param scale digits after the point, 0 to `precision`
 * @throws DefinitionError when there is no such numeric.
 */
export function decimal(precision: number, scale: number): z.ZodCustom<string | number, string | number> {
  if (!Number.isInteger(precision) || precision < 1 || precision > 1000 || !Number.isInteger(scale) || scale < 0 || scale > precision) {
    throw new DefinitionError(`decimal(${String(precision)}, ${String(scale)}) cannot be: the precision is 1 to 1000 digits, the scale 0 to the precision.`)
  }
  const refusal = (value: unknown): string | undefined => {
    if (typeof value !== 'string' && typeof value !== 'number') return 'Invalid input: expected a decimal number as text or number'
    const read = readDecimal(value, precision, scale)
    return typeof read === 'string' ? read : undefined
  }
  const fits = (value: unknown): boolean => refusal(value) === undefined
  ownTypes.set(fits, 'decimal')
  return z.custom<string | number>(fits, { error: (issue) => refusal(issue.input) }).meta({ postgres: `numeric(${String(precision)},${String(scale)})` })
}

function areBytes(value: unknown): boolean {
  return value instanceof Uint8Array || (typeof value === 'string' && isBase64(value))
}
ownTypes.set(areBytes, 'bytes')

/** Bytes, stored as `bytea`. Takes a `Uint8Array` or base64 text. */
export function bytes(): z.ZodCustom<Uint8Array | string, Uint8Array | string> {
  return z.custom<Uint8Array | string>(areBytes, { error: 'Invalid input: expected a Uint8Array or base64 text' }).meta({ postgres: 'bytea' })
}

function isInet(value: unknown): boolean {
  return typeof value === 'string' && isInternetAddress(value)
}
ownTypes.set(isInet, 'inet')

/** An IPv4 or IPv6 address, with or without `/bits`, stored as `inet`. */
export function inet(): z.ZodCustom<string, string> {
  return z.custom<string>(isInet, { error: 'Invalid input: expected an IPv4 or IPv6 address' }).meta({ postgres: 'inet' })
}

import type { ValuePlace } from '../definitions/io-manager.ts'
import { DataError } from '../errors.ts'

/** What a value is of, in words. */
export function wordsOf({ asset, partition }: ValuePlace): string {
  return partition === undefined ? asset : `the partition ${partition} of ${asset}`
}

/**
 * The error of an I/O manager that has no value.
 * @param where what is not there
 * @param check what else may be wrong, as an order
 */
export function valueMissing(place: ValuePlace, where: string, check?: string): DataError {
  return new DataError(`There is no stored value of ${wordsOf(place)}: ${where}.`, {
    code: 'VALUE_MISSING',
    hint: `Materialize ${wordsOf(place)} first${check === undefined ? '' : `, and ${check}`}.`,
  })
}

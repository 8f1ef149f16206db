import { relative } from 'node:path'
import type { StoredError } from '../errors.ts'
import { framePlace } from '../workers/place-of-error.ts'
import { describeError } from './report-error.ts'

/** The error of a step as lines for a person, with the place in his code that it came from. */
export function describeFailure(error: StoredError): string {
  const place = placeOf(error.stack ?? '')
  return `${describeError(error)}${place === undefined ? '' : `\n  at ${place}`}`
}

/** The innermost of a user's lines, as `pipelines/shop/orders.ts:12:9`. */
function placeOf(stack: string): string | undefined {
  const place = framePlace(stack)
  if (place === undefined) return undefined
  const below = relative(process.cwd(), place.file)
  return `${below.startsWith('..') ? place.file : below}:${String(place.line)}:${String(place.column)}`
}

import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StoredError } from '../errors.ts'
import { describeError } from './report-error.ts'

const ownFolder = fileURLToPath(new URL('../../', import.meta.url))
/** Code of this package; a checkout's `pipelines` are its user's. */
const own = ['src', 'dist'].map((folder) => `${ownFolder}${folder}${sep}`)

/** The error of a step as lines for a person, with the place in his code that it came from. */
export function describeFailure(error: StoredError): string {
  const place = placeOf(error.stack ?? '')
  return `${describeError(error)}${place === undefined ? '' : `\n  at ${place}`}`
}

/** The innermost frame that is neither of Node.js nor of a package, as `pipelines/shop/orders.ts:12:9`. */
function placeOf(stack: string): string | undefined {
  for (const [, file = '', at = ''] of stack.matchAll(/^ {1,8}at (?:[^(\n]{0,300}\()?(?:file:\/\/)?(\/[^\n]{1,1000}?)(:\d{1,9}:\d{1,9})\)?$/gm)) {
    if (/\/node_modules\//.test(file) || own.some((folder) => file.startsWith(folder))) continue
    const below = relative(process.cwd(), file)
    return `${below.startsWith('..') ? file : below}${at}`
  }
  return undefined
}

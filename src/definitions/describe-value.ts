import { redactText } from '../redact.ts'

/** An object that is no list. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

const longest = 60

const sorts: Readonly<Record<string, string>> = {
  table: 'table',
  sql: 'SQL asset',
  function: 'asset',
  external: 'external asset',
  multi: 'function of several assets',
  op: 'op',
  graph: 'graph',
  job: 'job',
  schedule: 'schedule',
  sensor: 'sensor',
  hook: 'hook',
  location: 'location',
}

/** A value that is not what it should be, as an error calls it, and a question that may help. Secrets are left out. */
export function describeValue(value: unknown): { readonly text: string; readonly question?: string } {
  if (typeof value === 'string') return { text: textOf(value) }
  if (typeof value === 'bigint') return { text: `the bigint ${String(value)}` }
  const defined = definedAs(value)
  if (defined !== undefined) return { text: defined }
  if (typeof value === 'function') return { text: 'a function', question: ' Is it to be called?' }
  if (value instanceof Promise) return { text: 'a promise', question: ' Is it to be awaited?' }
  if (typeof value !== 'object' || value === null) return { text: String(value) }
  if (Array.isArray(value)) return { text: value.length === 0 ? 'an empty list' : 'a list' }
  if ('_zod' in value) return { text: 'a zod schema' }
  const { constructor: made } = value
  return { text: typeof made !== 'function' || made === Object || made.name === '' ? 'a plain object' : `an object of the class ${made.name}` }
}

function textOf(value: string): string {
  const shown = redactText(value)
  return `the text ${JSON.stringify(shown.length <= longest ? shown : `${shown.slice(0, longest - 1).toWellFormed()}…`)}`
}

/** What a definer answered: `the table shop/orders`. */
function definedAs(value: unknown): string | undefined {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || !('kind' in value)) return undefined
  const sort = typeof value.kind === 'string' && Object.hasOwn(sorts, value.kind) ? sorts[value.kind] : undefined
  const name = nameOf(value) ?? nameOf('spec' in value ? value.spec : undefined) ?? nameOf('definition' in value ? value.definition : undefined)
  return sort === undefined || name === undefined ? undefined : `the ${sort} ${name}`
}

function nameOf(value: unknown): string | undefined {
  if (!isObject(value)) return undefined
  const name = value['key'] ?? value['name']
  return typeof name === 'string' ? name : undefined
}

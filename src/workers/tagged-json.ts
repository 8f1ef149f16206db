/** What JSON cannot say, as it lies in a page of records. */
const tag = '$millrace:value'

/** Stands for a record that could not be written down, so that it is kept as a bad one and the others of its page are read. */
export class UnwritableRecord {
  readonly message: string
  constructor(message: string) {
    this.message = message
  }
}

/**
 * Records as a page of JSON. What JSON cannot say is tagged, so that a transform is handed what was yielded: dates, bigints, bytes, -0, NaN and
 * infinities. What has no meaning as data (functions, symbols, maps) comes as a symbol, which no column takes. A record that cannot be
 * written down at all (in a circle, with a getter that throws) is an `UnwritableRecord`.
 */
export function pageOfRecords(records: readonly unknown[]): { readonly body: string; readonly tagged: boolean } {
  try {
    return stringify(records)
  } catch {
    // One of them; each by itself says which.
    const parts = records.map((record) => {
      try {
        return stringify([record])
      } catch (error) {
        return stringify([new UnwritableRecord(whyNot(error))])
      }
    })
    return { body: `[${parts.map(({ body }) => body.slice(1, -1)).join(',')}]`, tagged: parts.some((part) => part.tagged) }
  }
}

function whyNot(error: unknown): string {
  if (error instanceof RangeError) return 'nests too deep to be written as JSON'
  const said = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
  return `cannot be written as JSON: ${said}`
}

function stringify(records: readonly unknown[]): { readonly body: string; readonly tagged: boolean } {
  let tagged = false
  const as = (kind: string, value: unknown): unknown => {
    tagged = true
    return { [tag]: [kind, value] }
  }
  const body = JSON.stringify(records, function (this: Readonly<Record<string, unknown>>, key, value: unknown) {
    if (typeof value === 'string') {
      // A Date is text by now; only its holder still has it.
      const original = this[key]
      return original instanceof Date ? as('date', value) : value
    }
    if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0) ? value : as('number', Object.is(value, -0) ? '-0' : String(value))
    if (typeof value === 'object') return taggedObject(as, this[key], value)
    if (typeof value === 'bigint') return as('bigint', value.toString())
    return typeof value === 'function' || typeof value === 'symbol' ? as('nothing', `a ${typeof value}`) : value
  })
  return { body, tagged }
}

function taggedObject(as: (kind: string, value: unknown) => unknown, original: unknown, value: object | null): unknown {
  if (value === null) return original instanceof Date ? as('date', null) : null
  // A Buffer's toJSON ran before this.
  if (original instanceof Uint8Array) return as('bytes', Buffer.from(original.buffer, original.byteOffset, original.byteLength).toString('base64'))
  if (value instanceof UnwritableRecord) return as('unwritable', value.message)
  if (value instanceof Map || value instanceof Set) return as('nothing', `a ${value.constructor.name}`)
  // Somebody's own record with our key: it must come back as it was.
  return Object.hasOwn(value, tag) ? as('entries', Object.entries(value)) : value
}

/** Turns what `pageOfRecords` tagged back. What was handed in stays as it is: it is what quarantine keeps. */
export function untag(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(untag)
  if (Object.hasOwn(value, tag)) {
    const [kind, inside] = (value as Readonly<Record<string, unknown>>)[tag] as [string, unknown]
    return ofTag(kind, inside)
  }
  return untagFields(Object.entries(value))
}

function untagFields(fields: readonly (readonly [string, unknown])[]): unknown {
  return Object.fromEntries(fields.map(([key, one]) => [key, untag(one)]))
}

function ofTag(kind: string, value: unknown): unknown {
  switch (kind) {
    case 'date':
      return new Date(typeof value === 'string' ? value : Number.NaN)
    case 'number':
      return Number(value)
    case 'bigint':
      return BigInt(String(value))
    case 'bytes':
      return Buffer.from(String(value), 'base64')
    case 'nothing':
      return Symbol(String(value))
    case 'unwritable':
      return new UnwritableRecord(String(value))
    default:
      return untagFields(value as [string, unknown][])
  }
}

import * as z from 'zod'
import type { CellWriter } from './cell-writer.ts'
import { json } from './json.ts'

/** Whether a schema is `z.json()`, which zod builds from its own parts: a lazy union whose array holds the union again. */
export function isJsonSchema(schema: z.core.$ZodType): boolean {
  if (!(schema instanceof z.ZodLazy)) return false
  const union = schema._zod.innerType
  if (!(union instanceof z.ZodUnion) || union.def.options.length !== 6) return false
  const [text, number, boolean, none, list, record] = union.def.options
  return (
    text instanceof z.ZodString &&
    number instanceof z.ZodNumber &&
    boolean instanceof z.ZodBoolean &&
    none instanceof z.ZodNull &&
    list instanceof z.ZodArray &&
    list.def.element === schema &&
    record instanceof z.ZodRecord &&
    record.def.valueType === schema
  )
}

// Deeper than jsonb may nest; stops before the stack ends.
const deepest = 1001

function isPlainJson(value: unknown, depth = 0): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || depth > deepest) return false
  if (Array.isArray(value)) return value.every((one) => isPlainJson(one, depth + 1))
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every((one) => isPlainJson(one, depth + 1))
}

const written = json(true)

/** What `z.json()` takes. */
export const plainJson: CellWriter = { ...written, write: (sink, value) => isPlainJson(value) && written.write(sink, value) }

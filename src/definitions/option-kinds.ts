import * as z from 'zod'
import { isObject } from './describe-value.ts'
import { orList } from './known-instead.ts'
import type { Kind } from './option-shape.ts'

/** A kind of values by what must be true of one. @param wanted as it goes on after "must be" */
export const aKind = (wanted: string, is: (value: unknown) => boolean): Kind => ({
  wanted,
  wrongIn: (value, at) => (is(value) ? undefined : { at, wanted, value }),
})

export const aText = (example?: string): Kind => aKind(example === undefined ? 'a text' : `a text, as '${example}'`, (value) => typeof value === 'string')
export const trueOrFalse: Kind = aKind('true or false', (value) => typeof value === 'boolean')
export const aNumber: Kind = aKind('a number', (value) => typeof value === 'number' && !Number.isNaN(value))

/** Timers of JavaScript take no more; what is longer they take for nothing. */
const longestMs = 2 ** 31
/** How long something may take. */
export const milliseconds: Kind = aKind(
  'a number of milliseconds, above 0 and at most 24 days (2147483647)',
  (value) => typeof value === 'number' && value > 0 && value < longestMs,
)

/** What a definer answers, by the kinds that it may be. Ops and graphs are functions. */
export const aDefinition = (wanted: string, ...kinds: readonly string[]): Kind =>
  aKind(
    wanted,
    (value) => (typeof value === 'object' || typeof value === 'function') && value !== null && 'kind' in value && kinds.some((one) => one === value.kind),
  )

/** @param example `({ inputs }) => …` */
export const aFunction = (example: string): Kind => aKind(`a function, as ${example}`, (value) => typeof value === 'function')

/** An object whose parts are looked at by who reads it. @param example `{ retries: 2 }` */
export const anObject = (example: string): Kind => aKind(`an object, as ${example}`, (value) => isObject(value) && !isSchema(value))

export const oneOf = (...values: readonly (string | boolean)[]): Kind =>
  aKind(orList(values.map((one) => (typeof one === 'string' ? `'${one}'` : String(one)))), (value) => values.some((one) => one === value))

/** What one or the other kind takes. */
export const either = (one: Kind, other: Kind): Kind =>
  aKind(`${one.wanted}, or ${other.wanted}`, (value) => [one, other].some(({ wrongIn }) => wrongIn(value, '') === undefined))

/** The same, whose errors do not repeat a text: somebody may have put a password or a token there. */
export const hidingTexts = ({ wanted, wrongIn }: Kind): Kind => ({
  wanted,
  wrongIn(value, at) {
    const wrong = wrongIn(value, at)
    return wrong === undefined ? undefined : { ...wrong, hidden: true }
  },
})

/** What a zod schema takes. */
export const fitting = (schema: z.ZodType, wanted: string): Kind => aKind(wanted, (value) => schema.safeParse(value).success)

/** Anything: who reads it says what is wrong with it. */
export const anything = (wanted: string): Kind => aKind(wanted, () => true)

const isSchema = (value: unknown): boolean => value instanceof z.core.$ZodType

export const aSchema: Kind = aKind('a zod schema, as z.object({ limit: z.int() })', isSchema)
export const anObjectSchema: Kind = aKind('a z.object(…), as z.object({ id: z.int() })', (value) => value instanceof z.ZodObject)

/** @param wanted as `a list of texts, as ['id']` */
export const listOf = (one: Kind, wanted: string): Kind => ({
  wanted,
  wrongIn: (value, at) => (Array.isArray(value) ? itemIn(value, one, at) : { at, wanted, value }),
})

const itemIn = (items: readonly unknown[], one: Kind, at: string) =>
  firstWrong(
    items.map((value, index) => [`${at}[${String(index)}]`, value] as const),
    one,
  )

/** One, or several in a list. */
export const oneOrListOf = (one: Kind, wanted: string): Kind => ({
  wanted,
  wrongIn(value, at) {
    if (Array.isArray(value)) return itemIn(value, one, at)
    return one.wrongIn(value, at) === undefined ? undefined : { at, wanted, value }
  },
})

/** Values by name. @param wanted as `an object of texts, as { team: 'data' }` */
export const recordOf = (one: Kind, wanted: string): Kind => ({
  wanted,
  wrongIn: (value, at) =>
    isObject(value) && !isSchema(value)
      ? firstWrong(
          Object.entries(value).map(([name, part]) => [at === '' ? name : `${at}.${name}`, part] as const),
          one,
        )
      : { at, wanted, value },
})

function firstWrong(parts: readonly (readonly [at: string, value: unknown])[], one: Kind) {
  for (const [at, value] of parts) {
    const wrong = one.wrongIn(value, at)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

export const texts = (example: string): Kind => listOf(aText(), `a list of texts, as ['${example}']`)
export const textOrTexts = (example: string): Kind => oneOrListOf(aText(), `a text, or a list of texts, as '${example}'`)
export const textsByName = (example: string): Kind => recordOf(aText(), `an object of texts, as ${example}`)
export const schemasByName: Kind = recordOf(aSchema, 'an object of zod schemas, as { id: z.int() }')
export const jsonObject: Kind = fitting(z.record(z.string(), z.json()), 'an object of JSON, as { limit: 10 }')

import * as z from 'zod'
import { DefinitionError } from './definition-error.ts'
import { aKind, anything, aText, fitting, hidingTexts } from './option-kinds.ts'
import { named, refuseWrong, refuseWrongValue, required } from './option-shape.ts'
import type { Kind, OptionShape } from './option-shape.ts'

/** The name of a variable whose value is read, where it is needed, from the environment of the process that needs it. */
export const FromEnv = z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable’s name has letters, digits and _') })
export type FromEnv = z.infer<typeof FromEnv>

const aVariable = aKind("the name of a variable, as 'FINANCE_DATABASE_URL'", (value) => typeof value === 'string')

/** A setting that stands in no file and no manifest: only the variable’s name does. @throws DefinitionError for what is no text */
export function fromEnv(variable: string): FromEnv {
  refuseWrongValue('What fromEnv() is handed', variable, aVariable)
  return { env: variable }
}

/** What the destination is called that assets have unless they name another. */
export const defaultDestination = 'default'

/** A destination as data: what the manifest and the steps carry. No value of a variable is in it. */
export const DestinationSpec = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,39}$/, 'a destination’s name begins with a small letter and has at most 40 small letters, digits, _ or -')
    .refine((name) => name !== defaultDestination, '“default” is the one that assets have when they name none'),
  /** `postgres://…`, of a Postgres of version 14 or newer; `sslmode` in it is honoured. */
  url: FromEnv,
  /** The path of a PEM file with the certificates that the server’s is checked against. */
  caFile: FromEnv.optional(),
})
export type DestinationSpec = z.infer<typeof DestinationSpec>

// Said below, and without what was given: it may be a secret.
const setting = anything("fromEnv('FINANCE_DATABASE_URL')")
const shape: OptionShape<DestinationSpec> = { name: required(aText('finance')), url: required(setting), caFile: setting }

export const destinationKind: Kind = hidingTexts(fitting(DestinationSpec, "what destination({ name, url: fromEnv('…') }) answers"))

/**
 * Declares a Postgres database that assets may be stored in, besides the one of DESTINATION_URL.
 * @throws DefinitionError when the name or a variable’s name cannot be, or a value stands where a variable’s name should
 */
export function destination(options: DestinationSpec): DestinationSpec {
  refuseWrong(named('destination', options, 'name'), options, shape)
  const parsed = DestinationSpec.safeParse(options)
  if (parsed.success) return parsed.data
  const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`).join('; ')
  throw new DefinitionError(`This destination cannot be: ${wrong}. It is declared as destination({ name: 'finance', url: fromEnv('FINANCE_DATABASE_URL') }).`)
}

import * as z from 'zod'
import { DefinitionError } from './definition-error.ts'
import { refuseUnknown } from './known-options.ts'

/** The name of a variable whose value is read, where it is needed, from the environment of the process that needs it. */
export const FromEnv = z.strictObject({ env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable’s name has letters, digits and _') })
export type FromEnv = z.infer<typeof FromEnv>

/** A setting that stands in no file and no manifest: only the variable’s name does. */
export function fromEnv(variable: string): FromEnv {
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

/**
 * Declares a Postgres database that assets may be stored in, besides the one of DESTINATION_URL.
 * @throws DefinitionError when the name or a variable’s name cannot be, or a value stands where a variable’s name should
 */
export function destination(options: DestinationSpec): DestinationSpec {
  refuseUnknown(`The destination ${options.name}`, options, DestinationSpec.shape)
  const parsed = DestinationSpec.safeParse(options)
  if (parsed.success) return parsed.data
  const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`).join('; ')
  throw new DefinitionError(`This destination cannot be: ${wrong}. It is declared as destination({ name: 'finance', url: fromEnv('FINANCE_DATABASE_URL') }).`)
}

import * as z from 'zod'
import type { Json } from '../definitions/json.ts'
import { PipesMetadata } from './metadata.ts'
import { parsePythonJson } from './parse-json.ts'
import { issuesOf } from '../definitions/issues.ts'

/** The version of the protocol that is spoken here. */
export const protocolVersion = '0.1'
export const versionField = '__dagster_pipes_version'

/** An exception as a script reports it, with what caused it. */
export interface PipesException {
  readonly message: string
  readonly stack: readonly string[]
  readonly name?: string | null | undefined
  readonly cause?: PipesException | null | undefined
  readonly context?: PipesException | null | undefined
}

const PipesException: z.ZodType<PipesException> = z.lazy(() =>
  z.object({
    message: z.string(),
    stack: z.array(z.string()),
    name: z.string().nullish(),
    cause: PipesException.nullish(),
    context: PipesException.nullish(),
  }),
)

const metadata = PipesMetadata.nullish().transform((given) => given ?? {})

/** The parameters of each method. */
const methods = {
  opened: z.object({}).nullish(),
  closed: z.object({ exception: PipesException.nullish() }).nullish(),
  log: z.object({ message: z.string(), level: z.string() }),
  report_asset_materialization: z.object({ asset_key: z.string(), data_version: z.string().nullish(), metadata }),
  report_asset_check: z.object({
    asset_key: z.string(),
    check_name: z.string(),
    passed: z.boolean(),
    severity: z.enum(['WARN', 'ERROR']).default('ERROR'),
    metadata,
  }),
  report_custom_message: z.object({ payload: z.custom<Json>().optional() }),
  log_external_stream: z.object({ stream: z.string(), text: z.string() }),
}

type Methods = typeof methods

export type PipesMessage = { [Method in keyof Methods]: { readonly method: Method; readonly params: z.output<Methods[Method]> } }[keyof Methods]

/** What a line of the message channel is. */
export type ParsedLine =
  | { readonly kind: 'message'; readonly message: PipesMessage; readonly version: string }
  | { readonly kind: 'unknown method'; readonly method: string; readonly version: string }
  | { readonly kind: 'nonsense'; readonly reason: string }

const Envelope = z.object({ [versionField]: z.string(), method: z.string(), params: z.unknown() })

export function parseMessage(text: string): ParsedLine {
  let json: Json
  try {
    json = parsePythonJson(text)
  } catch {
    return { kind: 'nonsense', reason: 'it is not JSON' }
  }
  const envelope = Envelope.safeParse(json)
  if (!envelope.success) return { kind: 'nonsense', reason: `it has no \`${versionField}\` and \`method\`` }
  const { [versionField]: version, method, params } = envelope.data
  if (!isKnown(method)) return { kind: 'unknown method', method, version }
  const parsed = methods[method].safeParse(params)
  if (!parsed.success) return { kind: 'nonsense', reason: `the parameters of \`${method}\` are wrong: ${issuesOf(parsed.error)}` }
  return { kind: 'message', message: { method, params: parsed.data } as PipesMessage, version }
}

const isKnown = (method: string): method is keyof Methods => Object.hasOwn(methods, method)

/** Whether a script speaks a later version than we do. */
export function isNewer(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [ourMajor = 0, ourMinor = 0] = protocolVersion.split('.').map(Number)
  return major > ourMajor || (major === ourMajor && minor > ourMinor)
}

import * as z from 'zod'
import { isSecretKey } from '../redact.ts'
import type { Asset } from './assets.ts'

const FieldSchema = z.looseObject({
  type: z.string().optional().catch(undefined),
  format: z.string().optional().catch(undefined),
  title: z.string().optional().catch(undefined),
  description: z.string().optional().catch(undefined),
  default: z.json().optional(),
  enum: z.array(z.json()).optional().catch(undefined),
})
const ObjectSchema = z.looseObject({
  properties: z.record(z.string(), FieldSchema).catch({}),
  required: z.array(z.string()).catch([]),
})
type JsonValue = z.output<ReturnType<typeof z.json>>

/** One setting of a run, as a form asks for it. */
export interface ConfigField {
  readonly name: string
  readonly label: string
  readonly description: string | null
  readonly kind: 'text' | 'url' | 'secret' | 'integer' | 'number' | 'boolean' | 'choice' | 'json'
  readonly required: boolean
  /** What the form shows before anybody typed. */
  readonly initial: string
  readonly choices: readonly string[]
}

/** The fields of the chosen assets' configurations, merged as a run's configuration is. */
export function configFields(assets: readonly Pick<Asset, 'configSchema'>[]): ConfigField[] {
  const fields = new Map<string, ConfigField>()
  for (const { configSchema } of assets) {
    const schema = ObjectSchema.safeParse(configSchema)
    if (!schema.success) continue
    for (const [name, field] of Object.entries(schema.data.properties)) {
      const known = fields.get(name)
      const required = (schema.data.required.includes(name) && field.default === undefined) || known?.required === true
      fields.set(name, {
        name,
        label: field.title ?? name,
        description: field.description ?? known?.description ?? null,
        kind: kindOf(name, field),
        required,
        initial: field.default === undefined ? '' : typeof field.default === 'string' ? field.default : JSON.stringify(field.default),
        choices: (field.enum ?? []).map((one) => (typeof one === 'string' ? one : JSON.stringify(one))),
      })
    }
  }
  return [...fields.values()]
}

function kindOf(name: string, field: z.output<typeof FieldSchema>): ConfigField['kind'] {
  if (field.enum !== undefined) return 'choice'
  if (field.type === 'boolean' || field.type === 'integer' || field.type === 'number') return field.type
  if (field.type === 'string') return isSecretKey(name) ? 'secret' : field.format === 'uri' ? 'url' : 'text'
  return 'json'
}

/** What was typed, as a run's configuration; `errors` by field. A field left empty is left out, so that its default holds. */
export function parseConfigForm(
  fields: readonly ConfigField[],
  typed: Readonly<Record<string, string | undefined>>,
): { readonly config: Record<string, JsonValue>; readonly errors: Record<string, string> } {
  const config: Record<string, JsonValue> = {}
  const errors: Record<string, string> = {}
  for (const field of fields) {
    const text = typed[field.name] ?? ''
    if (field.kind === 'boolean') config[field.name] = text === 'true'
    else if (text === '') {
      if (field.required) errors[field.name] = 'This setting is required.'
    } else if (field.kind === 'integer' || field.kind === 'number') {
      const value = Number(text)
      if (Number.isFinite(value) && (field.kind === 'number' || Number.isSafeInteger(value))) config[field.name] = value
      else errors[field.name] = field.kind === 'integer' ? 'This must be a whole number.' : 'This must be a number.'
    } else if (field.kind === 'json') {
      const parsed = parseJson(text)
      if (parsed === undefined) errors[field.name] = 'This must be JSON.'
      else config[field.name] = parsed
    } else config[field.name] = text
  }
  return { config, errors }
}

function parseJson(text: string): JsonValue | undefined {
  try {
    return z.json().parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/**
 * Takes the message of CONFIG_INVALID apart, which names each wrong setting first (`name: why`, `name of asset: why`), so that each reason
 * stands beside its field. Empty where no field is named.
 */
export function configErrors(fields: readonly ConfigField[], message: string): Record<string, string> {
  const errors: Record<string, string> = {}
  const reasons = message.replace(/^The run configuration does not fit\. /, '').split('; ')
  for (const { name } of fields) {
    const reason = reasons.find((one) => one.startsWith(name) && /^[\s:.]/.test(one.slice(name.length)))
    if (reason !== undefined) errors[name] = reason
  }
  return errors
}

import { DefinitionError } from './definition-error.ts'
import { aText, oneOf, trueOrFalse } from './option-kinds.ts'
import type { OptionShape } from './option-shape.ts'

export interface CheckOptions {
  /** Unique among the asset's checks. Default: made from what the check asks. */
  readonly name?: string
  /** A blocking check that fails keeps the load from being published, and what is downstream from running. Default true; false where `severity` is `warn`. */
  readonly blocking?: boolean
  /** How bad it is when it fails: `warn` is shown as a warning, and never blocks. Default `error`. */
  readonly severity?: 'warn' | 'error'
  readonly description?: string
}

export const checkShape: OptionShape<CheckOptions> = { name: aText('positive'), blocking: trueOrFalse, severity: oneOf('warn', 'error'), description: aText() }

export interface CheckSettings {
  name: string
  blocking: boolean
  severity?: 'warn'
  description?: string
}

const longestName = 200

/**
 * What all checks have in common.
 * @throws DefinitionError when the name is none, or a warning should block
 */
export function checkSettingsOf(options: CheckOptions, ownName: string): CheckSettings {
  const { name = ownName, severity = 'error', description } = options
  if (name === '' || name.length > longestName || /\p{Cc}/u.test(name)) {
    throw new DefinitionError(
      `${JSON.stringify(name.slice(0, 60))} cannot be the name of a check: it has 1 to ${String(longestName)} characters, none of them a control character. Give it one by \`name\`.`,
    )
  }
  if (severity === 'warn' && options.blocking === true) {
    throw new DefinitionError(`The check ${name} is blocking, and its severity is warn: a warning blocks nothing. Leave one of the two out.`)
  }
  return {
    name,
    blocking: options.blocking ?? severity === 'error',
    ...(severity === 'warn' ? { severity } : {}),
    ...(description === undefined ? {} : { description }),
  }
}

import { DefinitionError } from '../definition-error.ts'
import { Condition, withParts } from './condition.ts'
import { issuesOf } from '../issues.ts'

interface Automated {
  readonly key: string
  readonly deps: readonly string[]
  readonly automation?: Condition | undefined
}

/** @throws DefinitionError for a condition that is none, or that names what the asset does not hang on, or an asset that there is not */
export function checkAutomation({ key, deps, automation }: Automated, keys: ReadonlySet<string>, location: string): void {
  if (automation === undefined) return
  const parsed = Condition.safeParse(automation)
  if (!parsed.success)
    throw new DefinitionError(`The automation of ${key} is no condition: ${issuesOf(parsed.error)}. Use eager(), onCron(…), onMissing() or when.`)
  for (const part of withParts(parsed.data)) {
    if (part.kind === 'asset' && !keys.has(part.key))
      throw new DefinitionError(`The automation of ${key} names ${part.key}, which the location ${location} does not define.`)
    if (part.kind !== 'anyDeps' && part.kind !== 'allDeps') continue
    const unknown = [...(part.only ?? []), ...(part.ignore ?? [])].find((one) => !deps.includes(one))
    if (unknown !== undefined)
      throw new DefinitionError(
        `The automation of ${key} names ${unknown}, on which it does not hang. ${deps.length === 0 ? 'It hangs on nothing.' : `It hangs on ${deps.join(', ')}.`}`,
      )
  }
}

import { checkSettingsOf, checkShape } from './check-settings.ts'
import type { CheckOptions } from './check-settings.ts'
import type { CheckSpec } from './check-spec.ts'
import { refuseSameNames } from './checks-of.ts'
import { DefinitionError } from './definition-error.ts'
import type { JsonObject } from './json.ts'
import type { MetadataFields } from './metadata/fields.ts'
import { aFunction, aNumber, anObject, aText, listOf } from './option-kinds.ts'
import { named, refuseWrong, required } from './option-shape.ts'
import type { Kind, OptionShape } from './option-shape.ts'

/** What a check is handed. */
export interface CheckContext<Value = unknown> {
  /** What the asset's function answered, before it is stored. */
  readonly value: Value
  /** The asset's key. */
  readonly asset: string
  /** The partition that the value is of, where the asset has partitions. */
  readonly partition: string | undefined
  readonly runId: string
  /** Aborted when the check takes too long, and whenever its step is. Hand it to whatever waits. */
  readonly signal: AbortSignal
  /** Writes a line to the run's log. */
  readonly log: (message: string, fields?: JsonObject) => void
}

/** What a check answers. */
export interface CheckAnswer {
  readonly passed: boolean
  /** What was found. */
  readonly message?: string
  /** What is to be shown of it: what was expected, counts, examples, as plain JSON or values of `metadata.…`. At most 32 KiB of JSON are kept. */
  readonly metadata?: MetadataFields
}

export interface FunctionCheckOptions<Value> extends CheckOptions {
  readonly name: string
  /** Left out where the asset's function reports the result itself, by `output(value, { checks })`; where it does not, the check has failed. */
  readonly run?: ((context: CheckContext<Value>) => CheckAnswer | Promise<CheckAnswer>) | undefined
  /** The longest that it may take. Default one minute. */
  readonly timeoutMs?: number
}

const example = '({ value }) => ({ passed: value > 0 })'
const shape: OptionShape<FunctionCheckOptions<unknown>> = {
  ...checkShape,
  name: required(aText('positive')),
  run: aFunction(example),
  timeoutMs: aNumber,
}

/** Of a function asset. */
export const functionChecksKind: Kind = listOf(
  anObject(`{ name: 'positive', run: ${example} }`),
  `a list of checks, as [{ name: 'positive', run: ${example} }]`,
)

/** A check of a function asset, as the worker that runs it holds it. */
export interface FunctionCheck<Value = unknown> {
  readonly name: string
  readonly blocking: boolean
  readonly severity?: 'warn' | 'error'
  readonly description?: string
  readonly run: ((context: CheckContext<Value>) => CheckAnswer | Promise<CheckAnswer>) | undefined
  readonly timeoutMs: number
}

/** The result of a check that an asset's function made itself. Of one that the asset declares, the declaration says whether it blocks, and its severity. */
export interface CheckReport extends CheckAnswer {
  readonly name: string
  /** Default: as declared, else false. */
  readonly blocking?: boolean
  /** Default: as declared, else `error`. */
  readonly severity?: 'warn' | 'error'
}

const minute = 60_000

/**
 * A check of a function asset's value, by itself, for several assets: `check<number>({ … })`. Within `asset`, the options alone know the value's type.
 * @throws DefinitionError when its name is none, an option cannot be, its timeout is no time, or a warning should block
 */
export function check<Value = unknown>(options: FunctionCheckOptions<Value>): FunctionCheck<Value> {
  refuseWrong(named('check', options, 'name'), options, shape)
  const { run, timeoutMs = minute } = options
  const settings = checkSettingsOf(options, options.name)
  if (!(timeoutMs > 0 && timeoutMs < 2 ** 31)) throw new DefinitionError(`The check ${settings.name} wants a positive timeoutMs, in milliseconds.`)
  return { ...settings, run, timeoutMs }
}

/** A function asset's checks as its manifest has them. @throws DefinitionError where two have one name */
export function functionCheckSpecsOf({ key, checks }: { readonly key: string; readonly checks: readonly FunctionCheck<never>[] }): CheckSpec[] {
  refuseSameNames(key, checks)
  return checks.map((one) => {
    const { run: _, timeoutMs: __, ...settings } = one
    return { kind: 'function', ...settings }
  })
}

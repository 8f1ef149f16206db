import { refuseFailed } from '../definitions/check-outcome.ts'
import type { CheckOutcome } from '../definitions/check-outcome.ts'
import type { FunctionAsset, Inputs, Output } from '../definitions/function-asset.ts'
import type { JsonObject } from '../definitions/json.ts'
import type { Log } from '../definitions/log.ts'
import { storedMetadata } from '../definitions/metadata/fields.ts'
import type { MultiAsset } from '../definitions/multi-asset.ts'
import type { Partition } from '../definitions/partitions/partition.ts'
import { DataError, MillraceError } from '../errors.ts'
import type { CallFacts } from './call-function.ts'
import { checkValue } from './check-value.ts'
import { callUserCode } from './failure.ts'
import { parseConfig } from './parse-config.ts'
import { checkAnswer } from './run-checks.ts'
import type { StepSignal } from './step-signal.ts'

interface MultiCall {
  readonly inputs: Readonly<Record<string, unknown>>
  /** The names of the outputs that it is asked for. */
  readonly wanted: ReadonlySet<string>
  readonly partition: Partition | undefined
  /** Of the run: what its schema names of it is checked, and handed on. */
  readonly config: JsonObject
  readonly resources: Readonly<Record<string, unknown>>
  readonly stop: StepSignal
  readonly facts: CallFacts
}

/**
 * Calls a function of several assets.
 * @returns what it answered by the names of outputs; of what it left out there is nothing
 * @throws UserCodeError around what it throws, `CONFIG_INVALID` and `VALUE_INVALID` included
 */
export async function callMulti(
  multi: MultiAsset,
  { inputs, wanted, partition, config, resources, stop, facts }: MultiCall,
): Promise<ReadonlyMap<string, Output<unknown>>> {
  const { signal, until } = stop
  return until(() =>
    callUserCode(() =>
      multi.run({ inputs, wanted, partition, config: parseConfig(multi, config), resources, signal, ...facts } as unknown as Parameters<typeof multi.run>[0]),
    ),
  )
}

/** The inputs that assets of a function are made from. @param makes those that it is asked for */
export function neededInputs(multi: MultiAsset, makes: readonly string[]): Inputs {
  const made = Object.values(multi.assets).filter(({ key }) => !multi.subset || makes.includes(key))
  return Object.fromEntries(Object.entries(multi.inputs).filter(([name]) => made.some(({ inputs }) => name in inputs)))
}

/** The values of inputs, with an error in the place of each that was not loaded. */
export function withoutOthers(multi: MultiAsset, makes: readonly string[], loaded: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const values = { ...loaded }
  for (const name of Object.keys(multi.inputs)) {
    if (name in values) continue
    Object.defineProperty(values, name, {
      get() {
        throw new DataError(`The input ${name} of ${multi.key} was not loaded: nothing that it was asked for hangs on it.`, {
          code: 'INPUT_NOT_LOADED',
          hint: `It was asked for ${makes.join(', ')}. Name the input in the \`deps\` of the output that is made from it, or look at \`wanted\` first.`,
        })
      },
    })
  }
  return values
}

/** An answer that may be stored. */
export interface JudgedOutput {
  /** What the function calls it. */
  readonly output: string
  readonly asset: FunctionAsset
  readonly value: unknown
  readonly metadata: JsonObject
  readonly checks: readonly CheckOutcome[]
}

/**
 * Asks whether answers may be stored: their types, and their checks. All are asked before any is stored.
 * @throws DataError `VALUE_INVALID`, `METADATA_INVALID`; CheckFailedError
 */
export async function judgeAnswers(
  multi: MultiAsset,
  answers: ReadonlyMap<string, Output<unknown>>,
  { partition, runId, log }: { readonly partition: string | undefined; readonly runId: string; readonly log: Log },
  { signal, until }: StepSignal,
): Promise<JudgedOutput[]> {
  const outputs = [...answers].flatMap(([output, answer]) => {
    const asset = multi.assets[output]
    return asset === undefined ? [] : [{ output, asset, answer }]
  })
  const of = partition === undefined ? '' : ` for the partition ${partition}`
  for (const { asset, answer } of outputs) checkValue(asset, answer.value, `What ${multi.key} answered of ${asset.key}${of}`)
  const checks = await Promise.all(
    outputs.map(async ({ asset, answer }) => {
      const outcomes = await until(() => checkAnswer({ asset, partition, answer, runId, log, signal }))
      return outcomes.map((one) => ({ ...one, asset: asset.key }))
    }),
  )
  refuseFailed(multi.key, checks.flat(), 'Nothing was stored; the values from before stay. Mend the function, what it is handed or the check, and run again.')
  // What cannot be shown is said before anything is stored.
  return outputs.map(({ output, asset, answer }, at) => ({
    output,
    asset,
    value: answer.value,
    metadata: storedMetadata(asset.key, answer.metadata),
    checks: checks[at] ?? [],
  }))
}

export function multiTooLong({ key, timeoutMs }: MultiAsset): MillraceError {
  return new MillraceError(`The function of ${key} took longer than ${String(timeoutMs / 1000)} s.`, {
    code: 'STEP_TIMEOUT',
    retryable: true,
    hint: 'Raise its `timeoutMs`, or look what it waits for: hand `signal` to every request it makes.',
  })
}

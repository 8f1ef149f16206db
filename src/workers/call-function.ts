import { refuseFailed } from '../definitions/check-outcome.ts'
import type { CheckOutcome } from '../definitions/check-outcome.ts'
import type { FunctionAsset, Output } from '../definitions/function-asset.ts'
import type { JsonObject } from '../definitions/json.ts'
import type { Log } from '../definitions/log.ts'
import type { Observe } from '../definitions/observe.ts'
import { storedMetadata } from '../definitions/metadata/fields.ts'
import type { Partition } from '../definitions/partitions/partition.ts'
import type { Throttle } from '../definitions/rate-limit.ts'
import { MillraceError } from '../errors.ts'
import { checkValue } from './check-value.ts'
import { callUserCode } from './failure.ts'
import { parseConfig } from './parse-config.ts'
import { checkAnswer } from './run-checks.ts'
import type { CheckedValue } from './run-checks.ts'
import type { StepSignal } from './step-signal.ts'

/** What a function is told of its run. */
export interface CallFacts {
  readonly runId: string
  readonly runStartedAt: string
  readonly idempotencyKey: string
  readonly attempt: number
  readonly throttle: Throttle
  readonly log: Log
  readonly observe: Observe
}

interface FunctionCall {
  readonly inputs: Readonly<Record<string, unknown>>
  readonly partition: Partition | undefined
  /** Of the run: what the asset's schema names of it is checked, and handed on. */
  readonly config: JsonObject
  readonly resources: Readonly<Record<string, unknown>>
  readonly stop: StepSignal
  readonly facts: CallFacts
}

/**
 * Calls a function asset's function.
 * @throws UserCodeError around what it throws, `CONFIG_INVALID` included
 */
export async function callFunction(asset: FunctionAsset, { inputs, partition, config, resources, stop, facts }: FunctionCall): Promise<Output<unknown>> {
  const { signal, until } = stop
  return until(() =>
    callUserCode(() =>
      asset.run({
        inputs,
        partition,
        config: parseConfig(asset, config),
        resources,
        signal,
        assetKey: asset.key,
        codeVersion: asset.codeVersion,
        ...facts,
      } as Parameters<typeof asset.run>[0]),
    ),
  )
}

/**
 * Asks whether an answer may be stored: its type, and its checks.
 * @throws DataError `VALUE_INVALID`, `METADATA_INVALID`; CheckFailedError
 */
export async function judgeAnswer(
  checked: CheckedValue & { readonly asset: Pick<FunctionAsset, 'value'> },
  { until }: StepSignal,
): Promise<{ readonly checks: readonly CheckOutcome[]; readonly metadata: JsonObject }> {
  const { asset, answer, partition } = checked
  checkValue(asset, answer.value, `What ${asset.key} answered${partition === undefined ? '' : ` for the partition ${partition}`}`)
  const checks = await until(() => checkAnswer(checked))
  refuseFailed(asset.key, checks, 'Nothing was stored; the value from before stays. Mend the function, what it is handed or the check, and run again.')
  // What cannot be shown is said before anything is stored.
  return { checks, metadata: storedMetadata(asset.key, answer.metadata) }
}

export function functionTooLong({ key, timeoutMs }: FunctionAsset): MillraceError {
  return new MillraceError(`The function of ${key} took longer than ${String(timeoutMs / 1000)} s.`, {
    code: 'STEP_TIMEOUT',
    retryable: true,
    hint: 'Raise the asset’s `timeoutMs`, or look what it waits for: hand `signal` to every request it makes.',
  })
}

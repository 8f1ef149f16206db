import type { SeenAsset } from '../catalog/observations.ts'
import type { CheckOutcome } from '../definitions/check-outcome.ts'
import type { FunctionAsset } from '../definitions/function-asset.ts'
import type { JsonObject } from '../definitions/json.ts'
import { MillraceError } from '../errors.ts'
import type { TestHook } from './run-hooks.ts'
import type { RunState } from './run-state.ts'
import { stepOfKey, valueKey } from './run-state.ts'
import type { TestLine } from './test-log.ts'

/** What became of a step. */
export interface TestStep {
  /** As a run calls it: `visit`, `visit[north]`, `shop/forecast.sum`, `shop/forecast`. */
  readonly name: string
  /** `multi`: a function of several assets, which have a step each besides. */
  readonly kind: 'op' | 'function' | 'multi'
  /** `skipped`: something that it hangs on failed, or left out what it is handed. */
  readonly status: 'succeeded' | 'failed' | 'skipped'
  /** Attempts made; 0 where it was skipped, 1 where a function of several made it, whose own step counts. */
  readonly attempts: number
  /** What the last attempt threw; undefined where it did not fail. */
  readonly error: unknown
  /** Of an asset: what is shown with the materialization; of several partitions by their keys. Of an op: what is shown with the step. */
  readonly metadata: JsonObject
  readonly checks: readonly CheckOutcome[]
}

/** What became of a run. */
export interface TestRun {
  readonly status: 'succeeded' | 'failed'
  /** In the order in which they ended. */
  readonly steps: readonly TestStep[]
  /** The first that failed. */
  readonly failed: TestStep | undefined
  /** What steps that succeeded saw of assets. */
  readonly observations: readonly SeenAsset[]
  /** The hooks that the ends of steps, and then of the run, called, in this order. */
  readonly hooks: readonly TestHook[]
  readonly log: readonly TestLine[]
  /** @throws MillraceError `TEST_NO_STEP` where the run had no such step */
  readonly step: (name: string) => TestStep
  /**
   * What an asset's function, or an op, answered: one value, or of an op of several outputs, or a function of several assets, an object.
   * @throws MillraceError `TEST_NO_VALUE` where it answered nothing, with what failed as its cause
   */
  readonly value: ValueReader
}

interface ValueReader {
  <Value>(asset: FunctionAsset<Value>, partition?: string): Value
  (step: string, partition?: string): unknown
}

/** @returns what became of a run whose steps have ended */
export function testRunOf({ bed, ended, values, hooks }: RunState): TestRun {
  const steps = [...ended.values()].map(({ name, kind, status, attempts, error, metadata, checks }) => ({
    name,
    kind,
    status,
    attempts,
    error,
    metadata,
    checks,
  }))
  const failed = steps.find(({ status }) => status === 'failed')
  const step = (name: string): TestStep => {
    const found = steps.find((one) => one.name === name)
    if (found !== undefined) return found
    throw new MillraceError(`The run had no step ${name}.`, {
      code: 'TEST_NO_STEP',
      hint: `Its steps were: ${steps.map((one) => one.name).join(', ') || 'none'}.`,
    })
  }
  const value = (of: FunctionAsset | string, partition?: string): unknown => {
    const name = typeof of === 'string' ? of : of.key
    const key = valueKey(name, partition)
    if (values.has(key)) return values.get(key)
    throw noValue(step(name), partition, failed, partitionsOf(values, name))
  }
  return { status: failed === undefined ? 'succeeded' : 'failed', steps, failed, observations: bed.observed, hooks, log: bed.lines, step, value }
}

/** The partitions of a step of which there are values. */
const partitionsOf = (values: RunState['values'], step: string): string[] =>
  [...values.keys()].flatMap((key) => {
    const [name, partition] = stepOfKey(key)
    return name === step && partition !== undefined ? [partition] : []
  })

/** Says why there is no value, and what failed. @param made the partitions that have one */
export function noValue(
  { name, status }: Pick<TestStep, 'name' | 'status'>,
  partition: string | undefined,
  failed: TestStep | undefined,
  made: readonly string[] = [],
): MillraceError {
  const code = 'TEST_NO_VALUE'
  const cause = failed === undefined ? {} : { cause: failed.error }
  if (partition === undefined && made.length > 0) {
    return new MillraceError(`${name} has a value for each partition: say of which.`, { code, hint: `Those that were made: ${made.join(', ')}.`, ...cause })
  }
  const what = partition === undefined ? name : `The partition ${partition} of ${name}`
  const otherwise = status === 'skipped' ? 'it was skipped, because something that it is made from was left out' : 'it answered none'
  const why = failed === undefined ? otherwise : `${failed.name} failed: ${failed.error instanceof Error ? failed.error.message : String(failed.error)}`
  return new MillraceError(`${what} has no value: ${why}`, {
    code,
    ...(made.length === 0 ? {} : { hint: `Those that were made: ${made.join(', ')}.` }),
    ...cause,
  })
}

import type { CheckOutcome } from '../definitions/check-outcome.ts'
import { output } from '../definitions/function-asset.ts'
import type { FunctionCheck } from '../definitions/function-check.ts'
import { anything, aText } from '../definitions/option-kinds.ts'
import type { OptionShape } from '../definitions/option-shape.ts'
import { checkAnswer } from '../workers/run-checks.ts'
import { refuseWrong, testShape } from './refuse-wrong.ts'
import { withTestBed } from './test-bed.ts'
import type { TestOptions } from './test-bed.ts'
import type { TestLine } from './test-log.ts'

export interface CallCheckOptions<Value> extends Pick<TestOptions, 'signal'> {
  readonly value: Value
  /** The asset whose value it is, as the check is told. Default `asset`. */
  readonly asset?: string
  readonly partition?: string
}

const shape: OptionShape<Omit<CallCheckOptions<unknown>, 'value'>> = { asset: aText('shop/orders'), partition: aText('2026-01-01'), signal: testShape.signal }

/** The result of a check, with what it logged. */
export interface CheckCall extends CheckOutcome {
  readonly log: readonly TestLine[]
}

/** Asks a check of a function asset about a value. One that throws, takes too long or answers no result is a check that failed, as on a worker. @throws MillraceError `TEST_OPTIONS` */
export async function callCheck<Value>(check: FunctionCheck<Value>, options: CallCheckOptions<NoInfer<Value>>): Promise<CheckCall> {
  refuseWrong('callCheck()', options, { ...shape, value: anything('the value') })
  const { value, asset = 'asset', partition } = options
  return withTestBed(options, {}, async ({ runId, signal, logOf, lines }) => {
    const outcomes = await checkAnswer({ asset: { key: asset, checks: [check] }, partition, answer: output<unknown>(value), runId, log: logOf(asset), signal })
    const [outcome] = outcomes
    if (outcome === undefined) throw new TypeError(`The check ${check.name} has no result.`)
    return { ...outcome, log: lines }
  })
}

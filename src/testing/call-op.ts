import type { SeenAsset } from '../catalog/observations.ts'
import type { JsonObject } from '../definitions/json.ts'
import { graphOfOne } from '../definitions/ops/job.ts'
import type { Op } from '../definitions/ops/op.ts'
import type { ValueOf } from '../definitions/ops/graph-asset.ts'
import type { Schemas } from '../definitions/ops/op-definition.ts'
import { MillraceError } from '../errors.ts'
import { opShape, refuseOther, refuseWrong } from './refuse-wrong.ts'
import { runPlan } from './run-plan.ts'
import type { GivenInputs, OpPartitionOptions } from './run-plan.ts'
import type { TestOptions } from './test-bed.ts'
import type { TestLine } from './test-log.ts'

export interface OpCall<Value> {
  /** What the op answered: one value, or of an op of several outputs an object. */
  readonly value: Value
  readonly metadata: JsonObject
  /** What it saw of assets. */
  readonly observations: readonly SeenAsset[]
  readonly log: readonly TestLine[]
}

/**
 * Calls an op once, between the questions for the types of its inputs and outputs.
 * @throws what its function throws; DataError `INPUT_INVALID`, `OUTPUT_INVALID`, `VALUE_NOT_JSON`; MillraceError `CONFIG_INVALID`, `STEP_TIMEOUT`,
 *   `TEST_INPUTS`, `TEST_OPTIONS`, `TEST_UNKNOWN_RESOURCE`, `UNKNOWN_PARTITION`
 */
export async function callOp<I extends Schemas, Out>(
  op: Op<I, Out>,
  given: TestOptions & OpPartitionOptions & { readonly inputs?: GivenInputs<I> } = {},
): Promise<OpCall<ValueOf<Out>>> {
  refuseOther('callOp()', op, 'an op, as op({ … }) answers it', 'op')
  refuseWrong('callOp()', given, opShape)
  const { inputs = {}, ...options } = given
  const { name, inputs: known } = op.definition
  const unknown = Object.keys(inputs).find((one) => !(one in known))
  if (unknown !== undefined) {
    throw new MillraceError(`The op ${name} has no input ${unknown}.`, {
      code: 'TEST_INPUTS',
      hint: `Its inputs are: ${Object.keys(known).join(', ') || 'none'}.`,
    })
  }
  const { plan } = graphOfOne(op)
  // The op itself is asked for the types, as where a step before it hands on what does not fit; it is tried once, and calls no hook.
  const constants = Object.fromEntries(Object.entries(inputs).map(([one, value]) => [one, { kind: 'constant', value } as const]))
  const steps = plan.steps.map((step) => ({ ...step, inputs: constants, op: { ...step.op, hooks: { succeeded: [], failed: [] }, retry: { retries: 0 } } }))
  const run = await runPlan({ ...plan, steps }, options)
  if (run.failed !== undefined) throw run.failed.error
  return { value: run.value(name) as ValueOf<Out>, metadata: run.step(name).metadata, observations: run.observations, log: run.log }
}

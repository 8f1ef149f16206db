import { bindInputs } from '../definitions/ops/bind-inputs.ts'
import type { Graph } from '../definitions/ops/graph.ts'
import type { ValueOf } from '../definitions/ops/graph-asset.ts'
import type { Schemas } from '../definitions/ops/op-definition.ts'
import { opShape, refuseOther, refuseWrong } from './refuse-wrong.ts'
import { runPlan } from './run-plan.ts'
import type { GivenInputs, GraphRun, OpPartitionOptions } from './run-plan.ts'
import type { TestOptions } from './test-bed.ts'

/**
 * Runs a graph in this process, with no queue and no database: its steps one after the other, upstream before downstream, with the checks, the retries and
 * the errors of a worker, but without waiting. A step that fails does not reject: the answer tells.
 * @throws DefinitionError for inputs that do not fit; MillraceError `CONFIG_INVALID`, `TEST_OPTIONS`, `TEST_UNKNOWN_RESOURCE`, `UNKNOWN_PARTITION`
 */
export async function runGraph<I extends Schemas, Answer>(
  graph: Graph<I, Answer>,
  given: TestOptions & OpPartitionOptions & { readonly inputs?: GivenInputs<I> } = {},
): Promise<GraphRun<ValueOf<Answer>>> {
  refuseOther('runGraph()', graph, 'a graph, as graph({ … }) answers it', 'graph')
  refuseWrong('runGraph()', given, opShape)
  const { inputs = {}, ...options } = given
  return runPlan(bindInputs(graph.definition, inputs, 'The test'), options, { inputs })
}

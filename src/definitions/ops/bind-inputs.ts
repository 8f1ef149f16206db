import { DefinitionError } from '../definition-error.ts'
import type { GraphDefinition } from './graph.ts'
import { leavesOf } from './plan.ts'
import type { Binding, GraphPlan } from './plan.ts'

/**
 * A graph's plan with values in the place of its inputs.
 * @throws DefinitionError when one is missing, not known, or not as its type says
 */
export function bindInputs({ name, inputs, plan }: GraphDefinition, given: Readonly<Record<string, unknown>>, what: string): GraphPlan {
  const unknown = Object.keys(given).find((input) => !(input in inputs))
  if (unknown !== undefined)
    throw new DefinitionError(`${what} hands the graph ${name} ${unknown}, which is none of its inputs: ${Object.keys(inputs).join(', ') || 'it has none'}.`)
  for (const [input, schema] of Object.entries(inputs)) {
    const parsed = schema.safeParse(given[input])
    if (!parsed.success) {
      throw new DefinitionError(`${what} does not hand the graph ${name} a right ${input}: ${parsed.error.issues.map(({ message }) => message).join('; ')}.`)
    }
  }
  const bound = (binding: Binding): Binding => {
    if (binding.kind === 'input') return { kind: 'constant', value: given[binding.name] }
    return binding.kind === 'list' ? { kind: 'list', of: binding.of.map(bound) } : binding
  }
  if (
    !plan.steps.some((step) =>
      Object.values(step.inputs)
        .flatMap(leavesOf)
        .some(({ kind }) => kind === 'input'),
    )
  )
    return plan
  return {
    ...plan,
    steps: plan.steps.map((step) => ({ ...step, inputs: Object.fromEntries(Object.entries(step.inputs).map(([input, binding]) => [input, bound(binding)])) })),
  }
}

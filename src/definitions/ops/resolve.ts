import { onlyOutput } from './op-definition.ts'
import type { Schemas } from './op-definition.ts'
import { leavesOf } from './plan.ts'
import type { Binding, GraphPlan, OpStep } from './plan.ts'

/** Values that bindings stand for. Undefined: it was left out. */
interface Values {
  readonly output: (step: string, output: string) => unknown
  readonly item: () => unknown
  /** In the order of the items, those that were left out too. */
  readonly collected: (step: string, output: string) => readonly unknown[]
  readonly input: (name: string) => unknown
}

/** The value that a binding stands for. */
export function resolve(binding: Binding, values: Values): unknown {
  switch (binding.kind) {
    case 'constant':
      return binding.value
    case 'output':
      return values.output(binding.step, binding.output)
    case 'item':
      return values.item()
    case 'collect':
      return values.collected(binding.step, binding.output).filter((one) => one !== undefined)
    case 'list':
      return binding.of.map((one) => resolve(one, values))
    case 'input':
      break
  }
  return values.input(binding.name)
}

/** What an op's function answered, by the names of its outputs; what is undefined was left out. */
export function outputsOf({ op }: Pick<OpStep, 'op'>, answered: unknown): Readonly<Record<string, unknown>> {
  if (op.single) return { [onlyOutput]: answered }
  return typeof answered === 'object' && answered !== null ? { ...answered } : {}
}

/** Types of an op's outputs that it may leave out. */
export function mayBeLeftOut(outputs: Schemas, name: string): boolean {
  return outputs[name]?.safeParse(undefined).success === true
}

/** Steps that are handed one of the outputs of a step that it left out. */
export function handedLeftOut(plan: GraphPlan, step: string, leftOut: readonly string[]): readonly OpStep[] {
  if (leftOut.length === 0) return []
  const isLeftOut = (leaf: Binding): boolean => {
    if (leaf.kind === 'output') return leaf.step === step && leftOut.includes(leaf.output)
    if (leaf.kind !== 'item' && leaf.kind !== 'collect') return false
    const mapping = plan.maps.find(({ id }) => id === leaf.map)
    return mapping?.step === step && leftOut.includes(mapping.output)
  }
  return plan.steps.filter(({ inputs }) => Object.values(inputs).flatMap(leavesOf).some(isLeftOut))
}

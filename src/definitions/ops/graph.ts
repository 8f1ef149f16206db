import type * as z from 'zod'
import { aFunction, aText, schemasByName } from '../option-kinds.ts'
import { named, refuseWrong, refuseWrongValue, required } from '../option-shape.ts'
import type { OptionShape } from '../option-shape.ts'
import { composeGraph, composeWithin, inputRef, passOn } from './composition.ts'
import { checkName, givenKind } from './op.ts'
import type { GivenOf } from './op.ts'
import type { Schemas } from './op-definition.ts'
import type { GraphPlan } from './plan.ts'
import type { Ref, Refs } from './ref.ts'

/** The inputs of a graph, as it hands them to its steps. */
type InputRefs<I extends Schemas> = { readonly [Name in keyof I]: Ref<z.input<I[Name]>> }

export interface GraphOptions<I extends Schemas, Answer extends Refs | undefined | void> {
  /** Letters, digits and `_`. */
  readonly name: string
  readonly description?: string
  readonly inputs?: I
  /** Wires ops and graphs together: called when the definitions load, to learn of the steps. */
  readonly compose: (inputs: InputRefs<I>) => Answer
}

const shape: OptionShape<GraphOptions<Schemas, undefined>> = {
  name: required(aText('load_orders')),
  description: aText(),
  inputs: schemasByName,
  compose: required(aFunction('() => countOrders({ orders: fetchOrders() })')),
}

type Call<I extends Schemas, Answer> = {} extends GivenOf<I> ? (inputs?: GivenOf<I>) => Answer : (inputs: GivenOf<I>) => Answer

/** Ops wired together. Called while another graph is composed, it becomes a part of that one. */
export type Graph<I extends Schemas, Answer> = Call<I, Answer> & {
  readonly kind: 'graph'
  readonly definition: GraphDefinition
  /** The same graph, whose next steps are called `name.…`. */
  readonly as: (name: string) => Call<I, Answer>
}

/** A graph by itself, as data and functions. */
export interface GraphDefinition {
  readonly name: string
  readonly description: string | undefined
  readonly inputs: Schemas
  readonly plan: GraphPlan
}

/** Any graph. */
export interface AnyGraph {
  readonly kind: 'graph'
  readonly definition: GraphDefinition
}

/**
 * Declares a graph, and composes it.
 * @throws DefinitionError when its name is none, an option cannot be, or it cannot be composed
 */
export function graph<I extends Schemas = {}, Answer extends Refs | undefined | void = void>(options: GraphOptions<I, Answer>): Graph<I, Answer> {
  refuseWrong(named('graph', options, 'name'), options, shape)
  checkName('graph', options.name)
  const { compose, inputs = {} as I, description } = options
  const plan = composeGraph(options.name, () => compose(refsOf(inputs, (input) => inputRef(input)) as InputRefs<I>))
  const definition: GraphDefinition = { name: options.name, description, inputs, plan }
  const callAs =
    (called: string | undefined) =>
    (given: Readonly<Record<string, unknown>> = {}): unknown => {
      refuseWrongValue(`What the graph ${called ?? options.name} is handed`, given, givenKind)
      return composeWithin(options.name, called, () => compose(refsOf(inputs, (input) => passOn(given[input])) as InputRefs<I>))
    }
  const as = (called: string): unknown => {
    checkName('graph', called)
    return callAs(called)
  }
  return Object.assign(callAs(undefined), { kind: 'graph', definition, as }) as unknown as Graph<I, Answer>
}

function refsOf(inputs: Schemas, refOf: (input: string) => Ref<unknown>): Readonly<Record<string, Ref<unknown>>> {
  return Object.fromEntries(Object.keys(inputs).map((input) => [input, refOf(input)]))
}

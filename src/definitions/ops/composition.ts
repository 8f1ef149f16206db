import { DefinitionError } from '../definition-error.ts'
import { onlyOutput } from './op-definition.ts'
import type { OpDefinition } from './op-definition.ts'
import { leavesOf } from './plan.ts'
import type { Binding, GraphPlan, Mapping, OpStep } from './plan.ts'
import { insideOf, makeRef } from './ref.ts'
import type { Ref, Refs } from './ref.ts'

/** A graph in the making: what is called while it is composed adds its steps here. */
interface Composition {
  readonly graph: string
  readonly steps: OpStep[]
  readonly maps: Mapping[]
  readonly names: Set<string>
  /** The names of the graphs that are being composed within it, each with a dot. */
  prefix: string
  /** The mapping whose branch is being composed. */
  map: string | undefined
}

let current: Composition | undefined

function here(what: string): Composition {
  if (current !== undefined) return current
  throw new DefinitionError(`${what} was called where no graph is composed. Call it within the \`compose\` of a graph; to try it, see \`millrace/testing\`.`)
}

/** Composes a graph of its own, whatever else is being composed. */
export function composeGraph(graph: string, compose: () => unknown): GraphPlan {
  const before = current
  const made: Composition = { graph, steps: [], maps: [], names: new Set(), prefix: '', map: undefined }
  current = made
  try {
    const answered = callCompose(graph, compose)
    return { name: graph, steps: made.steps, maps: made.maps, answer: answerOf(made, answered) }
  } finally {
    current = before
  }
}

/** Composes a graph as a part of the one that is being composed. */
export function composeWithin(graph: string, called: string | undefined, compose: () => unknown): unknown {
  const composition = here(`The graph ${graph}`)
  const { prefix } = composition
  composition.prefix = `${claimName(composition, called ?? graph, called !== undefined)}.`
  try {
    return callCompose(graph, compose)
  } finally {
    composition.prefix = prefix
  }
}

function callCompose(graph: string, compose: () => unknown): unknown {
  let answered: unknown
  try {
    answered = compose()
  } catch (error) {
    if (error instanceof DefinitionError) throw error
    throw new DefinitionError(`The graph ${graph} cannot be composed: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  if (answered instanceof Promise) {
    answered.catch(() => undefined)
    throw new DefinitionError(`The \`compose\` of the graph ${graph} is asynchronous. It only wires steps together: what waits belongs into an op.`)
  }
  return answered
}

function answerOf(composition: Composition, answered: unknown): GraphPlan['answer'] {
  if (answered === undefined || answered === null) return undefined
  const what = `What the graph ${composition.graph} answers`
  if (insideOf(answered) !== undefined) return bind(composition, answered, what)
  if (typeof answered !== 'object') throw new DefinitionError(`${what} is no reference. Answer what an op or a graph answered, or an object of such.`)
  const of: Record<string, Binding> = {}
  for (const [name, ref] of Object.entries(answered)) {
    if (insideOf(ref) === undefined) throw new DefinitionError(`${what} as ${name} is no reference. Answer what an op or a graph answered.`)
    of[name] = bind(composition, ref, `${what} as ${name}`)
  }
  return { kind: 'named', of }
}

/** A name for a step or graph: its own, or with a number behind it where that is taken. @throws DefinitionError when a name that was chosen is taken */
function claimName(composition: Composition, wanted: string, chosen: boolean): string {
  const base = `${composition.prefix}${wanted}`
  if (chosen && composition.names.has(base)) {
    throw new DefinitionError(`The graph ${composition.graph} has two steps called ${base}. Choose another name.`)
  }
  let name = base
  for (let count = 2; composition.names.has(name); count += 1) name = `${base}_${String(count)}`
  composition.names.add(name)
  return name
}

/** @throws DefinitionError of a reference that belongs elsewhere */
function bind(composition: Composition, value: unknown, what: string): Binding {
  const inside = insideOf(value)
  if (inside === undefined) {
    if (Array.isArray(value) && value.some((one) => insideOf(one) !== undefined)) {
      return { kind: 'list', of: value.map((one, index) => bind(composition, one, `${what} at ${String(index)}`)) }
    }
    refuseHidden(value, what)
    return { kind: 'constant', value }
  }
  if (inside.composition !== composition) {
    throw new DefinitionError(`${what} is a reference to a step of another graph than ${composition.graph}. Hand it in as an input of the graph.`)
  }
  if (inside.map !== undefined && inside.map !== composition.map) {
    throw new DefinitionError(
      `${what} is a reference to a step of a branch, of which there are many. Answer it from the function that \`mapOver\` is given, and \`collect()\` them.`,
    )
  }
  return inside.binding
}

/** A reference that lies deeper in a value would never be replaced by what it stands for. */
function refuseHidden(value: unknown, what: string, depth = 0): void {
  if (typeof value !== 'object' || value === null || depth > 20) return
  for (const [name, one] of Object.entries(value)) {
    if (insideOf(one) !== undefined) {
      throw new DefinitionError(`${what} has a reference within, at ${name}. References go as an input by themselves, or as items of a list.`)
    }
    refuseHidden(one, what, depth + 1)
  }
}

interface OpCall {
  readonly called: string | undefined
  readonly given: Readonly<Record<string, unknown>>
  readonly after: readonly unknown[]
}

/** Adds a step to the graph that is being composed, and answers references to its outputs. */
export function addStep(op: OpDefinition, { called, given, after }: OpCall): Readonly<Record<string, Ref<unknown>>> {
  const composition = here(`The op ${op.name}`)
  const name = claimName(composition, called ?? op.name, called !== undefined)
  const inputs: Record<string, Binding> = {}
  for (const input of Object.keys(op.inputs)) {
    if (given[input] === undefined) {
      if (op.inputs[input]?.safeParse(undefined).success !== true) {
        throw new DefinitionError(`The step ${name} of the graph ${composition.graph} lacks its input ${input}.`)
      }
      continue
    }
    inputs[input] = bind(composition, given[input], `The input ${input} of the step ${name}`)
  }
  const unknown = Object.keys(given).find((input) => !(input in op.inputs))
  if (unknown !== undefined) {
    throw new DefinitionError(`The op ${op.name} has no input ${unknown}. Its inputs are: ${Object.keys(op.inputs).join(', ') || 'none'}.`)
  }
  const waits = after.map((one, index) => {
    if (insideOf(one) === undefined) throw new DefinitionError(`The step ${name} is to come after something that is no reference (at ${String(index)}).`)
    return bind(composition, one, `What the step ${name} comes after`)
  })
  composition.steps.push({ name, op, inputs, map: composition.map, ...waitsOf(composition, [...Object.values(inputs), ...waits]) })
  const { map } = composition
  const refOf = (output: string) => makeRef({ binding: { kind: 'output', step: name, output }, composition, map })
  // One that answers nothing can be waited for all the same.
  return Object.fromEntries((op.single ? [onlyOutput] : Object.keys(op.outputs)).map((output) => [output, refOf(output)]))
}

/** Steps that bindings hang on. Of an item it is the step that found it, of what is collected also every branch. */
function waitsOf({ maps, map }: Composition, bindings: readonly Binding[]): Pick<OpStep, 'upstream' | 'collects'> {
  const upstream = new Set<string>()
  const collects = new Set<string>()
  const found = (id: string): void => {
    const mapping = maps.find((one) => one.id === id)
    if (mapping !== undefined) upstream.add(mapping.step)
  }
  if (map !== undefined) found(map)
  for (const leaf of bindings.flatMap(leavesOf)) {
    if (leaf.kind === 'output') upstream.add(leaf.step)
    if (leaf.kind === 'collect') {
      if (map !== undefined)
        throw new DefinitionError(
          'What one mapping collects cannot be handed to the branches of another. Hand it to an op first, and what that answers to the branches.',
        )
      found(leaf.map)
      collects.add(leaf.step)
    }
  }
  return { upstream: [...upstream], collects: [...collects] }
}

/** A reference to an input of the graph that is being composed. */
export function inputRef(name: string): Ref<unknown> {
  const composition = here(`The input ${name}`)
  return makeRef({ binding: { kind: 'input', name }, composition, map: undefined })
}

/** A reference to what is handed to a graph within another: that reference, or a constant. */
export function passOn(value: unknown): Ref<unknown> {
  const composition = here('A graph')
  return insideOf(value) === undefined
    ? makeRef({ binding: bind(composition, value, `An input of the graph ${composition.prefix}`), composition, map: undefined })
    : (value as Ref<unknown>)
}

/** Composes the branch of a mapping. Answers what `collect()` answers. */
export function addMapping(items: unknown, branch: (item: Ref<never>) => Refs | undefined | void, key: Mapping['key']): () => unknown {
  const composition = here('mapOver')
  const binding = bind(composition, items, 'What mapOver goes over')
  if (composition.map !== undefined) {
    throw new DefinitionError(`The graph ${composition.graph} maps within a branch of another mapping. Let one op answer all items, and map over them once.`)
  }
  if (binding.kind !== 'output') {
    throw new DefinitionError(`The graph ${composition.graph} maps over what is no output of an op. Let an op answer the list.`)
  }
  const id = `${binding.step}.${binding.output}#${String(composition.maps.length + 1)}`
  composition.maps.push({ id, step: binding.step, output: binding.output, key })
  composition.map = id
  let answered: unknown
  try {
    answered = branch(makeRef({ binding: { kind: 'item', map: id }, composition, map: id }))
  } finally {
    composition.map = undefined
  }
  const collected = (ref: unknown, what: string): Ref<unknown> => {
    const inside = insideOf(ref)
    if (inside?.binding.kind !== 'output' || inside.map !== id) {
      throw new DefinitionError(`${what} of the graph ${composition.graph} is no output of a step of its own branch, so it cannot be collected.`)
    }
    const { step, output } = inside.binding
    return makeRef({ binding: { kind: 'collect', map: id, step, output }, composition, map: undefined })
  }
  return () => {
    if (insideOf(answered) !== undefined) return collected(answered, 'What a branch answers')
    const several = Object.entries(typeof answered === 'object' && answered !== null ? answered : {})
    if (several.length === 0) throw new DefinitionError(`A branch of the graph ${composition.graph} answers nothing that could be collected.`)
    return Object.fromEntries(several.map(([name, ref]) => [name, collected(ref, `What a branch answers as ${name}`)]))
  }
}

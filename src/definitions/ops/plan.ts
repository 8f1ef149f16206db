import type { OpDefinition } from './op-definition.ts'

/** Where an input's value comes from. */
export type Binding =
  | { readonly kind: 'constant'; readonly value: unknown }
  /** An output of a step; in a branch of a mapping, of the same branch's step where that is one of the mapping too. */
  | { readonly kind: 'output'; readonly step: string; readonly output: string }
  /** The item that a branch is made for. */
  | { readonly kind: 'item'; readonly map: string }
  /** An output of a step in all branches, in the order of the items. */
  | { readonly kind: 'collect'; readonly map: string; readonly step: string; readonly output: string }
  | { readonly kind: 'list'; readonly of: readonly Binding[] }
  /** An input of the graph itself. */
  | { readonly kind: 'input'; readonly name: string }

/** One use of an op in a graph. */
export interface OpStep {
  /** Unique in the graph; the names of graphs within it and its own, joined by dots. */
  readonly name: string
  readonly op: OpDefinition
  readonly inputs: Readonly<Record<string, Binding>>
  /** The mapping in whose branches it runs: its steps are made when the items are known, one for each, called `name[key]`. */
  readonly map: string | undefined
  /** Steps that must have succeeded first. */
  readonly upstream: readonly string[]
  /** Steps whose every branch must have ended well first. */
  readonly collects: readonly string[]
}

/** A step's list output that branches are made of. */
export interface Mapping {
  readonly id: string
  readonly step: string
  readonly output: string
  /** Names a branch; absent: by its position. */
  readonly key: ((item: never) => string) | undefined
}

/** A graph as data: everything that runs, flat, upstream before downstream. */
export interface GraphPlan {
  readonly name: string
  readonly steps: readonly OpStep[]
  readonly maps: readonly Mapping[]
  /** What the graph answers: a value, several by name, or nothing. */
  readonly answer: Binding | { readonly kind: 'named'; readonly of: Readonly<Record<string, Binding>> } | undefined
}

/** The bindings within a binding that point at a step, a branch's item or an input. */
export function leavesOf(binding: Binding): readonly Exclude<Binding, { kind: 'list' }>[] {
  return binding.kind === 'list' ? binding.of.flatMap(leavesOf) : [binding]
}

/** The bindings of what a graph answers. */
export function answersOf({ answer }: GraphPlan): readonly Binding[] {
  if (answer === undefined) return []
  return answer.kind === 'named' ? Object.values(answer.of) : [answer]
}

import type * as z from 'zod'
import { factShape } from '../asset-facts.ts'
import type { AssetFactsOptions } from '../asset-facts.ts'
import { conditionKind } from '../automation/condition.ts'
import type { Condition } from '../automation/condition.ts'
import { DefinitionError } from '../definition-error.ts'
import { asset, inputsKind } from '../function-asset.ts'
import type { FunctionAsset, Inputs, PartitionsInput } from '../function-asset.ts'
import { functionChecksKind } from '../function-check.ts'
import type { FunctionCheckOptions } from '../function-check.ts'
import { hookUseShape } from '../hook.ts'
import type { HookUse } from '../hook.ts'
import type { IoManager } from '../io-manager.ts'
import type { JsonObject } from '../json.ts'
import { ioKind } from '../resource.ts'
import type { ResourceDefinition, Resources } from '../resource.ts'
import { aDefinition, aSchema } from '../option-kinds.ts'
import { named, refuseWrong, required } from '../option-shape.ts'
import type { OptionShape } from '../option-shape.ts'
import { freshnessShape } from '../freshness.ts'
import { keyShape, withWholeKey } from '../key-prefix.ts'
import type { KeyOptions } from '../key-prefix.ts'
import type { FreshnessOption } from '../freshness.ts'
import { retryKind } from '../retry.ts'
import type { RetryOptions } from '../retry.ts'
import { depsKind } from '../dependency.ts'
import type { Dependency } from '../dependency.ts'
import { partitionsKind } from '../partitions/partitions-kind.ts'
import type { PartitionsSpec } from '../partitions/partitions-spec.ts'
import type { AnyGraph, Graph } from './graph.ts'
import type { Schemas } from './op-definition.ts'
import { leavesOf, answersOf } from './plan.ts'
import type { GraphPlan } from './plan.ts'
import type { Ref } from './ref.ts'

/** What a graph answers, as a value. */
export type ValueOf<Answer> =
  Answer extends Ref<infer Value> ? Value : { readonly [Name in keyof Answer]: Answer[Name] extends Ref<infer Value> ? Value : never }

/** Assets whose values fit a graph's inputs: of an input that is an object by keys, several partitions of one too. */
type AssetsFor<I extends Schemas> = { readonly [Name in keyof I]: FunctionAsset<z.input<I[Name]>> | PartitionsFor<z.input<I[Name]>> }

type PartitionsFor<Value> = Value extends Readonly<Record<string, infer One>> ? PartitionsInput<One> : never

interface GraphAssetCommon<Value> extends KeyOptions, AssetFactsOptions, HookUse, FreshnessOption {
  /** Other assets that must be up to date first. */
  readonly deps?: readonly Dependency[]
  /** What may be materialized by itself: a day, say. A run makes one of them, and hands it to each op as `context.partition`. */
  readonly partitions?: PartitionsSpec
  /** When it is started by itself. Default: never. */
  readonly automation?: Condition
  /** What the value must be. */
  readonly value?: z.ZodType<Value>
  /** Where the value is stored. */
  readonly io: ResourceDefinition<IoManager>
  /** Asked about the value before it is stored. */
  readonly checks?: readonly FunctionCheckOptions<NoInfer<Value>>[]
  readonly retry?: RetryOptions
}

export type GraphAssetOptions<I extends Schemas, Answer> = GraphAssetCommon<ValueOf<Answer>> & {
  /** Makes the value: what it answers is stored. */
  readonly graph: Graph<I, Answer>
} & ({} extends I
    ? { readonly inputs?: AssetsFor<I> }
    : {
        /** The assets whose values are the graph's inputs. */
        readonly inputs: AssetsFor<I>
      })

const shape: OptionShape<GraphAssetOptions<Schemas, unknown>> = {
  ...factShape,
  ...hookUseShape,
  ...freshnessShape,
  ...keyShape,
  deps: depsKind,
  partitions: partitionsKind,
  automation: conditionKind,
  value: aSchema,
  io: required(ioKind),
  retry: retryKind,
  checks: functionChecksKind,
  graph: required(aDefinition('a graph, as graph({ name, compose }) answers it', 'graph')),
  inputs: inputsKind,
}

/**
 * An asset that a graph makes. In a run its ops are steps of their own, called `key.step`.
 * @throws DefinitionError when the key is none, an option cannot be, the graph answers nothing, or an input is missing
 */
export function graphAsset<I extends Schemas, Answer>(given: GraphAssetOptions<I, Answer>): FunctionAsset<ValueOf<Answer>> {
  const options = withWholeKey(given)
  refuseWrong(named('asset', options, 'key'), options, shape)
  const { graph, inputs, ...rest } = options as GraphAssetCommon<ValueOf<Answer>> & { readonly graph: AnyGraph; readonly inputs?: Inputs }
  const { name, plan, inputs: wanted } = graph.definition
  if (answersOf(plan).length === 0) throw new DefinitionError(`The graph ${name} answers nothing, so ${rest.key} would have no value.`)
  const missing = Object.keys(wanted).find((input) => inputs?.[input] === undefined)
  if (missing !== undefined) throw new DefinitionError(`${rest.key} hands the graph ${name} no asset for its input ${missing}.`)
  const made = asset<ValueOf<Answer>, Inputs, z.ZodType<JsonObject>, Resources, PartitionsSpec | undefined>({
    ...rest,
    ...(inputs === undefined ? {} : { inputs }),
    run: () => {
      throw new DefinitionError(`${rest.key} is made by the graph ${name}, and has no function of its own.`)
    },
  })
  return { ...made, plan }
}

/** What a graph's answer hangs on: steps, and steps in all branches. */
export function waitsOfAnswer(plan: GraphPlan): { readonly upstream: readonly string[]; readonly collects: readonly string[] } {
  const leaves = answersOf(plan).flatMap(leavesOf)
  const sources = leaves.flatMap((leaf) => (leaf.kind === 'collect' ? plan.maps.filter(({ id }) => id === leaf.map).map(({ step }) => step) : []))
  return {
    upstream: [...new Set([...leaves.flatMap((leaf) => (leaf.kind === 'output' ? [leaf.step] : [])), ...sources])],
    collects: [...new Set(leaves.flatMap((leaf) => (leaf.kind === 'collect' ? [leaf.step] : [])))],
  }
}

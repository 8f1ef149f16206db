import { hooksOf, hookUseShape } from '../hook.ts'
import type { Hooks, HookUse } from '../hook.ts'
import { DefinitionError } from '../definition-error.ts'
import type { JsonObject } from '../json.ts'
import { aDefinition, aFunction, anObject, aText, either, jsonObject, textOrTexts, textsByName } from '../option-kinds.ts'
import { isGiven, named, refuseWrong, required } from '../option-shape.ts'
import type { OptionShape } from '../option-shape.ts'
import { partitionsKind } from '../partitions/partitions-kind.ts'
import type { Partition } from '../partitions/partition.ts'
import type { PartitionsSpec } from '../partitions/partitions-spec.ts'
import { runOptionsOf, runOptionsShape } from '../run-limits.ts'
import type { RunOptions } from '../run-limits.ts'
import { bindInputs } from './bind-inputs.ts'
import { composeGraph, inputRef } from './composition.ts'
import type { AnyGraph, GraphDefinition } from './graph.ts'
import { checkName } from './op.ts'
import type { AnyOp } from './op.ts'
import type { GraphPlan } from './plan.ts'

interface JobCommon extends HookUse, RunOptions {
  /** Unique in the location. Letters, digits and `_`. */
  readonly name: string
  readonly description?: string
  /** Tags of its runs. */
  readonly tags?: Readonly<Record<string, string>>
}

interface WithConfig<Config> {
  /** Run configuration where a launch says nothing else: fields for all steps that have them, and `ops: { step: { config } }` for one alone. */
  readonly config?: Config
}

/** Makes a run's configuration of the partition that it is of. */
type ConfigOf = (partition: Partition) => JsonObject

export type JobOptions = JobCommon &
  (
    | (WithConfig<JsonObject> & {
        /** Selections of the assets that it materializes. */
        readonly assets: string | readonly string[]
      })
    | (WithConfig<JsonObject | ConfigOf> & {
        /** What it runs: a graph, or one op. */
        readonly graph: AnyGraph | AnyOp
        /** Values for the graph's inputs. */
        readonly inputs?: Readonly<Record<string, unknown>>
        /** What each of its runs is of one of, a day, say; it is handed to each op as `context.partition`. */
        readonly partitions?: PartitionsSpec
      })
  )

const commonShape: OptionShape<JobCommon & WithConfig<unknown>> = {
  ...hookUseShape,
  ...runOptionsShape,
  name: required(aText('nightly')),
  description: aText(),
  tags: textsByName("{ team: 'data' }"),
  config: jsonObject,
}
const graphShape: OptionShape<Extract<JobOptions, { readonly graph: unknown }>> = {
  ...commonShape,
  graph: required(aDefinition('a graph or an op (or, in its place, `assets`)', 'graph', 'op')),
  inputs: anObject("{ day: '2026-01-01' }"),
  partitions: partitionsKind,
  config: either(jsonObject, aFunction('({ key }) => ({ day: key })')),
}
const assetShape: OptionShape<Extract<JobOptions, { readonly assets: unknown }>> = { ...commonShape, assets: required(textOrTexts('group:sales')) }

/** What is executed and monitored by its name. */
export interface Job {
  readonly kind: 'job'
  readonly name: string
  readonly description: string | undefined
  readonly tags: Readonly<Record<string, string>>
  readonly config: JsonObject
  /** Of its runs' ends. */
  readonly hooks?: Hooks
  /** Of its runs, where their launch says nothing. Absent: the location's. */
  readonly runs?: RunOptions
  readonly work:
    | {
        readonly kind: 'graph'
        readonly plan: GraphPlan
        /** Absent: its runs are of none. */
        readonly partitions?: PartitionsSpec
        /** Called by the worker of a step. */
        readonly configOf?: ConfigOf
      }
    | { readonly kind: 'assets'; readonly assets: readonly string[] }
}

/**
 * Declares a job.
 * @throws DefinitionError when its name is none, an option cannot be, the inputs that it hands its graph do not fit, or its configuration is a function and it has no partitions
 */
export function job(options: JobOptions): Job {
  const what = named('job', options, 'name')
  const ofAssets = hasAssets(options)
  if (ofAssets && isGiven(options, 'graph')) throw new DefinitionError(`${what} has both \`assets\` and \`graph\`. Leave one out.`)
  refuseWrong(what, options, ofAssets ? assetShape : graphShape)
  checkName('job', options.name)
  const { name, description, tags = {}, config = {} } = options
  const [fixed, configOf] = typeof config === 'function' ? [{}, config] : [config]
  if (configOf !== undefined && (ofAssets || options.partitions === undefined))
    throw new DefinitionError(`The configuration of the job ${name} is a function of its partition, and it has no \`partitions\`. Make it an object.`)
  const common = { kind: 'job', name, description, tags, config: fixed, ...hooksOf(options), ...runsOf(options) } as const
  if (ofAssets) return { ...common, work: { kind: 'assets', assets: typeof options.assets === 'string' ? [options.assets] : options.assets } }
  const { graph, inputs = {}, partitions } = options
  const definition = graph.kind === 'graph' ? graph.definition : graphOfOne(graph)
  const plan = bindInputs(definition, inputs, `The job ${name}`)
  return { ...common, work: { kind: 'graph', plan, ...(partitions === undefined ? {} : { partitions }), ...(configOf === undefined ? {} : { configOf }) } }
}

function runsOf(options: JobOptions): Pick<Job, 'runs'> {
  const runs = runOptionsOf(options)
  return Object.keys(runs).length === 0 ? {} : { runs }
}

const hasAssets = (options: JobOptions): options is Extract<JobOptions, { readonly assets: unknown }> => isGiven(options, 'assets')

/** A graph that is one op, with its inputs. */
export function graphOfOne(single: AnyOp): GraphDefinition {
  const { name, inputs, description } = single.definition
  const call = single as unknown as (given: Readonly<Record<string, unknown>>) => unknown
  const plan = composeGraph(name, () => call(Object.fromEntries(Object.keys(inputs).map((input) => [input, inputRef(input)]))))
  return { name, description, inputs, plan }
}

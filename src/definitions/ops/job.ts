import { hooksOf, hookUseNames } from '../hook.ts'
import type { Hooks, HookUse } from '../hook.ts'
import { DefinitionError } from '../definition-error.ts'
import type { JsonObject } from '../json.ts'
import { refuseUnknown } from '../known-options.ts'
import type { OptionNames } from '../known-options.ts'
import { bindInputs } from './bind-inputs.ts'
import { composeGraph, inputRef } from './composition.ts'
import type { AnyGraph, GraphDefinition } from './graph.ts'
import { checkName } from './op.ts'
import type { AnyOp } from './op.ts'
import type { GraphPlan } from './plan.ts'

interface JobCommon extends HookUse {
  /** Unique in the location. Letters, digits and `_`. */
  readonly name: string
  readonly description?: string
  /** Tags of its runs. */
  readonly tags?: Readonly<Record<string, string>>
  /** Run configuration where a launch says nothing else: fields for all steps that have them, and `ops: { step: { config } }` for one alone. */
  readonly config?: JsonObject
}

export type JobOptions = JobCommon &
  (
    | {
        /** What it runs: a graph, or one op. */
        readonly graph: AnyGraph | AnyOp
        /** Values for the graph's inputs. */
        readonly inputs?: Readonly<Record<string, unknown>>
      }
    | {
        /** Selections of the assets that it materializes. */
        readonly assets: string | readonly string[]
      }
  )

const commonNames: OptionNames<JobCommon> = { ...hookUseNames, name: true, description: true, tags: true, config: true }
const graphNames: OptionNames<Extract<JobOptions, { readonly graph: unknown }>> = { ...commonNames, graph: true, inputs: true }
const assetNames: OptionNames<Extract<JobOptions, { readonly assets: unknown }>> = { ...commonNames, assets: true }

/** What is executed and monitored by its name. */
export interface Job {
  readonly kind: 'job'
  readonly name: string
  readonly description: string | undefined
  readonly tags: Readonly<Record<string, string>>
  readonly config: JsonObject
  /** Of its runs' ends. */
  readonly hooks?: Hooks
  readonly work: { readonly kind: 'graph'; readonly plan: GraphPlan } | { readonly kind: 'assets'; readonly assets: readonly string[] }
}

/**
 * Declares a job.
 * @throws DefinitionError when its name is none, an option is unknown, or the inputs that it hands its graph do not fit
 */
export function job(options: JobOptions): Job {
  if ('assets' in options && 'graph' in options) throw new DefinitionError(`The job ${options.name} has both \`assets\` and \`graph\`. Leave one out.`)
  refuseUnknown(`The job ${options.name}`, options, 'assets' in options ? assetNames : graphNames)
  checkName('job', options.name)
  const { name, description, tags = {}, config = {} } = options
  const common = { kind: 'job', name, description, tags, config, ...hooksOf(options) } as const
  if ('assets' in options) return { ...common, work: { kind: 'assets', assets: typeof options.assets === 'string' ? [options.assets] : options.assets } }
  const definition = options.graph.kind === 'graph' ? options.graph.definition : graphOfOne(options.graph)
  return { ...common, work: { kind: 'graph', plan: bindInputs(definition, options.inputs ?? {}, `The job ${name}`) } }
}

/** A graph that is one op, with its inputs. */
export function graphOfOne(single: AnyOp): GraphDefinition {
  const { name, inputs, description } = single.definition
  const call = single as unknown as (given: Readonly<Record<string, unknown>>) => unknown
  const plan = composeGraph(name, () => call(Object.fromEntries(Object.keys(inputs).map((input) => [input, inputRef(input)]))))
  return { name, description, inputs, plan }
}

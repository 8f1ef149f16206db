import type * as z from 'zod'
import { checkAssetKey } from './asset-key.ts'
import type { IoManager } from './io-manager.ts'
import type { JsonObject } from './json.ts'
import type { Throttle } from './rate-limit.ts'
import type { ClientsOf, ResourceDefinition, Resources } from './resource.ts'
import type { RetryOptions } from './retry.ts'
import { keyOf } from './table.ts'
import type { AssetReference } from './table.ts'

/** Assets whose stored values a function is handed, by the name it uses. */
export type Inputs = Readonly<Record<string, FunctionAsset>>

/** The values of inputs. */
export type ValuesOf<I extends Inputs> = { readonly [Name in keyof I]: I[Name] extends FunctionAsset<infer Value> ? Value : never }

/** What a function asset's function is handed. */
export interface FunctionContext<Values = Readonly<Record<string, unknown>>, Config = JsonObject, Clients = Readonly<Record<string, unknown>>> {
  /** The values of the assets named as inputs, as their I/O managers loaded them. */
  readonly inputs: Values
  readonly config: Config
  /** The clients of the resources that the asset names, started. */
  readonly resources: Clients
  /** Aborted when the run is canceled, the step takes too long, or the worker loses its claim. Hand it to whatever waits. */
  readonly signal: AbortSignal
  readonly runId: string
  /** When the run started; the same on every attempt. ISO 8601, UTC. */
  readonly runStartedAt: string
  /** The same on every attempt of this step. */
  readonly idempotencyKey: string
  /** From 1. */
  readonly attempt: number
  /** Turns at what may be asked only so often, shared by all workers of this code location in all processes. */
  readonly throttle: Throttle
  /** Writes a line to the run's log. */
  readonly log: (message: string, fields?: JsonObject) => void
}

export interface FunctionAssetOptions<Value, Needed extends Inputs, ConfigSchema extends z.ZodType, Needs extends Resources> {
  /** Parts joined by `/`. */
  readonly key: string
  readonly description?: string
  readonly group?: string
  readonly tags?: Readonly<{ [name: string]: string }>
  /** Says which code made a value: raise it when the function changes what it answers. */
  readonly codeVersion?: string
  /** Assets whose values the function is handed. */
  readonly inputs?: Needed
  /** Other assets that must be up to date first: tables, say, that it queries itself. */
  readonly deps?: readonly AssetReference[]
  /** Run configuration, with defaults. */
  readonly config?: ConfigSchema
  /** The resources that `run` uses, by the name it uses. */
  readonly resources?: Needs
  /** What the value must be; asked before it is stored and after it was loaded. */
  readonly value?: z.ZodType<Value>
  /** Where the value is stored: `jsonFiles(…)`, or an I/O manager of your own. */
  readonly io: ResourceDefinition<IoManager>
  readonly run: (context: FunctionContext<ValuesOf<Needed>, z.output<ConfigSchema>, ClientsOf<Needs>>) => Answer<Value> | Promise<Answer<Value>>
  readonly retry?: RetryOptions
  /** The longest that an attempt may take. Default one hour. */
  readonly timeoutMs?: number
}

const mark: unique symbol = Symbol('millrace.output')

/** A value with what is to be shown of it. */
export interface Output<Value> {
  readonly [mark]: true
  readonly value: Value
  readonly metadata: JsonObject
}

/** What a function may answer: the value, or `output(value, { metadata })`. */
export type Answer<Value> = Value | Output<Value>

/** Answers a value together with metadata, which is shown with the materialization. */
export function output<Value>(value: Value, { metadata = {} }: { readonly metadata?: JsonObject } = {}): Output<Value> {
  return { [mark]: true, value, metadata }
}

const isOutput = <Value>(answer: Answer<Value>): answer is Output<Value> => typeof answer === 'object' && answer !== null && mark in answer

/** A function asset, as the worker that runs it holds it. */
export interface FunctionAsset<Value = unknown> {
  readonly kind: 'function'
  readonly key: string
  readonly description: string | undefined
  readonly group: string | undefined
  readonly tags: Readonly<{ [name: string]: string }>
  readonly codeVersion: string | undefined
  readonly inputs: Readonly<Record<string, FunctionAsset>>
  /** Keys of all that it hangs on, its inputs among them. */
  readonly deps: readonly string[]
  readonly config: z.ZodType | undefined
  readonly resources: Resources
  readonly value: z.ZodType | undefined
  readonly io: ResourceDefinition<IoManager>
  readonly run: (context: FunctionContext<never, never, never>) => Promise<Output<Value>>
  readonly retry: RetryOptions
  readonly timeoutMs: number
}

const hour = 3_600_000

/**
 * An asset that a function computes, and an I/O manager stores.
 * @throws DefinitionError when the key is not one
 */
export function asset<Value, Needed extends Inputs = Inputs, ConfigSchema extends z.ZodType = z.ZodType<JsonObject>, Needs extends Resources = Resources>(
  options: FunctionAssetOptions<Value, Needed, ConfigSchema, Needs>,
): FunctionAsset<Value> {
  checkAssetKey(options.key)
  const inputs: Inputs = options.inputs ?? {}
  const run = options.run as (context: FunctionContext<never, never, never>) => Answer<Value> | Promise<Answer<Value>>
  return {
    kind: 'function',
    key: options.key,
    description: options.description,
    group: options.group,
    tags: options.tags ?? {},
    codeVersion: options.codeVersion,
    inputs,
    deps: [...new Set([...Object.values(inputs).map(({ key }) => key), ...(options.deps ?? []).map(keyOf)])],
    config: options.config,
    resources: options.resources ?? {},
    value: options.value,
    io: options.io,
    run: async (context) => {
      const answer = await run(context)
      return isOutput(answer) ? answer : output(answer)
    },
    retry: options.retry ?? {},
    timeoutMs: options.timeoutMs ?? hour,
  }
}

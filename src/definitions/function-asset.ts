import type * as z from 'zod'
import { factShape, readFacts } from './asset-facts.ts'
import type { AssetFacts, AssetFactsOptions } from './asset-facts.ts'
import { checkAssetKey } from './asset-key.ts'
import { conditionKind } from './automation/condition.ts'
import type { Condition } from './automation/condition.ts'
import { DataError } from '../errors.ts'
import { depsKind, mappingKind, readDependencies } from './dependency.ts'
import type { Dependency } from './dependency.ts'
import { check, functionChecksKind } from './function-check.ts'
import type { CheckReport, FunctionCheck, FunctionCheckOptions } from './function-check.ts'
import { hooksOf, hookUseShape } from './hook.ts'
import type { Hooks, HookUse } from './hook.ts'
import type { IoManager } from './io-manager.ts'
import type { JsonObject } from './json.ts'
import { keyShape, withWholeKey } from './key-prefix.ts'
import type { KeyOptions } from './key-prefix.ts'
import type { PartitionMapping } from './partitions/partition-mapping.ts'
import type { Partition } from './partitions/partition.ts'
import { partitionsKind } from './partitions/partitions-kind.ts'
import type { PartitionsSpec } from './partitions/partitions-spec.ts'
import type { Log } from './log.ts'
import type { MetadataFields } from './metadata/fields.ts'
import type { MadeBy } from './multi-asset.ts'
import type { GraphPlan } from './ops/plan.ts'
import type { Observe } from './observe.ts'
import { aDefinition, aFunction, anObject, aSchema, listOf, milliseconds, recordOf } from './option-kinds.ts'
import { named, refuseWrong, refuseWrongValue, required, wrongOptions } from './option-shape.ts'
import type { Kind, OptionShape } from './option-shape.ts'
import type { Throttle } from './rate-limit.ts'
import { ioKind, resourcesKind } from './resource.ts'
import type { ClientsOf, ResourceDefinition, Resources } from './resource.ts'
import { freshnessOf, freshnessShape } from './freshness.ts'
import type { FreshnessOption, FreshnessSpec } from './freshness.ts'
import { poolShape, poolUseOf } from './pool.ts'
import type { PoolOptions, PoolUse } from './pool.ts'
import { retryKind, retryOf } from './retry.ts'
import type { RetryOptions } from './retry.ts'

/** Several partitions of an asset, as an input. */
export interface PartitionsInput<Value = unknown> {
  readonly kind: 'partitions'
  readonly asset: FunctionAsset<Value>
  /** Undefined: those that share time with the partition that is made; in an asset without partitions, all. */
  readonly mapping: PartitionMapping | undefined
}

/**
 * Hands a function several partitions of an asset, as an object of their values by their keys: `inputs: { week: partitionsOf(sales) }` has in a weekly asset those of
 * the week. Without a mapping those that share time with the partition that is made; in an asset without partitions, all of them.
 */
export function partitionsOf<Value>(of: FunctionAsset<Value>, mapping?: PartitionMapping): PartitionsInput<Value> {
  refuseWrongValue('What partitionsOf() is handed', of, anAsset)
  if (mapping !== undefined) refuseWrongValue(`The mapping of partitionsOf(${of.key})`, mapping, mappingKind)
  return { kind: 'partitions', asset: of, mapping }
}

// Of one that is none of a function, the location says what to do instead.
const valued = ['function', 'table', 'sql', 'external']
const anAsset = aDefinition('an asset, as asset({ … }) answers it', ...valued)

/** Assets whose values a function is handed. */
export const inputsKind: Kind = recordOf(
  aDefinition('an asset, as asset({ … }) answers it, or partitionsOf(…) of one', 'partitions', ...valued),
  'an object of assets by the names that the function uses, as { orders }',
)

/** Assets whose stored values a function is handed, by the name it uses. */
export type Inputs = Readonly<Record<string, FunctionAsset | PartitionsInput>>

/** The values of inputs. */
export type ValuesOf<I extends Inputs> = {
  readonly [Name in keyof I]: I[Name] extends FunctionAsset<infer Value>
    ? Value
    : I[Name] extends PartitionsInput<infer Value>
      ? Readonly<Record<string, Value>>
      : never
}

/** What a function asset's function is handed. */
export interface FunctionContext<
  Values = Readonly<Record<string, unknown>>,
  Config = JsonObject,
  Clients = Readonly<Record<string, unknown>>,
  Made = Partition | undefined,
> {
  /** The values of the assets named as inputs, as their I/O managers loaded them. */
  readonly inputs: Values
  /** The partition to make, where the asset has partitions. A run of several calls the function for each of them. */
  readonly partition: Made
  readonly config: Config
  /** The clients of the resources that the asset names, started. */
  readonly resources: Clients
  /** Aborted when the run is canceled, the step takes too long, or the worker loses its claim. Hand it to whatever waits. */
  readonly signal: AbortSignal
  /** The asset whose function this is. */
  readonly assetKey: string
  readonly codeVersion: string | undefined
  readonly runId: string
  /** When the run started; the same on every attempt. ISO 8601, UTC. */
  readonly runStartedAt: string
  /** The same on every attempt of this step. */
  readonly idempotencyKey: string
  /** From 1. */
  readonly attempt: number
  /** Turns at what may be asked only so often, shared by all workers of this code location in all processes. */
  readonly throttle: Throttle
  /** Writes a line to the run's log; `log.debug`, `log.warn` and `log.error` at another level than info. */
  readonly log: Log
  /** Notes that something was seen of an asset: `observe('crm/accounts', { metadata: { rows } })`, or of this one `observe({ metadata })`. */
  readonly observe: Observe
}

export interface FunctionAssetOptions<
  Value,
  Needed extends Inputs,
  ConfigSchema extends z.ZodType,
  Needs extends Resources,
  Parts extends PartitionsSpec | undefined = undefined,
>
  extends KeyOptions, AssetFactsOptions, PoolOptions, HookUse, FreshnessOption {
  /** Assets whose values the function is handed. */
  readonly inputs?: Needed
  /** Other assets that must be up to date first: tables, say, that it queries itself. */
  readonly deps?: readonly Dependency[]
  /** What may be materialized by itself: a day, say. */
  readonly partitions?: Parts
  /** When it is started by itself: `eager()`, `onCron(…)`, `onMissing()`, or what `when` makes. Default: never. */
  readonly automation?: Condition
  /** Run configuration, with defaults. */
  readonly config?: ConfigSchema
  /** The resources that `run` uses, by the name it uses. */
  readonly resources?: Needs
  /** What the value must be; asked before it is stored and after it was loaded. */
  readonly value?: z.ZodType<Value>
  /** Where the value is stored: `jsonFiles(…)`, or an I/O manager of your own. */
  readonly io: ResourceDefinition<IoManager>
  /** Asked about the value before it is stored. */
  readonly checks?: readonly FunctionCheckOptions<NoInfer<Value>>[]
  readonly run: (
    context: FunctionContext<ValuesOf<Needed>, z.output<ConfigSchema>, ClientsOf<Needs>, Parts extends PartitionsSpec ? Partition : undefined>,
  ) => Answer<Value> | Promise<Answer<Value>>
  readonly retry?: RetryOptions
  /** The longest that an attempt may take. Default one hour. */
  readonly timeoutMs?: number
}

const shape: OptionShape<FunctionAssetOptions<unknown, Inputs, z.ZodType, Resources>> = {
  ...factShape,
  ...poolShape,
  ...hookUseShape,
  ...freshnessShape,
  ...keyShape,
  inputs: inputsKind,
  deps: depsKind,
  partitions: partitionsKind,
  automation: conditionKind,
  config: aSchema,
  resources: resourcesKind,
  value: aSchema,
  io: required(ioKind),
  checks: functionChecksKind,
  run: required(aFunction('({ inputs }) => …')),
  retry: retryKind,
  timeoutMs: milliseconds,
}

const mark: unique symbol = Symbol('millrace.output')

/** A value with what is to be shown of it. */
export interface Output<Value> {
  readonly [mark]: true
  readonly value: Value
  readonly metadata: MetadataFields
  readonly checks: readonly CheckReport[]
}

export interface OutputOptions {
  readonly metadata?: MetadataFields
  /** Results of checks that the function made itself. */
  readonly checks?: readonly CheckReport[]
}

const outputShape: OptionShape<OutputOptions> = {
  metadata: anObject('{ rows: 10 }'),
  checks: listOf(anObject("{ name: 'positive', passed: true }"), "a list of results, as [{ name: 'positive', passed: true }]"),
}

/** What a function may answer: the value, or `output(value, { metadata, checks })`. */
export type Answer<Value> = Value | Output<Value>

/**
 * Answers a value together with metadata, which is shown with the materialization (plain JSON, or values of `metadata.…`), and with results of checks.
 * @throws DataError `VALUE_INVALID` for options that cannot be
 */
export function output<Value>(value: Value, options: OutputOptions = {}): Output<Value> {
  const wrong = wrongOptions('output()', options, outputShape)
  if (wrong !== undefined) throw new DataError(wrong, { code: 'VALUE_INVALID', hint: 'Mend the function.' })
  const { metadata = {}, checks = [] } = options
  return { [mark]: true, value, metadata, checks }
}

const isOutput = <Value>(answer: Answer<Value>): answer is Output<Value> => typeof answer === 'object' && answer !== null && mark in answer

/** What a function answered, with what is to be shown of it. */
export const outputOf = <Value>(answer: Answer<Value>): Output<Value> => (isOutput(answer) ? answer : output(answer))

/** A function asset, as the worker that runs it holds it. */
export interface FunctionAsset<Value = unknown> extends AssetFacts {
  readonly kind: 'function'
  readonly key: string
  readonly inputs: Inputs
  /** Keys of all that it hangs on, its inputs among them. */
  readonly deps: readonly string[]
  readonly mappings: Readonly<Record<string, PartitionMapping>>
  readonly automation: Condition | undefined
  readonly partitions: PartitionsSpec | undefined
  readonly config: z.ZodType | undefined
  readonly resources: Resources
  readonly value: z.ZodType | undefined
  readonly io: ResourceDefinition<IoManager>
  readonly checks: readonly FunctionCheck<never>[]
  /** Of a graph-backed asset: what makes its value, in place of `run`. */
  readonly plan?: GraphPlan
  /** Of one that a function makes together with others: that function, in place of `run`. */
  readonly madeBy?: MadeBy
  readonly run: (context: FunctionContext<never, never, never, never>) => Promise<Output<Value>>
  readonly freshness: FreshnessSpec | undefined
  readonly pool: PoolUse | undefined
  readonly hooks?: Hooks
  readonly retry: RetryOptions
  readonly timeoutMs: number
}

const hour = 3_600_000

/**
 * An asset that a function computes, and an I/O manager stores.
 * @throws DefinitionError when the key is not one, or an option cannot be
 */
export function asset<
  Value,
  Needed extends Inputs = Inputs,
  ConfigSchema extends z.ZodType = z.ZodType<JsonObject>,
  Needs extends Resources = Resources,
  const Parts extends PartitionsSpec | undefined = undefined,
>(given: FunctionAssetOptions<Value, Needed, ConfigSchema, Needs, Parts>): FunctionAsset<Value> {
  const options = withWholeKey(given)
  refuseWrong(named('asset', options, 'key'), options, shape)
  checkAssetKey(options.key)
  const inputs: Inputs = options.inputs ?? {}
  const run = options.run as (context: FunctionContext<never, never, never, never>) => Answer<Value> | Promise<Answer<Value>>
  return {
    kind: 'function',
    key: options.key,
    ...readFacts(options.key, options),
    inputs,
    ...readDependencies([...Object.values(inputs).map(dependencyOf), ...(options.deps ?? [])]),
    partitions: options.partitions,
    config: options.config,
    resources: options.resources ?? {},
    value: options.value,
    io: options.io,
    checks: (options.checks ?? []).map((one) => check(one)),
    run: async (context) => outputOf(await run(context)),
    automation: options.automation,
    freshness: freshnessOf(options.key, options, options.partitions),
    pool: poolUseOf(options.key, options),
    ...hooksOf(options),
    retry: retryOf(options.key, options.retry),
    timeoutMs: options.timeoutMs ?? hour,
  }
}

/** The asset of an input. */
export const assetOfInput = (input: FunctionAsset | PartitionsInput): FunctionAsset => (input.kind === 'partitions' ? input.asset : input)

/** An input as a dependency. */
export function dependencyOf(input: FunctionAsset | PartitionsInput): Dependency {
  if (input.kind !== 'partitions') return input
  return input.mapping === undefined ? input.asset : { asset: input.asset, partitions: input.mapping }
}

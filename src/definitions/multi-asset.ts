import type * as z from 'zod'
import { factShape, readFacts } from './asset-facts.ts'
import type { AssetFactsOptions } from './asset-facts.ts'
import { checkAssetKey } from './asset-key.ts'
import { conditionKind } from './automation/condition.ts'
import type { Condition } from './automation/condition.ts'
import { DataError } from '../errors.ts'
import { DefinitionError } from './definition-error.ts'
import { freshnessOf, freshnessShape } from './freshness.ts'
import type { FreshnessOption } from './freshness.ts'
import { hooksOf, hookUseShape } from './hook.ts'
import type { HookUse } from './hook.ts'
import { depsKind } from './dependency.ts'
import type { Dependency } from './dependency.ts'
import { inputsKind, outputOf } from './function-asset.ts'
import type { Answer, FunctionAsset, FunctionContext, Inputs, Output, ValuesOf } from './function-asset.ts'
import { check, functionChecksKind } from './function-check.ts'
import type { FunctionCheckOptions } from './function-check.ts'
import type { IoManager } from './io-manager.ts'
import { dependenciesOf } from './output-deps.ts'
import type { OutputDependencies } from './output-deps.ts'
import type { JsonObject } from './json.ts'
import { aFunction, anObject, aSchema, aText, milliseconds, recordOf, trueOrFalse } from './option-kinds.ts'
import { named, refuseWrong, required } from './option-shape.ts'
import type { OptionShape } from './option-shape.ts'
import { keyShape, withWholeKey } from './key-prefix.ts'
import type { KeyOptions } from './key-prefix.ts'
import type { PartitionMapping } from './partitions/partition-mapping.ts'
import type { Partition } from './partitions/partition.ts'
import { partitionsKind } from './partitions/partitions-kind.ts'
import type { PartitionsSpec } from './partitions/partitions-spec.ts'
import { poolShape, poolUseOf } from './pool.ts'
import type { PoolOptions, PoolUse } from './pool.ts'
import { ioKind, resourcesKind } from './resource.ts'
import type { ClientsOf, ResourceDefinition, Resources } from './resource.ts'
import { retryKind, retryOf } from './retry.ts'
import type { RetryOptions } from './retry.ts'

/** One of the assets that a function makes together. */
export interface AssetOutputOptions<Value> extends KeyOptions, AssetFactsOptions, HookUse, FreshnessOption {
  /** What the value must be. Of an `.optional()` one the function may answer nothing: the asset is not made then, and what hangs on it is skipped. */
  readonly value: z.ZodType<Value>
  /** Where the value is stored. Default: `io` of the function. */
  readonly io?: ResourceDefinition<IoManager>
  /**
   * What of all that the function hangs on this asset is made from: inputs and `deps` of the function, further assets, and other outputs of the function by their
   * asset keys. Default: `inputs` and `deps` of the function.
   */
  readonly deps?: readonly Dependency[]
  /** When Millrace materializes it by itself: `eager()`, `onCron(…)`, `onMissing()`, or a condition made of `when`. */
  readonly automation?: Condition
  /** Asked about the value before anything is stored. */
  readonly checks?: readonly FunctionCheckOptions<NoInfer<Exclude<Value, undefined>>>[]
}

const outputShape: OptionShape<AssetOutputOptions<unknown>> = {
  ...factShape,
  ...hookUseShape,
  ...freshnessShape,
  ...keyShape,
  deps: depsKind,
  value: required(aSchema),
  io: ioKind,
  automation: conditionKind,
  checks: functionChecksKind,
}

/** What a function of several assets is handed. */
export interface MultiContext<
  Values = Readonly<Record<string, unknown>>,
  Config = JsonObject,
  Clients = Readonly<Record<string, unknown>>,
  Made = Partition | undefined,
  Name extends string = string,
> extends Omit<FunctionContext<Values, Config, Clients, Made>, 'assetKey' | 'codeVersion'> {
  /** The outputs that are asked for, by their names; all of them unless `subset` is set. */
  readonly wanted: ReadonlySet<Name>
}

type MayBeLeftOut<Values> = { [Name in keyof Values]: undefined extends Values[Name] ? Name : never }[keyof Values]

/** What the function answers: values by the names of the outputs. */
type Answers<Values, Subset extends boolean> = Subset extends true
  ? { readonly [Name in keyof Values]?: Answer<Values[Name]> }
  : { readonly [Name in Exclude<keyof Values, MayBeLeftOut<Values>>]: Answer<Values[Name]> } & {
      readonly [Name in MayBeLeftOut<Values>]?: Answer<Values[Name]>
    }

export interface MultiAssetOptions<
  Values,
  Subset extends boolean,
  Needed extends Inputs,
  ConfigSchema extends z.ZodType,
  Needs extends Resources,
  Parts extends PartitionsSpec | undefined,
> extends PoolOptions {
  /** What its step is called in a run; as an asset key, and no asset's. */
  readonly name: string
  /** Parts before those of its outputs' keys; an output may say others. */
  readonly keyPrefix?: string
  /** The assets that it makes, by the names under which it answers their values. */
  readonly outputs: { readonly [Name in keyof Values]: AssetOutputOptions<Values[Name]> }
  /** A run may ask for some of them only; the function is told which by `wanted`. Default: all of them are made together, whichever is asked for. */
  readonly subset?: Subset
  /** Assets whose values the function is handed. */
  readonly inputs?: Needed
  /** Other assets that must be up to date first. */
  readonly deps?: readonly Dependency[]
  /** What may be materialized by itself, of each of the assets. */
  readonly partitions?: Parts
  /** Run configuration, with defaults. */
  readonly config?: ConfigSchema
  /** The resources that `run` uses, by the name it uses. */
  readonly resources?: Needs
  /** Where values are stored whose output does not say it. */
  readonly io?: ResourceDefinition<IoManager>
  readonly run: (
    context: MultiContext<
      ValuesOf<Needed>,
      z.output<ConfigSchema>,
      ClientsOf<Needs>,
      Parts extends PartitionsSpec ? Partition : undefined,
      Extract<keyof Values, string>
    >,
  ) => NoInfer<Answers<Values, Subset>> | Promise<NoInfer<Answers<Values, Subset>>>
  readonly retry?: RetryOptions
  /** The longest that an attempt may take. Default one hour. */
  readonly timeoutMs?: number
}

const oneOutput = "{ key: 'shop/orders', value: z.array(Order) }"
const shape: OptionShape<MultiAssetOptions<unknown, boolean, Inputs, z.ZodType, Resources, undefined>> = {
  ...poolShape,
  name: required(aText('shop/split')),
  keyPrefix: aText('shop'),
  outputs: required(recordOf(anObject(oneOutput), `an object of outputs, as { orders: ${oneOutput} }`)),
  subset: trueOrFalse,
  inputs: inputsKind,
  deps: depsKind,
  partitions: partitionsKind,
  config: aSchema,
  resources: resourcesKind,
  io: ioKind,
  run: required(aFunction('({ inputs }) => …')),
  retry: retryKind,
  timeoutMs: milliseconds,
}

/** A function that makes several assets, as the worker that runs it holds it. */
export interface MultiAsset<Values = Readonly<Record<string, unknown>>> {
  readonly kind: 'multi'
  /** What its step is called. */
  readonly key: string
  /** What it makes, by the names under which it answers it: inputs and dependencies of others. */
  readonly assets: { readonly [Name in keyof Values]: FunctionAsset<Exclude<Values[Name], undefined>> }
  /** Whether some of them may be asked for alone. */
  readonly subset: boolean
  readonly inputs: Inputs
  /** Keys of all that any of its outputs hangs on, but for its own outputs. */
  readonly deps: readonly string[]
  readonly mappings: Readonly<Record<string, PartitionMapping>>
  readonly partitions: PartitionsSpec | undefined
  readonly config: z.ZodType | undefined
  readonly resources: Resources
  /** By the names of outputs; of what it left out there is nothing. */
  readonly run: (context: MultiContext<never, never, never, never>) => Promise<ReadonlyMap<string, Output<unknown>>>
  readonly pool: PoolUse | undefined
  readonly retry: RetryOptions
  readonly timeoutMs: number
}

/** Of an asset that a function makes together with others: the function, and what it calls it. */
export interface MadeBy {
  readonly multi: MultiAsset
  readonly output: string
  /** It need not be made. */
  readonly optional: boolean
}

const hour = 3_600_000

/**
 * A function that makes several assets. Listed in a location, it brings all of them.
 * @throws DefinitionError when a name or key is none, an option cannot be, there are no outputs, two have one key, one has nowhere to be stored, or what
 *   `dependenciesOf` refuses
 */
export function multiAsset<
  Values,
  const Subset extends boolean = false,
  Needed extends Inputs = Inputs,
  ConfigSchema extends z.ZodType = z.ZodType<JsonObject>,
  Needs extends Resources = Resources,
  const Parts extends PartitionsSpec | undefined = undefined,
>(options: MultiAssetOptions<Values, Subset, Needed, ConfigSchema, Needs, Parts>): MultiAsset<Values> {
  refuseWrong(named('function of several assets', options, 'name'), options, shape)
  checkAssetKey(options.name)
  const { name, subset = false } = options
  const inputs: Inputs = options.inputs ?? {}
  const given = options.outputs as unknown as Readonly<Record<string, AssetOutputOptions<never>>>
  for (const [output, one] of Object.entries(given)) refuseWrong(`The output ${output} of ${name}`, one, outputShape)
  const outputs = Object.fromEntries(Object.entries(given).map(([output, one]) => [output, withWholeKey(one, options.keyPrefix)]))
  const keys = Object.values(outputs).map(({ key }) => key)
  if (keys.length === 0) throw new DefinitionError(`${name} makes nothing: name its assets in \`outputs\`.`)
  const twice = keys.find((key, at) => keys.indexOf(key) !== at)
  if (twice !== undefined) throw new DefinitionError(`Two outputs of ${name} have the asset key ${twice}. Rename one of the two.`)
  const { of, ...all } = dependenciesOf({ name, inputs, deps: options.deps ?? [], outputs: Object.values(outputs) })
  const assets: Record<string, FunctionAsset> = {}
  const multi: MultiAsset = {
    kind: 'multi',
    key: name,
    assets,
    subset,
    inputs,
    ...all,
    partitions: options.partitions,
    config: options.config,
    resources: options.resources ?? {},
    run: async (context) => answersOf(multi, context.wanted, await (options.run as (context: unknown) => unknown)(context)),
    pool: poolUseOf(name, options),
    retry: retryOf(name, options.retry),
    timeoutMs: options.timeoutMs ?? hour,
  }
  for (const [output, one] of Object.entries(outputs)) assets[output] = assetOf(multi, output, { ...one, io: one.io ?? options.io }, of(one.key))
  return multi as MultiAsset<Values>
}

type PlacedOutput = Omit<AssetOutputOptions<never>, 'io'> & { readonly io: ResourceDefinition<IoManager> | undefined }

function assetOf(multi: MultiAsset, output: string, options: PlacedOutput, dependencies: OutputDependencies): FunctionAsset {
  const { key, value, io, checks = [] } = options
  checkAssetKey(key)
  if (io === undefined)
    throw new DefinitionError(`${key}, an output of ${multi.key}, has nowhere to be stored: give it \`io\`, or ${multi.key} for all of them.`)
  const { partitions, config, resources, pool, retry, timeoutMs } = multi
  return {
    kind: 'function',
    key,
    ...readFacts(key, options),
    ...dependencies,
    partitions,
    config,
    resources,
    value,
    io,
    checks: checks.map((one) => check(one)),
    run: () => Promise.reject(new DefinitionError(`${key} is made by ${multi.key}, and has no function of its own.`)),
    automation: options.automation,
    freshness: freshnessOf(key, options, partitions),
    ...hooksOf(options),
    madeBy: { multi, output, optional: value.safeParse(undefined).success },
    pool,
    retry,
    timeoutMs,
  }
}

/**
 * What the function answered, by the names of outputs.
 * @throws DataError `VALUE_INVALID` for what is no object, an output that there is not or that nobody asked for, and one that is missing
 */
function answersOf({ key, assets, subset }: MultiAsset, wanted: ReadonlySet<string>, answered: unknown): ReadonlyMap<string, Output<unknown>> {
  if (typeof answered !== 'object' || answered === null || Array.isArray(answered)) {
    throw invalid(`${key} must answer an object with the values of its outputs: ${[...wanted].join(', ')}.`)
  }
  const made = new Map<string, Output<unknown>>()
  for (const [name, answer] of Object.entries(answered as Readonly<Record<string, unknown>>)) {
    if (answer === undefined) continue
    if (assets[name] === undefined) throw invalid(`${key} answered ${name}, which is none of its outputs: ${Object.keys(assets).join(', ')}.`)
    // One that makes all of them together may make more than when the run was planned.
    if (!wanted.has(name) && !subset) continue
    if (!wanted.has(name)) throw invalid(`${key} answered ${name}, which it was not asked for. It was asked for ${[...wanted].join(', ')}: see \`wanted\`.`)
    const output = outputOf(answer)
    // Metadata and checks of nothing are nothing, too.
    if (output.value !== undefined) made.set(name, output)
  }
  const missing = [...wanted].filter((name) => !made.has(name) && assets[name]?.madeBy?.optional !== true)
  if (missing.length === 0) return made
  throw invalid(`${key} did not answer ${missing.join(', ')}. What may be left out has a value type that is \`.optional()\`.`)
}

const invalid = (message: string): DataError => new DataError(message, { code: 'VALUE_INVALID', hint: 'Mend the function, or `outputs`.' })

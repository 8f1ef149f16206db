import type * as z from 'zod'
import { DefinitionError } from '../definition-error.ts'
import type { FunctionContext, Answer as WithMetadata } from '../function-asset.ts'
import { hooksOf, hookUseShape } from '../hook.ts'
import type { HookUse } from '../hook.ts'
import type { IoManager } from '../io-manager.ts'
import type { JsonObject } from '../json.ts'
import { aFunction, anObject, anything, aSchema, aText, listOf, milliseconds, schemasByName, textsByName } from '../option-kinds.ts'
import { named, refuseWrong, refuseWrongValue, required } from '../option-shape.ts'
import type { OptionShape } from '../option-shape.ts'
import { poolShape, poolUseOf } from '../pool.ts'
import type { PoolOptions } from '../pool.ts'
import { ioKind, resourcesKind } from '../resource.ts'
import type { ClientsOf, ResourceDefinition, Resources } from '../resource.ts'
import { retryKind, retryOf } from '../retry.ts'
import type { RetryOptions } from '../retry.ts'
import { addStep } from './composition.ts'
import { onlyOutput } from './op-definition.ts'
import type { OpDefinition, Schemas } from './op-definition.ts'
import type { Given, Ref } from './ref.ts'

type Optional<I extends Schemas> = { [Name in keyof I]: undefined extends z.input<I[Name]> ? Name : never }[keyof I]

/** What a step or graph is handed for its inputs: values, or references to values. */
export type GivenOf<I extends Schemas> = { readonly [Name in Exclude<keyof I, Optional<I>>]: Given<z.input<I[Name]>> } & {
  readonly [Name in Optional<I>]?: Given<z.input<I[Name]>>
}

interface CallOptions {
  /** Steps that must have succeeded first, though nothing is handed on: references to any of their outputs. */
  readonly after?: readonly Ref<unknown>[]
}

const callShape: OptionShape<CallOptions> = { after: listOf(anything('a reference'), 'a list of what ops answered, as [fetched]') }

/** What a step or graph is handed for its inputs, as a whole. */
export const givenKind = anObject('{ orders: fetchOrders() }')

type Call<I extends Schemas, Out> =
  {} extends GivenOf<I> ? (inputs?: GivenOf<I>, options?: CallOptions) => Out : (inputs: GivenOf<I>, options?: CallOptions) => Out

/** The values of inputs, as the function is handed them. */
type ValuesOf<I extends Schemas> = { readonly [Name in keyof I]: z.output<I[Name]> }

/** References to outputs. One that may be left out is a reference all the same: what it is handed to is skipped then. */
type RefsOf<O extends Schemas> = { readonly [Name in keyof O]: Ref<Exclude<z.output<O[Name]>, undefined>> }

type IsNone<T> = [keyof T] extends [never] ? true : false

/** What an op's function answers: the value, the values by name, each with metadata of its own if it has some, or nothing. */
type Answer<O extends z.ZodType, Os extends Schemas> =
  IsNone<Os> extends true ? z.input<O> : EachWithMetadata<z.input<z.ZodObject<{ -readonly [Name in keyof Os]: Os[Name] }>>>

type EachWithMetadata<Values> = { [Name in keyof Values]: WithMetadata<Values[Name]> }

type Produced<O extends z.ZodType, Os extends Schemas> = IsNone<Os> extends true ? Ref<Exclude<z.output<O>, undefined>> : RefsOf<Os>

export interface OpOptions<I extends Schemas, O extends z.ZodType, Os extends Schemas, ConfigSchema extends z.ZodType, Needs extends Resources>
  extends PoolOptions, HookUse {
  /** Letters, digits and `_`. Steps are called after it. */
  readonly name: string
  readonly description?: string
  readonly tags?: Readonly<Record<string, string>>
  /** Types of what it is handed; asked before it runs. */
  readonly inputs?: I
  /** Type of what it answers; asked when it has run. Of an `.optional()` one nothing may be answered: what hangs on it is skipped then. */
  readonly output?: O
  /** Types of several values that it answers by name, in place of `output`. */
  readonly outputs?: Os
  /** Run configuration, with defaults. */
  readonly config?: ConfigSchema
  /** The resources that `run` uses, by the name it uses. */
  readonly resources?: Needs
  /** Where its outputs are stored. Default: in the catalogue, as JSON of at most 4 MiB each. */
  readonly io?: ResourceDefinition<IoManager>
  /** May answer `output(…, { metadata })`: what is to be shown with the step. Of several outputs each may be one, too. */
  readonly run: (
    context: FunctionContext<ValuesOf<I>, z.output<ConfigSchema>, ClientsOf<Needs>>,
  ) => WithMetadata<NoInfer<Answer<O, Os>>> | Promise<WithMetadata<NoInfer<Answer<O, Os>>>>
  readonly retry?: RetryOptions
  /** The longest that an attempt may take. Default one hour. */
  readonly timeoutMs?: number
}

const shape: OptionShape<OpOptions<Schemas, z.ZodType, Schemas, z.ZodType, Resources>> = {
  ...poolShape,
  ...hookUseShape,
  name: required(aText('fetch_orders')),
  description: aText(),
  tags: textsByName("{ team: 'data' }"),
  inputs: schemasByName,
  output: aSchema,
  outputs: schemasByName,
  config: aSchema,
  resources: resourcesKind,
  io: ioKind,
  run: required(aFunction('({ inputs }) => …')),
  retry: retryKind,
  timeoutMs: milliseconds,
}

/** A unit of computation. Called while a graph is composed, it adds a step and answers references to its outputs. */
export type Op<I extends Schemas, Out> = Call<I, Out> & {
  readonly kind: 'op'
  readonly definition: OpDefinition
  /** The same op, whose next step has this name. */
  readonly as: (name: string) => Call<I, Out>
}

/** Any op. */
export interface AnyOp {
  readonly kind: 'op'
  readonly definition: OpDefinition
}

const name = /^[A-Za-z_][A-Za-z0-9_]{0,99}$/

/** @throws DefinitionError when a name of an op, graph or step is none */
export function checkName(what: string, given: string): void {
  if (typeof given === 'string' && name.test(given)) return
  throw new DefinitionError(`The ${what} name ${JSON.stringify(given)} must start with a letter or _ and go on with letters, digits or _, at most 100.`)
}

const hour = 3_600_000

/**
 * Declares an op.
 * @throws DefinitionError when its name is none, an option cannot be, or it has both `output` and `outputs`
 */
export function op<
  I extends Schemas = {},
  O extends z.ZodType = z.ZodVoid,
  Os extends Schemas = {},
  ConfigSchema extends z.ZodType = z.ZodType<JsonObject>,
  Needs extends Resources = {},
>(options: OpOptions<I, O, Os, ConfigSchema, Needs>): Op<I, Produced<O, Os>> {
  refuseWrong(named('op', options, 'name'), options, shape)
  checkName('op', options.name)
  if (options.output !== undefined && options.outputs !== undefined)
    throw new DefinitionError(`The op ${options.name} has both \`output\` and \`outputs\`. Leave one out.`)
  const outputs: Schemas = options.outputs ?? (options.output === undefined ? {} : { [onlyOutput]: options.output })
  const definition: OpDefinition = {
    name: options.name,
    description: options.description,
    tags: options.tags ?? {},
    inputs: options.inputs ?? {},
    outputs,
    single: options.outputs === undefined,
    config: options.config,
    resources: options.resources ?? {},
    io: options.io,
    pool: poolUseOf(`op ${options.name}`, options),
    ...hooksOf(options),
    retry: retryOf(`the op ${options.name}`, options.retry),
    timeoutMs: options.timeoutMs ?? hour,
    run: options.run,
  }
  const callAs =
    (called: string | undefined) =>
    (given: Readonly<Record<string, unknown>> = {}, call: CallOptions = {}): unknown => {
      const step = called ?? options.name
      refuseWrongValue(`What the op ${step} is handed`, given, givenKind)
      refuseWrong(`The call of the op ${step}`, call, callShape)
      const { after = [] } = call
      const refs = addStep(definition, { called, given, after })
      return definition.single ? refs[onlyOutput] : refs
    }
  const as = (called: string): unknown => {
    checkName('step', called)
    return callAs(called)
  }
  return Object.assign(callAs(undefined), { kind: 'op', definition, as }) as unknown as Op<I, Produced<O, Os>>
}

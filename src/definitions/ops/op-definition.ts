import type * as z from 'zod'
import type { FunctionContext } from '../function-asset.ts'
import type { Hooks } from '../hook.ts'
import type { IoManager } from '../io-manager.ts'
import type { PoolUse } from '../pool.ts'
import type { ResourceDefinition, Resources } from '../resource.ts'
import type { RetryOptions } from '../retry.ts'

/** Types by name: of inputs, of outputs. */
export type Schemas = Readonly<Record<string, z.ZodType>>

/** An op, as the worker that runs it holds it. */
export interface OpDefinition {
  readonly name: string
  readonly description: string | undefined
  readonly tags: Readonly<Record<string, string>>
  readonly inputs: Schemas
  /** By name; the one of an op that answers a single value is called `result`. */
  readonly outputs: Schemas
  /** Whether what it answers is its only output, and not an object of several. */
  readonly single: boolean
  readonly config: z.ZodType | undefined
  readonly resources: Resources
  /** Where its outputs are stored; undefined: in the catalogue. */
  readonly io: ResourceDefinition<IoManager> | undefined
  /** The slots that each of its steps takes. */
  readonly pool: PoolUse | undefined
  readonly hooks?: Hooks
  readonly retry: RetryOptions
  /** The longest that an attempt may take. */
  readonly timeoutMs: number
  readonly run: (context: FunctionContext<never, never, never>) => unknown
}

/** What a single output is called. */
export const onlyOutput = 'result'

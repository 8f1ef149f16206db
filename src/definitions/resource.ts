import { refuseUnknown } from './known-options.ts'
import type { OptionNames } from './known-options.ts'
import type { Throttle } from './rate-limit.ts'

/** A configured client that extractors and transforms are handed. Started once per worker, when first used. */
export interface ResourceDefinition<Client> {
  /** Builds the client. Read the environment here, not when the module loads, so that a missing variable is the step's error. */
  readonly start: (context: ResourceContext) => Client | Promise<Client>
  /** Ends what `start` began. A method, so that a location may hold resources of many kinds. */
  stop?(client: Client): void | Promise<void>
}

export interface ResourceContext {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted when the worker stops. */
  readonly signal: AbortSignal
  /** Turns at what may be asked only so often, shared by all workers of the code location. */
  readonly throttle: Throttle
}

const names: OptionNames<ResourceDefinition<unknown>> = { start: true, stop: true }

/** Declares a resource. @throws DefinitionError for an option that there is not */
export function resource<Client>(definition: ResourceDefinition<Client>): ResourceDefinition<Client> {
  // An object of a class may have fields of its own.
  if (Object.getPrototypeOf(definition) === Object.prototype) refuseUnknown('resource()', definition, names)
  return definition
}

export type Resources = Readonly<Record<string, ResourceDefinition<unknown>>>

/** The clients that a set of resources turns into. */
export type ClientsOf<R extends Resources> = { readonly [K in keyof R]: R[K] extends ResourceDefinition<infer C> ? C : never }

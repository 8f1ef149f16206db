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

/** Declares a resource. */
export function resource<Client>(definition: ResourceDefinition<Client>): ResourceDefinition<Client> {
  return definition
}

export type Resources = Readonly<Record<string, ResourceDefinition<unknown>>>

/** The clients that a set of resources turns into. */
export type ClientsOf<R extends Resources> = { readonly [K in keyof R]: R[K] extends ResourceDefinition<infer C> ? C : never }

import { isObject } from './describe-value.ts'
import { aFunction, aKind, hidingTexts, recordOf } from './option-kinds.ts'
import { refuseWrong, refuseWrongValue, required } from './option-shape.ts'
import type { Kind, OptionShape } from './option-shape.ts'
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

const shape: OptionShape<ResourceDefinition<unknown>> = { start: required(aFunction('({ env }) => …')), stop: aFunction('(client) => …') }

/** Declares a resource. @throws DefinitionError for options that cannot be */
export function resource<Client>(definition: ResourceDefinition<Client>): ResourceDefinition<Client> {
  // An object of a class may have fields of its own.
  if (isObject(definition) && Object.getPrototypeOf(definition) !== Object.prototype) refuseWrongValue('What resource() is handed', definition, resourceKind)
  else refuseWrong('resource()', definition, shape)
  return definition
}

/** A resource, as `resource()` answers it, or an object of a class. */
const isResource = (value: unknown): boolean => isObject(value) && typeof value['start'] === 'function'
const resourceKind: Kind = hidingTexts(aKind('a resource, as resource({ start }) answers it', isResource))
export const resourcesKind: Kind = recordOf(resourceKind, 'an object of resources, as { shop }')
export const ioKind: Kind = hidingTexts(aKind('what stores values, as jsonFiles({ folder }) answers it', isResource))

export type Resources = Readonly<Record<string, ResourceDefinition<unknown>>>

/** The clients that a set of resources turns into. */
export type ClientsOf<R extends Resources> = { readonly [K in keyof R]: R[K] extends ResourceDefinition<infer C> ? C : never }

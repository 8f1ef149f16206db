import type { ResourceDefinition } from '../definitions/resource.ts'
import type { Logger } from '../logger.ts'
import type { Throttles } from './throttle.ts'

/** The clients of resources, started once per worker when first used. */
export interface ResourceClients {
  /** @throws whatever a resource's `start` throws; the next use tries again */
  of(location: string, definitions: Readonly<Record<string, ResourceDefinition<unknown>>>): Promise<Readonly<Record<string, unknown>>>
  close(): Promise<void>
}

export interface ResourceClientsOptions {
  /** The environment that resources of a location read: a demo's lies over the process's own. */
  readonly envOf: (location: string) => Readonly<Record<string, string | undefined>>
  readonly throttles: Throttles
  readonly logger: Pick<Logger, 'warn'>
}

export function createResourceClients({ envOf, throttles, logger }: ResourceClientsOptions): ResourceClients {
  const stopping = new AbortController()
  const started = new Map<ResourceDefinition<unknown>, Promise<unknown>>()
  const start = (location: string, definition: ResourceDefinition<unknown>): Promise<unknown> => {
    const known = started.get(definition)
    if (known !== undefined) return known
    const client = Promise.resolve().then(() => definition.start({ env: envOf(location), signal: stopping.signal, throttle: throttles.of(location) }))
    started.set(definition, client)
    client.catch(() => started.delete(definition))
    return client
  }
  return {
    async of(location, definitions) {
      const entries = await Promise.all(Object.entries(definitions).map(async ([name, definition]) => [name, await start(location, definition)] as const))
      return Object.fromEntries(entries)
    },
    async close() {
      stopping.abort()
      for (const [definition, client] of started) {
        try {
          await definition.stop?.(await client)
        } catch (error) {
          logger.warn({ err: error }, 'a resource did not stop')
        }
      }
    },
  }
}

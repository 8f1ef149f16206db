import { addressOf } from '../catalog/destination-address.ts'
import type { Env } from '../catalog/destination-address.ts'
import type { DestinationSpec } from '../definitions/destination.ts'
import type { Logger } from '../logger.ts'
import { driverUrl } from '../postgres.ts'
import { createDestinationPool } from './destination-pool.ts'
import type { DestinationPool } from './destination-pool.ts'

/** Every destination of a worker, by where it is: a pool is made when it is first used. */
export interface Destinations {
  /** @throws ConfigError when the environment does not say where it is */
  of(spec: DestinationSpec | undefined): DestinationPool
  close(): Promise<void>
}

export interface DestinationsOptions {
  readonly databaseUrl: string
  /** The default one's. */
  readonly destinationUrl: string
  readonly env: Env
  /** How many connections each may have. */
  readonly maxConnections: number
  readonly logger: Logger
}

export function createDestinations({ databaseUrl, destinationUrl, env, maxConnections, logger }: DestinationsOptions): Destinations {
  const pools = new Map<string, DestinationPool>()
  return {
    of(spec) {
      const url = spec === undefined ? driverUrl(destinationUrl) : addressOf(spec, env).driverUrl
      const known = pools.get(url)
      if (known !== undefined) return known
      // The catalogue's own database was brought up to date before anything could be launched.
      const made = createDestinationPool({ url, maxConnections, check: url !== driverUrl(databaseUrl), logger })
      pools.set(url, made)
      return made
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.close()))
    },
  }
}

import type pg from 'pg'
import type { LocationReader } from '../catalog/read/locations.ts'
import type { PartitionCounter } from '../catalog/read/partition-counts.ts'
import type { Logger } from '../logger.ts'
import type { Queues } from '../queues/queues.ts'

/** What a route may use. */
export interface Parts {
  readonly pool: pg.Pool
  readonly queues: Queues
  readonly logger: Logger
  readonly locations: LocationReader
  readonly partitionCounter: PartitionCounter
}

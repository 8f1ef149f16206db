import type pg from 'pg'
import { createChangeListener } from '../catalog/change-feed.ts'
import type { ChangeListener } from '../catalog/change-feed.ts'
import type { Logger } from '../logger.ts'

export { createLocationReader } from '../catalog/read/locations.ts'
export { createPartitionCounter } from '../catalog/read/partition-counts.ts'

/** Hears changes of the catalogue on a connection beside the pool. */
export function changesOf(pool: pg.Pool, databaseUrl: string | undefined, logger: Logger): ChangeListener {
  const url = databaseUrl ?? pool.options.connectionString
  if (url === undefined) throw new TypeError('A pool without a connection string needs databaseUrl beside it')
  return createChangeListener(url, logger)
}

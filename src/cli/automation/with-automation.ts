import { createPool } from '../../catalog/database.ts'
import { createLocationReader } from '../../catalog/read/locations.ts'
import type { LocationReader } from '../../catalog/read/locations.ts'
import { readEnvironment } from '../environment.ts'
import { requireInstallation } from '../installation.ts'

export type Pool = ReturnType<typeof createPool>

/**
 * Connects to the catalogue, reads what there is of something, uses both and disconnects.
 * @param name as in `millrace schedules`
 */
export async function withAutomation<One, T>(
  name: string,
  read: (parts: { readonly pool: Pool; readonly locations: LocationReader }) => Promise<readonly One[]>,
  use: (pool: Pool, all: readonly One[]) => Promise<T>,
): Promise<T> {
  const { config, logger } = readEnvironment()
  const { databaseUrl } = await requireInstallation(config)
  const pool = createPool({ url: databaseUrl, max: 2, name: `millrace ${name}`, logger })
  try {
    return await use(pool, await read({ pool, locations: createLocationReader() }))
  } finally {
    await pool.end()
  }
}

import { createPool } from '../../catalog/database.ts'
import { createLocationReader } from '../../catalog/read/locations.ts'
import { findAsset } from '../../catalog/read/partitioned-asset.ts'
import { wipeAsset } from '../../catalog/wipe.ts'
import { confirm } from '../confirm.ts'
import { readEnvironment } from '../environment.ts'
import { withCatalog } from '../with-client.ts'

export interface WipeOptions {
  readonly location: string | undefined
  /** Keys and ranges; empty: the whole asset. */
  readonly partitions: readonly string[]
  readonly yes: boolean
}

/** Forgets that an asset, or some of its partitions, were materialized; asks back. */
export async function wipe(key: string, { location, partitions, yes }: WipeOptions): Promise<void> {
  const { config, logger } = readEnvironment()
  await withCatalog(config, 'assets', async (client, databaseUrl) => {
    const found = await findAsset(client, createLocationReader(), key, location)
    const what = partitions.length === 0 ? key : `${partitions.join(', ')} of ${key}`
    if (!yes && !(await confirm(`Forget that ${what} was materialized? What was stored stays.`))) {
      process.stdout.write('Nothing was wiped.\n')
      return
    }
    const pool = createPool({ url: databaseUrl, max: 1, name: 'millrace assets', logger })
    try {
      const wiped = await wipeAsset(pool, found, partitions.length === 0 ? undefined : partitions, 'cli')
      const number = `${String(wiped.partitions)} ${wiped.partitions === 1 ? 'partition' : 'partitions'}`
      process.stdout.write(
        found.set === undefined
          ? `${key} ${wiped.asset ? 'was wiped' : 'was not materialized'}.\n`
          : `${number} of ${key} ${wiped.partitions === 1 ? 'was' : 'were'} wiped.\n`,
      )
    } finally {
      await pool.end()
    }
  })
}

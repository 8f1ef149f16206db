import { startCluster } from '../cluster.ts'
import type { Cluster, ClusterOptions } from '../cluster.ts'

/** Lends an installation that was started for this, and ends it whatever happens. */
export async function withCluster(options: ClusterOptions, use: (cluster: Cluster) => Promise<void>): Promise<void> {
  const cluster = await startCluster(options)
  try {
    await use(cluster)
  } finally {
    await cluster.close()
  }
}

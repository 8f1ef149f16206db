import type pg from 'pg'
import { recordFreshness } from '../catalog/freshness.ts'
import { currentManifests } from '../catalog/manifests.ts'
import type { Logger } from '../logger.ts'

/** How often it is looked whether something was materialized, in ms: what makes an asset fresh again. */
const lookMs = 2000

/**
 * Keeps how fresh assets are written down. Answers in how many ms it wants to be called again at the latest: at the moment when the next asset falls due.
 */
export function createFreshnessWatch(): (deps: { readonly pool: pg.Pool; readonly logger: Logger }, epoch: string) => Promise<number | undefined> {
  let [dueAt, looked] = [0, -Infinity]
  return async ({ pool, logger }, epoch) => {
    const began = performance.now()
    if (began < dueAt && began < looked + lookMs) return dueAt - began
    const manifests = (await currentManifests(pool)).map(({ manifest }) => manifest)
    const { changed, nextMs } = await recordFreshness(pool, manifests, { epoch })
    if (changed > 0) logger.info({ changed }, 'the freshness of assets changed')
    looked = began
    dueAt = nextMs === undefined ? Infinity : performance.now() + nextMs
    return nextMs
  }
}

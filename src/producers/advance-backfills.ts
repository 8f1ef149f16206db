import { openBackfills } from '../catalog/backfills.ts'
import type { SweepDeps } from './free-claims.ts'
import { advanceBackfill } from './launch/backfill/advance.ts'

/**
 * Takes on every backfill that is under way: after a worker died between the end of a run and the launch of the next, or its location came back.
 * One that cannot be taken on keeps no other back.
 * @throws the first error, once all were tried
 */
export async function advanceBackfills(deps: SweepDeps): Promise<void> {
  const errors: unknown[] = []
  for (const id of await openBackfills(deps.pool)) {
    try {
      await advanceBackfill(deps, id)
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}

import { claimStep } from '../catalog/claims.ts'
import { succeedStep } from '../catalog/steps.ts'
import { MillraceError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import type { Payload } from '../queues/jobs.ts'
import { computeSql } from '../warehouse/compute-sql.ts'
import type { WorkerContext } from './context.ts'
import { withDestination } from './destination.ts'
import { followUp } from './publish.ts'
import { doWork } from './work.ts'

/** Computes a SQL asset in the destination. */
export async function compute(context: WorkerContext, payload: Payload<'compute'>): Promise<void> {
  await withDestination(context, async (destination) => {
    const claimed = await claimStep(context.pool, { ...payload, status: 'computing', session: context.session.id, backend: destination.backend })
    if (claimed === undefined) return
    faultPoint('compute.claimed')
    await doWork(context, 'compute', claimed, async (signal) => {
      await destination.takeOver(claimed.previousBackend)
      destination.endOnAbort(signal)
      const spec = await context.manifests.assetSpec(claimed.location, claimed.version, claimed.asset)
      if (spec.kind !== 'sql') throw new MillraceError(`${claimed.asset} is not a SQL asset in version ${claimed.version}.`, { code: 'ASSET_UNKNOWN' })
      const { checks, ...counts } = await computeSql(destination.client, { stepId: claimed.stepId, spec })
      faultPoint('compute.committed')
      await followUp(context, claimed.stepId, await succeedStep(context.pool, claimed.stepId, { metadata: { ...counts }, checks }))
    })
  })
}

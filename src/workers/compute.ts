import { readSchemas } from '../catalog/checks.ts'
import { claimStep } from '../catalog/claims.ts'
import { succeedStep } from '../catalog/steps.ts'
import { MillraceError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import type { Payload } from '../queues/jobs.ts'
import { computeSql } from '../warehouse/compute-sql.ts'
import type { WorkerContext } from './context.ts'
import { workOnDestination } from './destination.ts'
import { followUp } from './publish.ts'

/** Computes a SQL asset in the destination. */
export async function compute(context: WorkerContext, payload: Payload<'compute'>): Promise<void> {
  await workOnDestination(context, {
    job: 'compute',
    payload,
    claim: (backend) => claimStep(context.pool, { ...payload, status: 'computing', session: context.session.id, ...(backend && { backend }) }),
    run: async (claimed, ask) => {
      const spec = await context.manifests.assetSpec(claimed.location, claimed.version, claimed.asset)
      if (spec.kind !== 'sql') throw new MillraceError(`${claimed.asset} is not a SQL asset in version ${claimed.version}.`, { code: 'ASSET_UNKNOWN' })
      const schemas = await readSchemas(context.pool, claimed, spec.checks)
      const { checks, ...counts } = await ask((client) => computeSql(client, { stepId: claimed.stepId, spec, schemas }))
      faultPoint('compute.committed')
      await followUp(context, claimed.stepId, await succeedStep(context.pool, claimed.stepId, { metadata: { ...counts }, checks }))
    },
  })
}

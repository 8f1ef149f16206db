import { claimStep } from '../catalog/claims.ts'
import { markPrepared } from '../catalog/steps.ts'
import { insertEvents } from '../catalog/events.ts'
import { FencedError, MillraceError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import { enqueueStep } from '../producers/launch/enqueue-step.ts'
import type { Payload } from '../queues/jobs.ts'
import { prepareLoad } from '../warehouse/prepare-load.ts'
import type { Prepared } from '../warehouse/prepare-load.ts'
import type { WorkerContext } from './context.ts'
import { withDestination } from './destination.ts'
import { tableSpecOf } from './table-spec.ts'
import { doWork } from './work.ts'

function publishedOtherwise(asset: string): MillraceError {
  return new MillraceError(`${asset} was published batch by batch when its run began, and is not any more, or the other way round.`, {
    code: 'ASSET_CHANGED',
    hint: 'What is in the table stays. Launch a new run; its cursor says from where.',
  })
}

/** Makes the destination ready for a step's rows; then the step may extract. */
export async function prepare(context: WorkerContext, payload: Payload<'prepare'>): Promise<void> {
  await withDestination(context, async (destination) => {
    const claimed = await claimStep(context.pool, { ...payload, status: 'preparing', session: context.session.id, backend: destination.backend })
    if (claimed === undefined) return
    faultPoint('prepare.claimed')
    await doWork(context, 'prepare', claimed, async (signal) => {
      await destination.takeOver(claimed.previousBackend)
      destination.endOnAbort(signal)
      const { client } = destination
      const { table } = await tableSpecOf(context, claimed)
      if (claimed.eachBatch !== (table.eachBatch === true)) throw publishedOtherwise(claimed.asset)
      let prepared: Prepared
      await client.query('BEGIN')
      try {
        prepared = await prepareLoad(client, { stepId: claimed.stepId, generation: claimed.generation, table })
        if (prepared.state !== 'open') throw new FencedError(`the step ${claimed.stepId}`)
        await client.query('COMMIT')
        if (prepared.ddl.length > 0) {
          await insertEvents(context.pool, [
            {
              runId: claimed.runId,
              stepId: claimed.stepId,
              asset: claimed.asset,
              kind: 'schema',
              message: `The table ${table.schema}.${table.name} was changed.`,
              data: { ddl: prepared.ddl },
            },
          ])
        }
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined)
        throw error
      }
      if (claimed.generation > 1) await context.spool.remove(`${claimed.stepId}/${String(claimed.generation - 1)}/`)
      const due = await markPrepared(context.pool, { stepId: claimed.stepId, claim: claimed.claim, cursorFrom: prepared.cursor, loaded: prepared.loaded })
      if (due === undefined) throw new FencedError(`the step ${claimed.stepId}`)
      await enqueueStep(context.queues, due)
    })
  })
}

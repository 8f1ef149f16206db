import { claimStep } from '../catalog/claims.ts'
import { markPrepared } from '../catalog/steps.ts'
import { FencedError, MillraceError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import { enqueueStep } from '../producers/launch/enqueue-step.ts'
import type { Payload } from '../queues/jobs.ts'
import { prepareLoad } from '../warehouse/prepare-load.ts'
import type { Prepared } from '../warehouse/prepare-load.ts'
import { schemaEvents } from './schema-events.ts'
import type { WorkerContext } from './context.ts'
import { withDestination } from './destination.ts'
import { dropSpooled } from './spooling.ts'
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
      // What an attempt before found is found again: the table may have changed since.
      const { table, checks } = await tableSpecOf(context, { ...claimed, limits: [] })
      const checked = checks.flatMap((check) => ('columns' in check ? check.columns : []))
      if (claimed.eachBatch !== (table.eachBatch === true)) throw publishedOtherwise(claimed.asset)
      let prepared: Prepared
      await client.query('BEGIN')
      try {
        prepared = await prepareLoad(client, { stepId: claimed.stepId, generation: claimed.generation, table, checked })
        if (prepared.state !== 'open') throw new FencedError(`the step ${claimed.stepId}`)
        await client.query('COMMIT')
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined)
        throw error
      }
      if (claimed.generation > 1) dropSpooled(context, `${claimed.stepId}/${String(claimed.generation - 1)}/`)
      const { runId, stepId, claim, asset } = claimed
      const events = schemaEvents(table, prepared).map((event) => ({ runId, stepId, asset, ...event }))
      const due = await markPrepared(context.pool, { stepId, claim, limits: prepared.limits, events, cursorFrom: prepared.cursor, loaded: prepared.loaded })
      if (due === undefined) throw new FencedError(`the step ${claimed.stepId}`)
      await enqueueStep(context.queues, due)
    })
  })
}

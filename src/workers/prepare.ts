import { claimStep } from '../catalog/claims.ts'
import type { ClaimedStep } from '../catalog/claims.ts'
import { markPrepared } from '../catalog/steps.ts'
import { FencedError, MillraceError } from '../errors.ts'
import { enqueueStep } from '../producers/launch/enqueue-step.ts'
import type { Payload } from '../queues/jobs.ts'
import { prepareLoad } from '../warehouse/prepare-load.ts'
import type { Prepared, PrepareRequest } from '../warehouse/prepare-load.ts'
import type { WorkerContext } from './context.ts'
import { workOnDestination } from './destination.ts'
import type { Ask } from './destination-pool.ts'
import { schemaEvents } from './schema-events.ts'
import { dropSpooled } from './spooling.ts'
import { tableSpecOf } from './table-spec.ts'

/** Makes the destination ready for a step's rows; then the step may extract. */
export async function prepare(context: WorkerContext, payload: Payload<'prepare'>): Promise<void> {
  await workOnDestination(context, {
    job: 'prepare',
    payload,
    claim: (backend) => claimStep(context.pool, { ...payload, status: 'preparing', session: context.session.id, ...(backend && { backend }) }),
    run: async (claimed, ask) => {
      // What an attempt before found is found again: the table may have changed since.
      const { table, checks } = await tableSpecOf(context, { ...claimed, limits: [] })
      if (claimed.eachBatch !== (table.eachBatch === true)) throw publishedOtherwise(claimed.asset)
      const checked = checks.flatMap((check) => ('columns' in check ? check.columns : []))
      const prepared = await prepareInTransaction(ask, { stepId: claimed.stepId, generation: claimed.generation, table, checked })
      await goOn(context, claimed, prepared, schemaEvents(table, prepared))
    },
  })
}

async function prepareInTransaction(ask: Ask, request: PrepareRequest): Promise<Prepared> {
  return ask(async (client) => {
    await client.query('BEGIN')
    try {
      const prepared = await prepareLoad(client, request)
      if (prepared.state !== 'open') throw new FencedError(`the step ${request.stepId}`)
      await client.query('COMMIT')
      return prepared
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  })
}

async function goOn(context: WorkerContext, claimed: ClaimedStep, prepared: Prepared, said: ReturnType<typeof schemaEvents>): Promise<void> {
  const { runId, stepId, generation, claim, asset } = claimed
  if (generation > 1) dropSpooled(context, `${stepId}/${String(generation - 1)}/`)
  const events = said.map((event) => ({ runId, stepId, asset, ...event }))
  const due = await markPrepared(context.pool, { stepId, claim, limits: prepared.limits, events, cursorFrom: prepared.cursor, loaded: prepared.loaded })
  if (due === undefined) throw new FencedError(`the step ${stepId}`)
  await enqueueStep(context.queues, due)
}

function publishedOtherwise(asset: string): MillraceError {
  return new MillraceError(`${asset} was published batch by batch when its run began, and is not any more, or the other way round.`, {
    code: 'ASSET_CHANGED',
    hint: 'What is in the table stays. Launch a new run; its cursor says from where.',
  })
}

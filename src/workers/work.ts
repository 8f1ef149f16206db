import type { ClaimedBatch, ClaimedStep } from '../catalog/claims.ts'
import { releaseBatch, releaseStep } from '../catalog/claims.ts'
import { insertEvents } from '../catalog/events.ts'
import { endedByHolder } from '../catalog/step-states.ts'
import { failStep } from '../catalog/steps.ts'
import type { StepEnd } from '../catalog/steps.ts'
import { CheckFailedError } from '../definitions/check-outcome.ts'
import { RetryPolicy } from '../definitions/retry.ts'
import { FencedError, MillraceError } from '../errors.ts'
import { enqueueStep, enqueueSteps } from '../producers/launch/enqueue-step.ts'
import { startWaiting } from '../producers/launch/start-waiting.ts'
import type { JobName } from '../queues/jobs.ts'
import { SpoolUnavailableError } from '../spool/spool-unavailable-error.ts'
import type { WorkerContext } from './context.ts'
import { DestinationDownError } from './destination-down.ts'
import { isConnectionLoss, UserCodeError } from './failure.ts'
import { goOnAfter } from './go-on-after.ts'
import { ShutdownError } from './session.ts'
import { tellSpoolWait } from './spooling.ts'

export type Claimed = ClaimedStep | ClaimedBatch

// The page came broken from the source: transforming the same bytes again would fail again. Or there is nothing to go on from: the file is another
// one by now, or a parent is gone.
const brokenPage = new Set(['PAGE_TRUNCATED', 'PAGE_NOT_JSON', 'PAGE_NOT_UTF8', 'SOURCE_CHANGED', 'SOURCE_PARENTS_MOVED'])

/** How long work that needs a spool which does not answer stays in its queue, in ms. */
const spoolAwayMs = 3000

const isBatch = (claimed: Claimed): claimed is ClaimedBatch => 'batchId' in claimed

/** A step failed for good: thrown to the queue, so that the job shows as failed there and a person can ask for another attempt. */
class StepFailedError extends Error {
  override readonly name = 'StepFailedError'
}

/**
 * Runs one piece of claimed work and settles what became of it: whoever lost its claim says nothing, a stopping worker or a lost database
 * or spool gives the work back, anything else is the step's failure.
 */
export async function doWork(context: WorkerContext, job: JobName, claimed: Claimed, run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const work = context.session.begin({
    runId: claimed.runId,
    stepId: claimed.stepId,
    claim: claimed.claim,
    ...(isBatch(claimed) ? { batchId: claimed.batchId } : {}),
  })
  const leave = context.watchdog?.enter(`${job} of ${claimed.asset}`)
  try {
    work.signal.throwIfAborted()
    await run(work.signal)
  } catch (thrown) {
    await settle(context, job, claimed, reasonOf(work.signal, thrown))
  } finally {
    leave?.()
    work.end()
    context.notifier.changed(claimed.runId)
  }
}

function reasonOf(signal: AbortSignal, thrown: unknown): unknown {
  const reason: unknown = signal.aborted ? signal.reason : thrown
  return reason
}

async function settle(context: WorkerContext, job: JobName, claimed: Claimed, reason: unknown): Promise<void> {
  const { session, logger, pool } = context
  const where = { run: claimed.runId, step: claimed.stepId, asset: claimed.asset, job }
  if (reason instanceof FencedError) {
    logger.debug({ err: reason, ...where }, 'work given up: the claim is gone')
    await settleCanceled(context, claimed)
    return
  }
  const own = !(reason instanceof UserCodeError)
  const error = own ? reason : reason.cause
  if (error instanceof ShutdownError || error instanceof DestinationDownError || (own && isConnectionLoss(error))) {
    logger.info({ err: error, ...where }, 'work given back')
    const later = error instanceof ShutdownError ? 0 : error instanceof DestinationDownError ? error.hold.delayMs : 500
    // Not awaited when the database is away: the queue's job must not wait for it.
    const releasing = session.untilDone('giving work back', () => giveBack(context, job, claimed, later))
    if (error instanceof ShutdownError) {
      await releasing
      if (!isBatch(claimed)) await session.untilDone('telling of it', () => tellStopped(context, claimed))
    }
    return
  }
  if (own && error instanceof SpoolUnavailableError) {
    // What is in the spool is not lost because it cannot be read now: it is tried again, and no attempt is counted.
    await tellSpoolWait(context, claimed, error)
    void session.untilDone('giving work back', () => giveBack(context, job, claimed, spoolAwayMs))
    return
  }
  let end: (StepEnd & { failed: boolean }) | undefined
  try {
    end = await failStep(pool, guardOf(claimed), error, await policyOf(context, claimed), {
      ...(error instanceof CheckFailedError ? { checks: error.outcomes } : {}),
      afresh: error instanceof MillraceError && brokenPage.has(error.code),
    })
  } catch (failing) {
    if (!isConnectionLoss(failing)) throw failing
    void session.untilDone('giving work back', () => giveBack(context, job, claimed, 500))
    return
  }
  if (end === undefined) return
  await enqueueSteps(context.queues, end.due)
  if (end.runEnded) await goOnAfter(context, claimed.stepId)
  if (end.makesRoom) await startWaiting(context)
  if (end.failed) {
    logger.error({ err: error, ...where }, 'step failed')
    throw new StepFailedError(error instanceof Error ? error.message : String(error), { cause: error })
  }
  if (end.due.length > 0) logger.warn({ err: error, ...where, delayMs: end.due[0]?.delayMs }, 'step will be tried again')
}

async function tellStopped({ pool }: WorkerContext, { runId, stepId, asset }: Claimed): Promise<void> {
  const message = `A worker was stopped while it worked on ${asset}: another goes on with it, and no attempt is counted.`
  await insertEvents(pool, [{ runId, stepId, asset, kind: 'stopped', level: 'warn', message }])
}

/** What of a canceled run only its holder can end has nobody else to end it. */
async function settleCanceled(context: WorkerContext, claimed: Claimed): Promise<void> {
  if (isBatch(claimed) || !endedByHolder.some((status) => status === claimed.status)) return
  const { rows } = await context.pool.query<{ status: string }>(`SELECT status FROM millrace.run WHERE id = $1`, [claimed.runId])
  if (rows[0]?.status !== 'canceling') return
  const end = await failStep(context.pool, guardOf(claimed), new FencedError(`the step ${claimed.stepId}`), RetryPolicy.parse({}))
  if (end?.makesRoom === true) await startWaiting(context)
}

function guardOf(claimed: Claimed) {
  return isBatch(claimed) ? { stepId: claimed.stepId, batchId: claimed.batchId, claim: claimed.claim } : { stepId: claimed.stepId, claim: claimed.claim }
}

async function policyOf(context: WorkerContext, claimed: Claimed): Promise<RetryPolicy> {
  if (!isBatch(claimed) && claimed.kind === 'op') {
    const { job, partOf, branch } = claimed.place
    return (await context.manifests.opStep(claimed.location, claimed.version, { job, partOf, name: branch?.template ?? claimed.asset })).retry
  }
  return (await context.manifests.assetSpec(claimed.location, claimed.version, claimed.asset)).retry
}

/** Frees a claim and enqueues its next delivery. */
export async function giveBack(context: WorkerContext, job: JobName, claimed: Claimed, delayMs: number): Promise<void> {
  const options = delayMs > 0 ? { delayMs } : {}
  if (isBatch(claimed)) {
    const enqueued = await releaseBatch(context.pool, claimed.batchId, claimed.claim)
    if (enqueued !== undefined)
      await context.queues.enqueue(claimed.location, job === 'load' ? 'load' : 'transform', { batchId: claimed.batchId, enqueued }, options)
    return
  }
  const enqueued = await releaseStep(context.pool, claimed.stepId, claimed.claim)
  if (enqueued !== undefined)
    await enqueueStep(context.queues, { stepId: claimed.stepId, location: claimed.location, status: claimed.status, enqueued, ...options })
}

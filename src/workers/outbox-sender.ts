import { insertEvents } from '../catalog/events.ts'
import type { EventInput } from '../catalog/events.ts'
import { transaction } from '../catalog/database.ts'
import type { Database } from '../catalog/database.ts'
import { claimOutbox, keepNotifications, markDone, markFailed, releaseOutbox } from '../catalog/outbox.ts'
import type { ClaimedOutbox } from '../catalog/outbox.ts'
import type { HookContext } from '../definitions/hook.ts'
import type { JsonObject } from '../definitions/json.ts'
import { RetryPolicy, retryDelay } from '../definitions/retry.ts'
import { FencedError, isRetryable, MillraceError, sentence, storedError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import { callHook } from './call-hook.ts'
import type { KeptNotification } from './call-hook.ts'
import type { WorkerContext } from './context.ts'
import { isConnectionLoss, UserCodeError } from './failure.ts'
import { notifierOf, sendNotification } from './send-notification.ts'
import { ShutdownError } from './session.ts'

/** Rows that a process works on at once. Beside its queues: no long op may stand in the way of saying that something failed. */
const atOnce = 4
/** How often it looks for rows that are due, in ms. */
const usualLookMs = 1000
const hour = 3_600_000
/** Of notifications, unless the notifier says otherwise: about four hours in all. */
const notificationRetry = RetryPolicy.parse({ retries: 14, delayMs: 2000, maxDelayMs: hour })
const mostLines = 100
/** What another version may define. */
const notHere: ReadonlySet<string> = new Set(['HOOK_UNKNOWN', 'NOTIFIER_UNKNOWN'])
const notHereForMs = 4 * hour
/** How long a worker that ends with its run sends on, in ms: a person waits for it. */
const lastLookMs = 10_000

export interface OutboxSenderOptions {
  /** The worker ends with one run. */
  readonly temporary: boolean
  readonly lookMs?: number | undefined
}

export interface OutboxSender {
  /** Claims nothing more, and waits for what is in hand. */
  retire(): Promise<void>
  /** The same, and gives back what is not through after so many ms; a temporary one after 10 s. */
  stop(drainMs: number): Promise<void>
}

/**
 * Calls the hooks and sends the notifications of this worker's locations: claims rows that are due, some at once, again and again.
 * A temporary one looks a last time as it stops: nobody else may be there.
 */
export function startOutboxSender(context: WorkerContext, { temporary, lookMs = usualLookMs }: OutboxSenderOptions): OutboxSender {
  const locations = [...context.locations.keys()]
  const inHand = new Map<string, Promise<void>>()
  const ending = new AbortController()
  let stopped = false
  let looking: Promise<void> | undefined
  let lookAgain = false
  // One look after the other: what is claimed here is in hand before the next one.
  const look = (): void => {
    lookAgain = looking !== undefined
    looking ??= claimSome().finally(() => {
      looking = undefined
      if (lookAgain) look()
    })
  }
  const claimSome = async (): Promise<void> => {
    const free = atOnce - inHand.size
    if (stopped || free === 0) return
    try {
      for (const claimed of await claimOutbox(context.pool, { locations, session: context.session.id, inHand: [...inHand.keys()], limit: free })) {
        const working = work(context, claimed, ending.signal).finally(() => {
          // A row that is due again at once may be in hand anew by now.
          if (inHand.get(claimed.id) === working) inHand.delete(claimed.id)
          look()
        })
        inHand.set(claimed.id, working)
      }
    } catch (error) {
      context.logger.debug({ err: error }, 'the outbox was not read; tried again in a second')
    }
  }
  const timer = setInterval(look, lookMs)
  const retire = async (): Promise<void> => {
    clearInterval(timer)
    stopped = true
    await looking
    await Promise.allSettled(inHand.values())
  }
  return {
    retire,
    async stop(drainMs) {
      const deadline = setTimeout(() => ending.abort(new ShutdownError()), temporary ? lastLookMs : drainMs)
      clearInterval(timer)
      while (temporary && !ending.signal.aborted) {
        look()
        while (looking !== undefined) await looking
        if (inHand.size === 0) break
        await Promise.race(inHand.values())
      }
      await retire()
      clearTimeout(deadline)
    },
  }
}

/** What a try needs, and what becomes of a row whose try fails. */
interface Try {
  readonly retry: RetryPolicy
  readonly send: (log: HookContext['log'], ending: AbortSignal) => Promise<readonly KeptNotification[]>
}

/** One try of one row. Never rejects. */
async function work(context: WorkerContext, claimed: ClaimedOutbox, ending: AbortSignal): Promise<void> {
  const { logger, pool } = context
  const { location, kind, target } = claimed
  const where = { location, [kind]: target, id: claimed.id, ...(claimed.runId === null ? {} : { run: claimed.runId }) }
  faultPoint('outbox.claimed')
  const leave = context.watchdog?.enter(`the ${kind} ${target}`)
  const lines: Said[] = []
  const log = (message: string, fields: JsonObject = {}): void => {
    logger.info({ ...where, ...fields }, message)
    if (lines.length < mostLines) lines.push({ kind: 'log', message, data: fields })
  }
  let retry = notificationRetry
  try {
    const one = await tryOf(context, claimed)
    retry = one.retry
    refuseDeadly(claimed, retry)
    const notifications = await one.send(log, ending)
    faultPoint('outbox.sent')
    await transaction(pool, async (client) => {
      if (!(await markDone(client, claimed))) return
      await keepNotifications(
        client,
        { location, causedBy: `hook ${target}`, runId: claimed.runId ?? undefined, stepId: claimed.stepId ?? undefined },
        notifications,
      )
      const said = kind === 'hook' ? `The hook ${target} was called.` : `A notification was sent through ${target}.`
      await tell(client, claimed, [...lines, { kind, message: said }])
    })
  } catch (thrown) {
    // While this session lives nobody else takes the row: what became of it must be written down.
    await context.session.untilDone('writing down a try of the outbox', () => settle(context, claimed, retry, thrown, lines))
  } finally {
    leave?.()
    if (claimed.runId !== null) context.notifier.changed(claimed.runId)
  }
}

/** @throws MillraceError `HOOK_UNKNOWN`, `NOTIFIER_UNKNOWN` where these definitions have no such thing; what `notifierOf` throws */
async function tryOf(context: WorkerContext, claimed: ClaimedOutbox): Promise<Try> {
  const { kind, target, location } = claimed
  const own = context.locations.get(location)?.location
  if (kind === 'hook') {
    const hook = own?.hooks[target]
    if (hook === undefined) throw unknown('HOOK_UNKNOWN', `${location} has no hook ${target}`)
    return { retry: hook.retry, send: (log, ending) => callHook(context, hook, claimed, { log, ending }) }
  }
  const resource = own?.resources[target]
  if (resource === undefined) throw unknown('NOTIFIER_UNKNOWN', `${location} has no resource ${target}`)
  const notifier = await notifierOf(context, claimed, resource)
  return {
    retry: RetryPolicy.parse({ ...notificationRetry, ...notifier.retry }),
    async send(_log, ending) {
      await sendNotification(context, notifier, claimed, ending)
      return []
    },
  }
}

/** Tried again: while workers are redeployed one of the other version may have it. */
const unknown = (code: string, what: string): MillraceError =>
  new MillraceError(`The code location ${what}, in the version of this worker.`, {
    code,
    retryable: true,
    hint: 'It was renamed or removed after this was asked for. Bring it back and have it tried again: `millrace notifications retry`.',
  })

/** A row that was claimed more often than it may be tried had workers that died of it. */
function refuseDeadly({ kind, target, attempt }: ClaimedOutbox, { retries }: RetryPolicy): void {
  if (attempt <= retries + 1) return
  throw new MillraceError(`The workers that tried the ${kind} ${target} died of it.`, {
    code: 'WORKERS_LOST',
    hint: 'Look into their logs, mend it, and have it tried again: `millrace notifications retry`.',
  })
}

async function settle(context: WorkerContext, claimed: ClaimedOutbox, retry: RetryPolicy, thrown: unknown, lines: readonly Said[]): Promise<void> {
  const { logger, pool } = context
  const { location, kind, target, attempt } = claimed
  const own = !(thrown instanceof UserCodeError)
  const error = own ? thrown : thrown.cause
  if (own && error instanceof FencedError) return
  // No failure of the hook or the notifier. It may have been sent all the same.
  if (error instanceof ShutdownError || (own && isConnectionLoss(error))) return releaseOutbox(pool, claimed)
  // A worker of another version may have it: no try of its own, for as long as redeployments take.
  if (error instanceof MillraceError && notHere.has(error.code) && Date.now() - claimed.createdAt.getTime() < notHereForMs) {
    return releaseOutbox(pool, claimed, 15_000)
  }
  const again = isRetryable(error) && attempt <= retry.retries
  const wanted = error instanceof MillraceError ? (error.retryAfterMs ?? 0) : 0
  const delayMs = again ? Math.max(Math.min(wanted, hour), retryDelay(retry, attempt, Math.random())) : undefined
  const reason = error instanceof Error ? error.message : String(error)
  const told = kind === 'hook' ? `The hook ${target} failed: ${sentence(reason)}` : `A notification could not be sent through ${target}: ${sentence(reason)}`
  logger[again ? 'warn' : 'error']({ err: error, location, [kind]: target, attempt, delayMs }, again ? `a ${kind} is tried again` : `a ${kind} was given up`)
  await transaction(pool, async (client) => {
    if (!(await markFailed(client, claimed, storedError(error), delayMs))) return
    const then = again ? ` Tried again in ${((delayMs ?? 0) / 1000).toFixed(1)} s.` : ''
    await tell(client, claimed, [...lines, { kind, level: again ? 'warn' : 'error', message: `${told}${then}`, data: { error: storedError(error), attempt } }])
  })
}

type Said = Omit<EventInput, 'runId' | 'stepId'>

/** In the log of the run that it is of; of a sensor's notification the row tells. */
async function tell(client: Database, { runId, stepId }: ClaimedOutbox, said: readonly Said[]): Promise<void> {
  if (runId !== null)
    await insertEvents(
      client,
      said.map((one) => ({ ...one, runId, stepId: stepId ?? undefined })),
    )
}

import { setTimeout as delay } from 'node:timers/promises'
import { insertEvents } from '../catalog/events.ts'
import { endSpoolWait, noteSpoolWait } from '../catalog/spool-wait.ts'
import { MillraceError } from '../errors.ts'
import { SpoolUnavailableError } from '../spool/spool-unavailable-error.ts'
import type { WorkerContext } from './context.ts'

/** Whose bytes they are. */
interface Owner {
  readonly runId: string
  readonly stepId: string
  readonly asset: string
}

const firstDelayMs = 250
const largestDelayMs = 5000

export interface Patience {
  /** Ends the waiting; never a write that is under way. */
  readonly signal: AbortSignal
  /** How long it waits at most, in ms. */
  readonly timeoutMs: number
}

/**
 * Writes into the spool; while that is full or does not answer, waits, says so, and tries again.
 * @throws MillraceError `SPOOL_TIMEOUT` when it took too long; what the signal was aborted with
 */
export async function untilSpooled<T>(context: WorkerContext, owner: Owner, { signal, timeoutMs }: Patience, write: () => Promise<T>): Promise<T> {
  const since = performance.now()
  for (let delayMs = firstDelayMs; ; delayMs = Math.min(delayMs * 2, largestDelayMs)) {
    try {
      const written = await write()
      if (delayMs > firstDelayMs) await over(context, owner)
      return written
    } catch (error) {
      if (!(error instanceof SpoolUnavailableError)) throw error
      if (performance.now() - since > timeoutMs) throw tooLong(owner, timeoutMs, error)
      await tellSpoolWait(context, owner, error)
    }
    // Not all at once: with room for one, one gets through.
    await delay(delayMs * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined)
    signal.throwIfAborted()
  }
}

/** Says why a step waits: in its row, which the board and `runs show` read; and where it is news, in the run's events and the log. */
export async function tellSpoolWait(context: WorkerContext, { runId, stepId, asset }: Owner, error: SpoolUnavailableError): Promise<void> {
  const reason = `Waits for ${error.full ? 'room in the spool' : 'the spool'}: ${error.message}`
  try {
    const news = await noteSpoolWait(context.pool, stepId, reason)
    context.logger[news ? 'warn' : 'debug'](
      { err: error, run: runId, step: stepId, asset },
      error.full ? 'waiting for room in the spool' : 'waiting for the spool',
    )
    if (!news) return
    const message = `${reason} ${error.hint ?? ''} It goes on by itself.`
    await insertEvents(context.pool, [{ runId, stepId, asset, kind: 'spool', level: 'warn', message }])
    context.notifier.changed(runId)
  } catch (failure) {
    context.logger.debug({ err: failure }, 'not written down that a step waits for the spool')
  }
}

async function over(context: WorkerContext, { runId, stepId, asset }: Owner): Promise<void> {
  context.logger.info({ run: runId, step: stepId, asset }, 'the spool takes batches again')
  await endSpoolWait(context.pool, stepId).catch((error: unknown) => context.logger.debug({ err: error }, 'the end of a wait was not written down'))
}

function tooLong({ asset }: Owner, timeoutMs: number, cause: SpoolUnavailableError): MillraceError {
  return new MillraceError(`A batch of ${asset} could not be spooled for ${String(timeoutMs / 1000)} s. ${cause.message}`, {
    code: 'SPOOL_TIMEOUT',
    retryable: true,
    ...(cause.hint === undefined ? {} : { hint: cause.hint }),
    cause,
  })
}

/** Removes what nobody needs any more, without waiting for it: what stays, the sweep of the spool finds. */
export function dropSpooled(context: WorkerContext, ...names: readonly string[]): void {
  for (const name of names) {
    context.spool.remove(name).catch((error: unknown) => context.logger.debug({ err: error, name }, 'not removed from the spool; the sweep will'))
  }
}

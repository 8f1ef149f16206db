import { countInFlight } from '../catalog/batches.ts'
import type { ClaimedStep } from '../catalog/claims.ts'
import type { WorkerContext } from './context.ts'

/** Asked again after this long even when no change was heard of: a notification is a hint that may be lost. */
const lookAgainMs = 1000

/** Waits until fewer than `window` batches of the step are between extract and load: so disk and memory stay flat whatever the source's size. */
export async function waitForWindow(context: WorkerContext, claimed: ClaimedStep, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // Subscribe before counting, or a change in between would go unheard.
    const change = nextChange(context, claimed.runId, signal)
    if ((await countInFlight(context.pool, claimed.stepId, claimed.generation)) < context.limits.window) {
      change.cancel()
      return
    }
    await change.heard
  }
}

function nextChange(context: WorkerContext, runId: string, signal: AbortSignal): { heard: Promise<void>; cancel: () => void } {
  let finish: () => void = () => undefined
  const heard = new Promise<void>((resolve) => {
    finish = resolve
  })
  const timer = setTimeout(() => finish(), lookAgainMs)
  const unsubscribe = context.listener.subscribe(() => finish(), runId)
  const onAbort = (): void => finish()
  signal.addEventListener('abort', onAbort, { once: true })
  const cancel = (): void => {
    clearTimeout(timer)
    unsubscribe()
    signal.removeEventListener('abort', onAbort)
  }
  return { heard: heard.then(cancel), cancel }
}

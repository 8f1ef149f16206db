/** What stops a step's user code: the end of the work it is part of, its timeout, or ourselves. */
export interface StepSignal {
  readonly signal: AbortSignal
  readonly abort: (reason: unknown) => void
  /** Waits for work, but no longer than until the signal: then rejects with why, which after the timeout is `tooLong`. */
  readonly until: <T>(work: () => Promise<T>) => Promise<T>
  /** To be called when the step is over. */
  readonly end: () => void
}

/**
 * By hand, because `AbortSignal.timeout` lives until it fires, and a `Promise.race` against a promise that lives so long keeps the result
 * of every race with it: all pages of a step stayed in memory until its timeout, hours after its end.
 * @param tooLong makes our error after `timeoutMs` milliseconds; user code sees a TimeoutError then, as from `AbortSignal.timeout`
 */
export function createStepSignal(outer: AbortSignal, timeoutMs: number, tooLong: () => Error): StepSignal {
  const controller = new AbortController()
  const { signal } = controller
  const abort = (reason: unknown): void => controller.abort(reason)
  const abortWithOuter = (): void => abort(outer.reason)
  if (outer.aborted) abortWithOuter()
  outer.addEventListener('abort', abortWithOuter, { once: true })
  let late: Error | undefined
  const timer = setTimeout(() => {
    if (signal.aborted) return
    late = tooLong()
    abort(new DOMException(late.message, 'TimeoutError'))
  }, timeoutMs)
  return {
    signal,
    abort,
    until: (work) =>
      new Promise((resolve, reject) => {
        const onAbort = (): void => reject(late ?? signal.reason)
        if (signal.aborted) return onAbort()
        signal.addEventListener('abort', onAbort, { once: true })
        void work()
          .then(resolve, reject)
          .finally(() => signal.removeEventListener('abort', onAbort))
      }),
    end: () => {
      clearTimeout(timer)
      outer.removeEventListener('abort', abortWithOuter)
    },
  }
}

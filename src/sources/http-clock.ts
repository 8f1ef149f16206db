/** Times how long a server lets us wait, and ends its request when that is too long. */
export interface ServerClock {
  /** Aborted once the caller's is, and once time is up. */
  readonly signal: AbortSignal
  /** Waits for the server. Time runs only meanwhile, not while our own consumer takes its time. */
  readonly wait: <T>(work: () => Promise<T>) => Promise<T>
  /** To be told, within `wait`, when something came. Answers how long it was waited for, in milliseconds. */
  readonly heard: () => number
  /** How long the server was waited for in all, in milliseconds. */
  readonly waitedMs: () => number
  /** Gives the server no more than so many milliseconds from now. */
  readonly deadline: (ms: number) => void
  readonly gaveUp: () => 'silent' | 'late' | undefined
  readonly end: () => void
}

/** One signal out of the caller's and the clock's. By hand: AbortSignal.any would hold on to a long step's signal once per page. */
export function serverClock(outer: AbortSignal | undefined, idleTimeoutMs: number, totalTimeoutMs: number): ServerClock {
  const controller = new AbortController()
  let why: 'silent' | 'late' | undefined
  let waited = 0
  let total = totalTimeoutMs
  let since: number | undefined
  let timer: NodeJS.Timeout | undefined
  const abort = (): void => controller.abort(outer?.reason)
  outer?.addEventListener('abort', abort, { once: true })
  // One timer for the whole answer, not one for each part: when it fires, it looks how much time is left by then.
  const look = (): void => {
    timer = undefined
    if (since === undefined) return
    const left = total - waited
    const restMs = since + Math.min(idleTimeoutMs, left) - performance.now()
    if (restMs > 0) {
      timer = setTimeout(look, restMs)
      return
    }
    why = left < idleTimeoutMs ? 'late' : 'silent'
    controller.abort()
  }
  const heard = (): number => {
    const now = performance.now()
    const ms = now - (since ?? now)
    waited += ms
    since = now
    return ms
  }
  return {
    signal: controller.signal,
    heard,
    wait: async (work) => {
      since = performance.now()
      timer ??= setTimeout(look, Math.max(0, Math.min(idleTimeoutMs, total - waited)))
      try {
        return await work()
      } finally {
        heard()
        since = undefined
      }
    },
    waitedMs: () => waited,
    deadline: (ms) => {
      total = Math.min(total, waited + ms)
      clearTimeout(timer)
      timer = undefined
    },
    gaveUp: () => why,
    end: () => {
      clearTimeout(timer)
      outer?.removeEventListener('abort', abort)
    },
  }
}

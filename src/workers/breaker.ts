/** Why a destination is not asked at the moment. */
export interface Outage {
  readonly reason: string
  readonly since: Date
}

/** An outage, and when to come again. */
export interface Hold extends Outage {
  readonly delayMs: number
}

/** `unreachable`: over with the first connection; `refusing`: it answers and takes no rows, so over with the first work that is done. */
export type DownKind = 'unreachable' | 'refusing'

/** A circuit breaker: while a destination is down, one piece of work at a time tries it, ever more rarely; all others are told to wait. */
export interface Breaker {
  readonly outage: Outage | undefined
  /** How long to wait; undefined: go on. In an outage that makes the asker the one who tries. */
  ask(): Hold | undefined
  failed(kind: DownKind, reason: string): Hold
  /** A connection was made. */
  connected(): void
  /** Work was done, or failed by itself. */
  worked(): void
}

const firstDelayMs = 250
// What waits goes on within this time when its destination is back.
const longestDelayMs = 10_000

export function createBreaker(now: () => number = () => performance.now()): Breaker {
  let outage: (Outage & { readonly kind: DownKind }) | undefined
  // Kept when a connection is made, so that work that ends its connection each time is tried ever more rarely too.
  let failures = 0
  let nextTryAt = 0
  let trying = false
  const delayMs = (): number => Math.min(longestDelayMs, firstDelayMs * 2 ** Math.max(0, failures - 1))
  const hold = ({ reason, since }: Outage): Hold => {
    const wait = Math.max(nextTryAt - now(), firstDelayMs)
    // Spread a little, or all that wait would come at once, each time.
    return { reason, since, delayMs: Math.round(wait * (1 + Math.random() / 5)) }
  }
  return {
    get outage() {
      return outage
    },
    ask() {
      if (outage === undefined) return undefined
      if (now() < nextTryAt) return hold(outage)
      // Whoever tries may never say how it went: a stale delivery, for one.
      nextTryAt = now() + delayMs()
      trying = true
      return undefined
    },
    failed(kind, reason) {
      // Several that failed together failed once.
      if (outage === undefined || trying) failures += 1
      trying = false
      nextTryAt = now() + delayMs()
      outage = { kind, reason, since: outage?.since ?? new Date() }
      return hold(outage)
    },
    connected() {
      if (outage?.kind === 'unreachable') outage = undefined
    },
    worked() {
      outage = undefined
      failures = 0
    },
  }
}

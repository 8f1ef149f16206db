/** How often something outside may be asked, by all workers of all processes together. */
export interface RateLimit {
  /** Whoever of a code location names the same shares the limit: one name for each account of an API. */
  readonly name: string
  /** Turns a second, evenly spaced; 0.1 is one every ten seconds. */
  readonly perSecond: number
  /** How many turns may come at once after a pause. Default 1. */
  readonly burst?: number
}

/** Turns at what is limited, shared by all workers of a code location. */
export interface Throttle {
  /** Waits for a turn; rejects with the signal's reason once that is aborted. */
  readonly turn: (limit: RateLimit, signal?: AbortSignal) => Promise<void>
  /** Gives nobody a turn for so many milliseconds from now: what a server's Retry-After asks for. */
  readonly pause: (limit: RateLimit, ms: number) => Promise<void>
}

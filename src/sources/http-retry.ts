/** How often a GET that was answered 429 or 5xx is sent again, and for how long. */
export interface HttpRetryOptions {
  /** Tries in all, the first one included. Default 5. */
  readonly tries?: number
  /** Milliseconds from the first try after which none is begun. Default 120,000. */
  readonly withinMs?: number
  /** Milliseconds before the second try; doubled each time. Default 500. */
  readonly delayMs?: number
  /** The longest delay that we choose ourselves, in milliseconds. Default 30,000. A server's Retry-After may be longer. */
  readonly maxDelayMs?: number
}

export const httpRetryDefaults: Required<HttpRetryOptions> = { tries: 5, withinMs: 120_000, delayMs: 500, maxDelayMs: 30_000 }

/**
 * Milliseconds that a Retry-After header asks for: seconds, or an HTTP date (RFC 9110, 10.2.3). Undefined where there is none that can be read.
 * @param now milliseconds since the epoch
 */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  const text = header.trim()
  if (/^\d+(?:\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000)
  // Date.parse reads far more than HTTP dates ("-5" is a year): only what names a day and a time counts.
  if (!/^[A-Za-z]{3,9},? .*\d{2}:\d{2}:\d{2}/.test(text)) return undefined
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/**
 * Milliseconds before the next try, drawn between half and the whole of a delay that doubles (jitter); never less than the server asks for.
 * @param failed how many tries have failed, from 1
 * @param random a number in [0, 1)
 */
export function httpRetryDelay(options: Required<HttpRetryOptions>, failed: number, askedMs: number | undefined, random: number): number {
  const full = Math.min(options.maxDelayMs, options.delayMs * 2 ** (failed - 1))
  const own = Math.round(full * (0.5 + random / 2))
  // Spread over a tenth more, so that many clients told the same moment do not all come back at it.
  return askedMs === undefined ? own : Math.round(askedMs + Math.min(1000, askedMs * 0.1) * random)
}

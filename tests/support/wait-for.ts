import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'

export interface WaitOptions {
  /** Ends "waited … for": `the run to succeed`. */
  readonly what: string
  /** Default 20,000. */
  readonly timeoutMs?: number
}

/**
 * Calls a condition until it gives something that is neither false, null nor undefined, and returns that.
 * @throws Error that says what was awaited and what the condition gave, or threw, last
 */
export async function waitFor<T>(condition: () => T | Promise<T>, { what, timeoutMs = 20_000 }: WaitOptions): Promise<Exclude<T, false | null | undefined>> {
  const begun = Date.now()
  for (;;) {
    let last: unknown
    try {
      const value = await condition()
      if (isGiven(value)) return value
      last = value
    } catch (error) {
      last = error
    }
    if (Date.now() - begun >= timeoutMs) {
      throw new Error(`waited ${timeoutMs} ms in vain for ${what}; last: ${inspect(last, { depth: 4 })}`, last instanceof Error ? { cause: last } : {})
    }
    await delay(20)
  }
}

function isGiven<T>(value: T): value is Exclude<T, false | null | undefined> {
  return value !== false && value !== null && value !== undefined
}

import { MillraceError } from '../errors.ts'

/** The time of a test: it stands still until the test moves it. */
export interface TestClock {
  readonly now: () => Date
  /** @param time a Date, or text that `Date.parse` reads */
  readonly set: (time: Date | string) => void
  /** @param ms milliseconds; back in time, where they are negative */
  readonly advance: (ms: number) => void
}

/**
 * A clock that stands at a time.
 * @throws MillraceError `TEST_TIME_INVALID` for what is no time
 */
export function testClock(start: Date | string): TestClock {
  let now = millisecondsOf(start)
  return {
    now: () => new Date(now),
    set: (time) => void (now = millisecondsOf(time)),
    advance: (ms) => void (now += ms),
  }
}

function millisecondsOf(time: Date | string): number {
  const ms = typeof time === 'string' ? Date.parse(time) : time instanceof Date ? time.getTime() : NaN
  if (Number.isFinite(ms)) return ms
  throw new MillraceError(`${JSON.stringify(time)} is no time.`, { code: 'TEST_TIME_INVALID', hint: 'Give a Date, or text as 2026-11-22T05:30:00Z.' })
}

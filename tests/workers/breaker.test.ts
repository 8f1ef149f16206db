import { createBreaker } from '../../src/workers/breaker.ts'
import { beforeEach, describe, expect, test } from '../support/test.ts'

describe('the breaker of a destination', () => {
  let now = 0
  let breaker = createBreaker()
  beforeEach(() => {
    now = 0
    breaker = createBreaker(() => now)
  })

  /** Fails, waits as told, and tries again: how long each wait was, in ms, without its spread. */
  const waits = (tries: number): number[] =>
    Array.from({ length: tries }, () => {
      const { delayMs } = breaker.failed('unreachable', 'refused')
      now += delayMs
      expect(breaker.ask()).toBeUndefined()
      return delayMs
    })

  test('lets everybody through while nothing failed', () => {
    expect([breaker.ask(), breaker.ask(), breaker.outage]).toEqual([undefined, undefined, undefined])
  })

  test('has it tried ever more rarely, every ten seconds at last', () => {
    const found = waits(8)
    for (const [index, least] of [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000].entries()) {
      expect(found[index]).toBeGreaterThanOrEqual(least)
      expect(found[index]).toBeLessThanOrEqual(least * 1.2)
    }
  })

  test('has one try it at a time, and tells the others since when it is down and why', () => {
    breaker.failed('unreachable', 'refused')
    const { since } = breaker.outage ?? {}
    now = 300
    expect(breaker.ask()).toBeUndefined()
    expect(breaker.ask()).toMatchObject({ reason: 'refused', since })
    breaker.failed('unreachable', 'no such host')
    expect(breaker.outage).toEqual(expect.objectContaining({ reason: 'no such host', since }))
  })

  test('takes several failures at once for one', () => {
    for (let n = 0; n < 4; n += 1) breaker.failed('unreachable', 'refused')
    expect(breaker.ask()?.delayMs).toBeLessThanOrEqual(300)
  })

  test('is closed by a connection where nobody was reached, and by work alone where work was refused', () => {
    breaker.failed('unreachable', 'refused')
    breaker.connected()
    expect(breaker.outage).toBeUndefined()
    breaker.failed('refusing', 'disk full')
    breaker.connected()
    expect(breaker.outage).toMatchObject({ reason: 'disk full' })
    breaker.worked()
    expect(breaker.outage).toBeUndefined()
  })

  test('does not begin at a quarter of a second again until work was done: a connection that breaks each time is no sign of health', () => {
    for (let n = 0; n < 5; n += 1) {
      breaker.failed('unreachable', 'terminated')
      breaker.connected()
    }
    expect(breaker.failed('unreachable', 'terminated').delayMs).toBeGreaterThanOrEqual(8000)
    breaker.worked()
    expect(breaker.failed('unreachable', 'terminated').delayMs).toBeLessThanOrEqual(300)
  })
})

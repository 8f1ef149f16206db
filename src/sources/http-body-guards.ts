import { freeDecompressedBytes } from './http-limits.ts'
import type { HttpLimits } from './http-limits.ts'
import { HttpRefusal } from './http-refusal.ts'

/** A body that becomes far larger than what was sent. */
export function refuseBomb(bytes: number, compressed: number | undefined, limits: HttpLimits): HttpRefusal | undefined {
  if (compressed === undefined || bytes <= freeDecompressedBytes || bytes <= compressed * limits.maxCompressionRatio) return undefined
  return new HttpRefusal(`answered with ${String(compressed)} bytes that become more than ${String(limits.maxCompressionRatio)} times as many`, {
    code: 'SOURCE_COMPRESSION_RATIO',
    hint: 'See what the server sends; if its data is so much alike, raise maxCompressionRatio.',
  })
}

/** Watches over how fast a body comes: told of each part with the milliseconds it was waited for. */
export function rateGuard({ minBytesPerSecond, minRateWindowMs }: HttpLimits): (ms: number, bytes: number) => HttpRefusal | undefined {
  let windowMs = 0
  let windowBytes = 0
  return (ms, bytes) => {
    windowMs += ms
    windowBytes += bytes
    if (windowMs < minRateWindowMs) return undefined
    const perSecond = (windowBytes * 1000) / windowMs
    windowMs = 0
    windowBytes = 0
    if (perSecond >= minBytesPerSecond) return undefined
    return new HttpRefusal(`answers with ${perSecond.toPrecision(2)} bytes a second, fewer than ${String(minBytesPerSecond)}`, {
      code: 'SOURCE_TOO_SLOW',
      hint: 'See what holds the server up; if it is slow by nature, lower minBytesPerSecond.',
      passing: true,
    })
  }
}

export function tooLate(totalTimeoutMs: number): HttpRefusal {
  return new HttpRefusal(`did not answer whole within ${String(totalTimeoutMs / 1000)} s`, {
    code: 'SOURCE_TOO_SLOW',
    hint: 'Ask for smaller pages, or raise totalTimeoutMs.',
    passing: true,
  })
}

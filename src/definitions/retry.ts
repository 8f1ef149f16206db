import * as z from 'zod'
import { anObject, fitting } from './option-kinds.ts'
import { refuseWrong } from './option-shape.ts'
import type { Kind, OptionShape } from './option-shape.ts'

/** How often a step is tried again, and after how long: `delayMs × factor^(attempt-1)`, at most `maxDelayMs`, each drawn between half and the whole (jitter). */
export const RetryPolicy = z.object({
  /** Tries after the first one. */
  retries: z.int().min(0).max(100).default(2),
  delayMs: z.number().min(0).default(1000),
  factor: z.number().min(1).default(2),
  maxDelayMs: z.number().min(0).default(60_000),
})
export type RetryPolicy = z.infer<typeof RetryPolicy>
export type RetryOptions = z.input<typeof RetryPolicy>

export const retryKind: Kind = anObject('{ retries: 2, delayMs: 1000 }')
const { retries, delayMs, factor, maxDelayMs } = RetryPolicy.shape
const milliseconds = 'a number of milliseconds from 0'
const shape: OptionShape<RetryOptions> = {
  retries: fitting(retries, 'a whole number from 0 to 100'),
  delayMs: fitting(delayMs, milliseconds),
  factor: fitting(factor, 'a number from 1'),
  maxDelayMs: fitting(maxDelayMs, milliseconds),
}

/** How what may fail is tried again. @param what `the op fetch` @throws DefinitionError where it cannot be */
export function retryOf(what: string, retry: RetryOptions = {}): RetryOptions {
  refuseWrong(`The retry of ${what}`, retry, shape)
  return retry
}

/**
 * Milliseconds to wait before the next attempt.
 * @param attempt the attempt that failed, from 1
 * @param random a number in [0, 1)
 */
export function retryDelay(policy: RetryPolicy, attempt: number, random: number): number {
  const full = Math.min(policy.maxDelayMs, policy.delayMs * policy.factor ** (attempt - 1))
  return Math.round(full * (0.5 + random / 2))
}

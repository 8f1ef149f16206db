import { RetryPolicy, retryDelay } from '../definitions/retry.ts'
import type { RetryOptions } from '../definitions/retry.ts'
import { isRetryable, MillraceError } from '../errors.ts'
import { UserCodeError } from '../workers/failure.ts'
import { createStepSignal } from '../workers/step-signal.ts'
import type { StepSignal } from '../workers/step-signal.ts'
import type { TestBed } from './test-bed.ts'

interface Tried {
  readonly retry: RetryOptions
  /** Of one attempt, in milliseconds. */
  readonly timeoutMs: number
  readonly tooLong: () => Error
}

export type Outcome<T> = { readonly attempts: number } & ({ readonly value: T } | { readonly error: unknown })

/** What somebody's function threw, or what we did. */
export const reasonOf = (thrown: unknown): unknown => (thrown instanceof UserCodeError ? thrown.cause : thrown)

/** One attempt, within its time. */
export async function once<T>(bed: TestBed, { timeoutMs, tooLong }: Omit<Tried, 'retry'>, work: (stop: StepSignal) => Promise<T>): Promise<T> {
  const stop = createStepSignal(bed.signal, timeoutMs, tooLong)
  try {
    return await work(stop)
  } catch (error) {
    throw reasonOf(error)
  } finally {
    stop.end()
  }
}

/** As many attempts as a worker makes. Between two of them the clock goes on by the longest delay that the policy may draw, and nobody waits. */
export async function attempt<T>(bed: TestBed, tried: Tried, work: (stop: StepSignal, attempt: number) => Promise<T>): Promise<Outcome<T>> {
  const policy = RetryPolicy.parse(tried.retry)
  for (let attempts = 1; ; attempts += 1) {
    try {
      return { attempts, value: await once(bed, tried, (stop) => work(stop, attempts)) }
    } catch (error) {
      if (bed.signal.aborted || !isRetryable(error) || attempts > policy.retries) return { attempts, error }
      const wanted = error instanceof MillraceError ? (error.retryAfterMs ?? 0) : 0
      bed.clock.advance(Math.max(wanted, retryDelay(policy, attempts, 1)))
    }
  }
}

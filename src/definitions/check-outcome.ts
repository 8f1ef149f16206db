import { DataError } from '../errors.ts'
import type { JsonObject } from './json.ts'

/** What became of one check in one run. */
export interface CheckOutcome {
  readonly name: string
  /** Where a step makes several assets: the one that was checked. */
  readonly asset?: string
  readonly passed: boolean
  readonly blocking: boolean
  /** Absent: `error`. */
  readonly severity?: 'warn' | 'error'
  /** What was found, as the end of a sentence. */
  readonly message: string
  /** What was expected and found, and up to five examples of what does not fit. */
  readonly metadata?: JsonObject
}

/** As a check is shown. */
export const checkStates = ['passed', 'warned', 'failed', 'never run'] as const
export type CheckState = (typeof checkStates)[number]

/** @param last its last result, where there is one */
export function checkStateOf(last: { readonly passed: boolean; readonly severity?: 'warn' | 'error' } | null | undefined): CheckState {
  if (last === null || last === undefined) return 'never run'
  if (last.passed) return 'passed'
  return last.severity === 'warn' ? 'warned' : 'failed'
}

export const isStopped = (outcome: CheckOutcome): boolean => !outcome.passed && outcome.blocking

/** A blocking check failed: what was there before stays. Carries every outcome, so that they can be shown. */
export class CheckFailedError extends DataError {
  readonly outcomes: readonly CheckOutcome[]
  constructor(asset: string, outcomes: readonly CheckOutcome[], hint: string) {
    super(
      outcomes
        .filter(isStopped)
        .map((one) => `The check ${one.name} of ${one.asset ?? asset} failed: ${one.message}`)
        .join(' '),
      { code: 'CHECK_FAILED', hint },
    )
    this.outcomes = outcomes
  }
}

/** @throws CheckFailedError when a blocking one failed */
export function refuseFailed(asset: string, outcomes: readonly CheckOutcome[], hint: string): void {
  if (outcomes.some(isStopped)) throw new CheckFailedError(asset, outcomes, hint)
}

/** Of checks that were asked of several partitions, each once: the first that did not pass, or else the last. */
export function worstOfEach(checks: readonly CheckOutcome[]): CheckOutcome[] {
  const worst = new Map<string, CheckOutcome>()
  for (const check of checks) if (worst.get(check.name)?.passed !== false) worst.set(check.name, check)
  return [...worst.values()]
}

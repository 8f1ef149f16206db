import { refuseUnstorable } from '../../catalog/storable.ts'
import type { RunOptions } from '../../definitions/run-limits.ts'
import { MillraceError } from '../../errors.ts'

/** What holds of a run. */
export interface SettledRunOptions {
  readonly priority: number
  /** Null: as long as it takes. */
  readonly timeoutMs: number | null
  readonly retries: number
  readonly retryDelayMs: number
  readonly retryFrom: 'failure' | 'start'
}

/** Tags that Dagster's users give a run, and what a number in them stands for. */
const tagged = {
  priority: { tag: 'dagster/priority', pattern: /^-?\d{1,6}$/, times: 1 },
  timeoutMs: { tag: 'dagster/max_runtime', pattern: /^0*[1-9]\d{0,8}$/, times: 1000 },
  retries: { tag: 'dagster/max_retries', pattern: /^\d{1,2}$/, times: 1 },
} as const

/**
 * What holds of a run: what its launch says, else its tags (`dagster/priority`, `dagster/max_runtime` in seconds, `dagster/max_retries`, `dagster/retry_strategy`), else
 * the first of the defaults that says something of it: its job's, and then its location's.
 * @throws MillraceError `TAG_INVALID`
 */
export function settleRunOptions(
  request: RunOptions & { readonly tags?: Readonly<Record<string, string>> },
  defaults: readonly (RunOptions | undefined)[],
): SettledRunOptions {
  const usual = <Name extends keyof RunOptions>(name: Name): RunOptions[Name] => defaults.find((one) => one?.[name] !== undefined)?.[name]
  refuseUnstorable('The tags of a run', 'TAG_INVALID', request.tags)
  const fromTag = (name: keyof typeof tagged): number | undefined => {
    const { tag, pattern, times } = tagged[name]
    const value = request.tags?.[tag]
    if (value === undefined) return undefined
    if (pattern.test(value)) return Number(value) * times
    throw new MillraceError(`The tag ${tag} of a run must be a whole number, not ${JSON.stringify(value)}.`, {
      code: 'TAG_INVALID',
      hint: name === 'timeoutMs' ? 'It is the most seconds that the run may take.' : 'Leave it out, or give a number such as 3.',
    })
  }
  return {
    priority: request.priority ?? fromTag('priority') ?? usual('priority') ?? 0,
    timeoutMs: request.timeoutMs ?? fromTag('timeoutMs') ?? usual('timeoutMs') ?? null,
    retries: request.retries ?? fromTag('retries') ?? usual('retries') ?? 0,
    retryDelayMs: request.retryDelayMs ?? usual('retryDelayMs') ?? 10_000,
    retryFrom: request.retryFrom ?? strategyOf(request.tags) ?? usual('retryFrom') ?? 'failure',
  }
}

const strategyTag = 'dagster/retry_strategy'
const strategies = { FROM_FAILURE: 'failure', ALL_STEPS: 'start' } as const

function strategyOf(tags: Readonly<Record<string, string>> = {}): 'failure' | 'start' | undefined {
  const value = tags[strategyTag]
  if (value === undefined) return undefined
  if (value === 'FROM_FAILURE' || value === 'ALL_STEPS') return strategies[value]
  throw new MillraceError(`The tag ${strategyTag} of a run must be ${Object.keys(strategies).join(' or ')}, not ${JSON.stringify(value)}.`, {
    code: 'TAG_INVALID',
  })
}

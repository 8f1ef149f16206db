/** A step that every branch of a mapping has, or one outside of all branches. */
export interface WaitingStep {
  readonly name: string
  /** Steps of the same branch that it hangs on. */
  readonly within: readonly string[]
  /** Steps outside of it. */
  readonly outside: readonly string[]
  /** Outputs of steps outside that it is handed. */
  readonly handed: readonly { readonly step: string; readonly output: string }[]
}

/** What became of a step that others hang on. */
export interface StepOutside {
  readonly status: string
  /** It was skipped, and what hangs on it is to be skipped too, but no failure. */
  readonly unneeded: boolean
  /** The names of the outputs that it answered. */
  readonly outputs: readonly string[]
}

/** Whether a step will run, will not because something that it hangs on failed, or need not because something was left out. */
export type Fate = 'runs' | 'blocked' | 'unneeded'

/**
 * What is to become of a step.
 * @param outside steps outside of its branch, by their names
 * @param fates of the steps before it in its branch
 */
export function fateOf(step: WaitingStep, outside: ReadonlyMap<string, StepOutside>, fates: ReadonlyMap<string, Fate>): Fate {
  const around = step.outside.flatMap((name) => outside.get(name) ?? [])
  if (around.some(({ status, unneeded }) => ['failed', 'canceled', 'skipped'].includes(status) && !unneeded)) return 'blocked'
  if (step.within.some((name) => fates.get(name) === 'blocked')) return 'blocked'
  if (around.some(({ unneeded }) => unneeded) || step.within.some((name) => fates.get(name) === 'unneeded')) return 'unneeded'
  const leftOut = step.handed.some(({ step: name, output }) => {
    const from = outside.get(name)
    return from?.status === 'succeeded' && !from.outputs.includes(output)
  })
  return leftOut ? 'unneeded' : 'runs'
}

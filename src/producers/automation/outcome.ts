import type { NodeStates } from '../../catalog/automation.ts'
import type { Condition } from '../../definitions/automation/condition.ts'
import type { Cell, Facts } from './facts.ts'

/** What a condition, and each that it is made of, was found to be. */
export interface Outcome {
  /** As the condition is called; of a dependency its key. */
  readonly name: string
  readonly kind: Condition['kind'] | 'dep'
  readonly value: boolean
  /** What made it so: a time, a run, a key. */
  readonly why?: string
  readonly of?: readonly Outcome[]
  /** When what made it true happened; undefined where it is true at no time in particular. */
  readonly at?: number
}

/** One evaluation of an asset's condition for one of its cells. */
export interface Scope {
  readonly facts: Facts
  readonly root: Cell
  readonly rootDeps: readonly string[]
  /** What this evaluation has asked for already: of the assets that come before. */
  readonly requested: ReadonlySet<string>
  /** The asset's condition was not evaluated before. */
  readonly initial: boolean
  /** When that was, in milliseconds since 1970; undefined where nobody wrote it down. */
  readonly firstAt: number | undefined
  readonly codeChanged: boolean
  /** When it was asked for last. */
  readonly askedAt: number | undefined
  /** What conditions that remember remembered. */
  readonly prior: NodeStates
  /** What they are to remember. */
  readonly next: NodeStates
  /** Something was true that will not be so at the next evaluation by itself. */
  momentary: boolean
  /** A time of a cron expression of the condition has passed since the evaluation before. */
  cronPassed: boolean
}

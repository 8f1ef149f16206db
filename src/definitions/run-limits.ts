import * as z from 'zod'
import { fitting, oneOf } from './option-kinds.ts'
import type { OptionShape } from './option-shape.ts'

const most = z.int().min(1)

/** How many runs of a location go on at once; the others wait in the queue. */
export const RunLimits = z.strictObject({
  /** Of the whole location. */
  runs: most.optional(),
  /** Of those with a tag: with one value, or with each value by itself. */
  tags: z.array(z.strictObject({ tag: z.string().min(1), value: z.string().min(1).optional(), runs: most })).optional(),
})
export type RunLimits = z.infer<typeof RunLimits>

/** What a run may be told of its place in the queue, and of its end. */
export const RunOptions = z.strictObject({
  /** The greater, the sooner it leaves the queue and gets slots. */
  priority: z.int().min(-1_000_000).max(1_000_000).optional(),
  /** The longest that it may take once it has left the queue, in ms; then it fails. */
  timeoutMs: z.int().min(1).max(31_536_000_000).optional(),
  /** How often it is tried again before it fails. */
  retries: z.int().min(0).max(100).optional(),
  /** How long before it is tried again the first time, in ms; twice as long each time after, at most ten minutes. */
  retryDelayMs: z.int().min(0).max(86_400_000).optional(),
  /** What it is tried again from: what failed, in the same run (the default), or its start, by a run like it with all of its steps. */
  retryFrom: z.enum(['failure', 'start']).optional(),
})
export type RunOptions = z.infer<typeof RunOptions>

const { priority, timeoutMs, retries, retryDelayMs } = RunOptions.shape
export const runOptionsShape: OptionShape<RunOptions> = {
  priority: fitting(priority, 'a whole number from -1000000 to 1000000'),
  timeoutMs: fitting(timeoutMs, 'a whole number of milliseconds, above 0 and at most a year (31536000000)'),
  retries: fitting(retries, 'a whole number from 0 to 100'),
  retryDelayMs: fitting(retryDelayMs, 'a whole number of milliseconds, at most a day (86400000)'),
  retryFrom: oneOf('failure', 'start'),
}

/** Of something larger, what it says of a run; what it does not say is not there. */
export function runOptionsOf(of: RunOptions): RunOptions {
  const said = Object.keys(runOptionsShape).map((name) => [name, of[name as keyof RunOptions]] as const)
  return Object.fromEntries(said.filter(([, value]) => value !== undefined))
}

import * as z from 'zod'
import { DefinitionError } from './definition-error.ts'
import type { Job } from './ops/job.ts'
import { RunOptions } from './run-limits.ts'

/** A schedule as data. */
export const ScheduleSpec = z.object({
  name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]*$/, 'a schedule name has letters, digits, _ and -'),
  /** Five or six fields, as cron-parser reads them. */
  cron: z.string(),
  timeZone: z.string().default('UTC'),
  /** Selections: asset keys, `group:name`, `*`, or as `+a and not tag:slow`. None where it starts a job. */
  assets: z.array(z.string()),
  /** The name of the job that it starts. */
  job: z.string().optional(),
  /** Tick once, at once, when the installation first sees this schedule. */
  runOnFirstStart: z.boolean().default(false),
  /** Off until somebody starts it. */
  startsStopped: z.boolean().default(false),
  config: z.record(z.string(), z.json()).default({}),
  /** Of its runs. */
  ...RunOptions.shape,
})
export type ScheduleSpec = z.infer<typeof ScheduleSpec>

type Common = Omit<z.input<typeof ScheduleSpec>, 'assets' | 'job'>
export type ScheduleOptions = Common & ({ readonly assets: string | readonly string[] } | { readonly job: Job | string })

/**
 * Starts a run of a job, or of the chosen assets, by the clock.
 * @throws DefinitionError when it chooses no assets
 */
export function schedule(options: ScheduleOptions): ScheduleSpec {
  if ('job' in options) return ScheduleSpec.parse({ ...options, assets: [], job: typeof options.job === 'string' ? options.job : options.job.name })
  const assets = typeof options.assets === 'string' ? [options.assets] : options.assets
  if (assets.length === 0) throw new DefinitionError(`The schedule ${options.name} chooses no assets.`)
  return ScheduleSpec.parse({ ...options, assets })
}

import * as z from 'zod'

/** A schedule as data. */
export const ScheduleSpec = z.object({
  name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]*$/, 'a schedule name has letters, digits, _ and -'),
  /** Five or six fields, as cron-parser reads them. */
  cron: z.string(),
  timeZone: z.string().default('UTC'),
  /** Selections: asset keys, `group:name`, `*`, or as `+a and not tag:slow`. */
  assets: z.array(z.string()).min(1),
  /** Tick once, at once, when the installation first sees this schedule. */
  runOnFirstStart: z.boolean().default(false),
  /** Off until somebody starts it. */
  startsStopped: z.boolean().default(false),
  config: z.record(z.string(), z.json()).default({}),
})
export type ScheduleSpec = z.infer<typeof ScheduleSpec>

export type ScheduleOptions = Omit<z.input<typeof ScheduleSpec>, 'assets'> & { readonly assets: string | readonly string[] }

/** Starts a run of the chosen assets by the clock. */
export function schedule(options: ScheduleOptions): ScheduleSpec {
  return ScheduleSpec.parse({ ...options, assets: typeof options.assets === 'string' ? [options.assets] : options.assets })
}

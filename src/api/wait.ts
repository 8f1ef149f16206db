import * as z from 'zod'

const instant = z.iso.datetime()

/** Who has what a run or a step waits for. */
const Holder = z
  .object({
    runId: z.uuid(),
    stepId: z.uuid().optional(),
    asset: z.string().optional(),
    slots: z.int().optional(),
    since: instant,
  })
  .meta({ id: 'Holder' })

/** Why a run or a step does not go on. */
export const Wait = z
  .object({
    reason: z.enum([
      'upstream',
      'no-worker',
      'destination',
      'retry',
      'queue',
      'spool',
      'run-limit',
      'tag-limit',
      'pool',
      'paused',
      'dead-worker',
      'run-retry',
      'run-queue',
    ]),
    message: z.string(),
    upstream: z.array(z.string()).optional().meta({ description: 'The assets that must be done first.' }),
    queues: z.array(z.string()).optional().meta({ description: 'The queues that it is in.' }),
    retryAt: instant.optional(),
    destination: z.string().optional().meta({ description: 'The destination that is down.' }),
    since: instant.optional().meta({ description: 'Since when it is so.' }),
    by: z.string().optional().meta({ description: 'Who paused it.' }),
    pool: z.string().optional(),
    limit: z.int().optional().meta({ description: 'How many runs, or slots, there may be.' }),
    used: z.int().optional().meta({ description: 'How many there are.' }),
    place: z.int().optional().meta({ description: 'Its place in the queue of runs, from 1.' }),
    holders: z.array(Holder).optional().meta({ description: 'What has what it waits for; at most ten.' }),
  })
  .meta({ id: 'Wait' })
export type Wait = z.output<typeof Wait>

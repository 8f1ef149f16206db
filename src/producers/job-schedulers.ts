import type { JobSchedulerJson } from 'bullmq'
import { lateMs } from '../definitions/schedule.ts'
import type { Logger } from '../logger.ts'
import type { Queues } from '../queues/queues.ts'

/** A job scheduler as it is to be: what makes it tick, what it enqueues, and what is said of it. */
export interface WantedScheduler {
  readonly key: string
  readonly repeat: { readonly every: number } | { readonly pattern: string; readonly tz: string }
  readonly job: { readonly name: 'tick' | 'sense'; readonly data: Record<string, string> }
  readonly about: Readonly<Record<string, unknown>>
}

/** What was seen to be on the queue, by location: reading a queue's schedulers takes a request for each of them. */
export type SeenSchedulers = Map<string, { readonly wanted: string; readonly at: number }>

/** As long is believed that the queue still has what it had; a queue that lost some is seen by their number. */
const believedMs = 10_000

interface JobSchedulersDeps {
  readonly queues: Queues
  readonly logger: Logger
}

/**
 * Brings a location's job schedulers in line with what is wanted. One is upserted only when it differs, because each upsert may move its next time, or when it is stuck:
 * where clocks are changed, the queue's reckoning may have given up.
 */
export async function bringInLine(
  { queues, logger }: JobSchedulersDeps,
  location: string,
  wanted: readonly WantedScheduler[],
  now: Date,
  seen: SeenSchedulers,
): Promise<void> {
  const queue = queues.queue(location, 'ticks')
  const text = JSON.stringify(wanted.map(({ key, repeat }) => [key, repeat]))
  const last = seen.get(location)
  const believed = last?.wanted === text && now.getTime() - last.at < believedMs
  if (believed && (await queue.getJobSchedulersCount()) === wanted.length) return
  seen.delete(location)
  const existing = new Map((await queue.getJobSchedulers(0, -1)).map((one) => [one.key, one]))
  for (const { key, repeat, job, about } of wanted) {
    const known = existing.get(key)
    existing.delete(key)
    if (known !== undefined && isAsWanted(known, repeat, now)) continue
    await queue.upsertJobScheduler(key, repeat, job).then(
      () => logger.info({ location, ...about }, 'the queue ticks for it from now on'),
      (error: unknown) => logger.warn({ location, ...about, err: error }, 'the queue does not take the schedule; its slots are handed out as missed ones'),
    )
  }
  for (const gone of existing.keys()) await queue.removeJobScheduler(gone)
  seen.set(location, { wanted: text, at: now.getTime() })
}

function isAsWanted(known: JobSchedulerJson, repeat: WantedScheduler['repeat'], now: Date): boolean {
  if ('every' in repeat) return Number(known.every) === repeat.every
  return known.pattern === repeat.pattern && known.tz === repeat.tz && !(known.next !== undefined && known.next < now.getTime() - lateMs)
}

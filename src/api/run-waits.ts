import type { QueueRead, Surroundings } from '../catalog/read/waits.ts'
import { createRoom } from '../catalog/run-limits.ts'
import type { Limited, LimitUse } from '../catalog/run-limits.ts'
import type { Pause } from '../catalog/pauses.ts'
import { moment } from '../definitions/moment.ts'
import type { Wait } from './wait.ts'

const mostHolders = 10

/** The pause that concerns a location. */
export function pauseOf(pauses: readonly Pause[], location: string): Pause | undefined {
  return pauses.find((one) => one.location === '' || one.location === location)
}

export function pausedWait(pause: Pause): Wait {
  const since = pause.since.toISOString()
  const what = pause.location === '' ? 'Everything' : `The location ${pause.location}`
  const command = pause.location === '' ? 'millrace resume' : `millrace resume ${pause.location}`
  return {
    reason: 'paused',
    message: `${what} is paused, by ${pause.by} since ${moment(since)}${pause.reason === null ? '' : ` (${pause.reason})`}. It goes on after: ${command}`,
    by: pause.by,
    since,
  }
}

/** Why a queued run is still in the queue. */
export function runWaitOf(run: Limited & { readonly id: string }, queue: QueueRead, { pauses }: Pick<Surroundings, 'pauses'>): Wait {
  const { place, waiting, retryAt, retried, retries } = queue.place
  const pause = pauseOf(pauses, run.location)
  if (pause !== undefined) return { ...pausedWait(pause), place }
  if (retryAt !== null && Date.parse(retryAt) > Date.now()) {
    return {
      reason: 'run-retry',
      message: `The try before failed, and the next begins at ${moment(retryAt)} (retry ${String(retried)} of ${String(retries)}).`,
      retryAt,
      place,
    }
  }
  const room = createRoom(queue.limits, queue.counts)
  const full = room.holding(run)
  if (full === undefined) return { reason: 'run-queue', message: `It is next to leave the queue, as number ${String(place)} of ${String(waiting)}.`, place }
  const holders = queue.open
    .filter((other) =>
      createRoom([full.limit], [])
        .usesOf(other)
        .some((use) => use.value === full.value),
    )
    .slice(0, mostHolders)
    .map((other) => ({ runId: other.id, since: other.since }))
  const limit = full.limit.runs
  return {
    reason: full.limit.tag === '' ? 'run-limit' : 'tag-limit',
    message: `${nameOf(full)} may have ${count(limit, 'run')} at once, and ${String(full.used)} ${full.used === 1 ? 'goes' : 'go'} on${
      holders.length === 0 ? '' : `: ${holders.map((one) => one.runId.slice(0, 8)).join(', ')}${full.used > holders.length ? ', …' : ''}`
    }. It is number ${String(place)} of ${String(waiting)} in the queue.`,
    limit,
    used: full.used,
    place,
    holders,
  }
}

function nameOf({ limit, value }: LimitUse): string {
  const where = limit.location === '' ? 'the whole installation' : `the location ${limit.location}`
  if (limit.tag === '') return capital(where)
  return `The tag ${limit.tag}=${value}${limit.value === '' ? ' (as each value of it)' : ''} in ${where}`
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

function count(number: number, what: string): string {
  return `${String(number)} ${what}${number === 1 ? '' : 's'}`
}

/** What holds a step that needs slots of a pool. */
export function poolWait(step: { readonly location: string; readonly pool: string; readonly slots: number }, { pools, holders }: Surroundings): Wait {
  const size = pools.find((one) => one.location === step.location && one.name === step.pool)
  const own = holders.filter((one) => one.location === step.location && one.pool === step.pool)
  const limit = size?.slots ?? 0
  const used = size?.used ?? 0
  const names = own.slice(0, mostHolders).map((one) => `${one.asset} of run ${one.runId.slice(0, 8)} since ${moment(one.since)}`)
  const needed = step.slots === 1 ? '' : ` It needs ${String(step.slots)}.`
  return {
    reason: 'pool',
    message:
      limit > used
        ? `It is about to get a slot of the pool ${step.pool}, or waits for others before it: ${String(used)} of ${count(limit, 'slot')} ${used === 1 ? 'is' : 'are'} taken.${needed}`
        : `The pool ${step.pool} has ${count(limit, 'slot')}, all taken${names.length === 0 ? '' : `: by ${names.join(', ')}`}.${needed}`,
    pool: step.pool,
    limit,
    used,
    holders: own.slice(0, mostHolders).map(({ runId, stepId, asset, slots, since }) => ({ runId, stepId, asset, slots, since })),
  }
}

import { endOutage, nameOf, noteOutage, postpone } from '../catalog/destinations.ts'
import type { Pointer, StepDestination } from '../catalog/destinations.ts'
import { insertEvents } from '../catalog/events.ts'
import type { JobName, Payload } from '../queues/jobs.ts'
import type { Hold } from './breaker.ts'
import type { WorkerContext } from './context.ts'
import type { DestinationPool } from './destination-pool.ts'

/** What was said of a destination's outage. */
interface Said {
  /** By location and name: what was written down, and when. */
  readonly notes: Map<string, { readonly place: StepDestination; readonly session: string; readonly reason: string; readonly at: number }>
  /** The steps whose log says that they wait. */
  readonly steps: Set<string>
}

// A note counts for half a minute, so it is confirmed well before.
const confirmAfterMs = 5000
const said = new WeakMap<DestinationPool, Said>()

/** Puts a delivery off that nobody has claimed, because its destination is down. No attempt is counted, and no slot is taken meanwhile. */
export async function holdBack<N extends JobName>(
  context: WorkerContext,
  pool: DestinationPool,
  place: StepDestination,
  job: N,
  payload: Payload<N> & Pointer,
  hold: Hold,
): Promise<void> {
  await sayDown(context, pool, place, hold)
  const enqueued = await postpone(context.pool, payload, hold.delayMs)
  if (enqueued !== undefined) await context.queues.enqueue(place.location, job, { ...payload, enqueued }, { delayMs: hold.delayMs })
}

/** Writes down what a step waits for: for whoever asks why, and once in the log of its run. */
export async function sayDown(context: WorkerContext, pool: DestinationPool, place: StepDestination, { reason, since }: Hold): Promise<void> {
  const { notes, steps } = said.get(pool) ?? { notes: new Map(), steps: new Set() }
  said.set(pool, { notes, steps })
  const destination = nameOf(place.spec)
  const key = `${place.location} ${destination}`
  const note = notes.get(key)
  const session = context.session.id
  if (note === undefined || note.session !== session || note.reason !== reason || performance.now() - note.at > confirmAfterMs) {
    await noteOutage(context.pool, session, { location: place.location, destination, reason, since })
    notes.set(key, { place, session, reason, at: performance.now() })
    context.logger.warn({ location: place.location, name: destination, reason, since: since.toISOString() }, 'a destination is down; its loads wait')
    context.notifier.changed(place.runId)
  }
  if (steps.has(place.stepId)) return
  steps.add(place.stepId)
  await insertEvents(context.pool, [
    { ...whereOf(place), level: 'warn', message: `Waits for the destination ${destination}: ${reason}. It goes on by itself when that is over.` },
  ])
}

/** Takes back what was said, when the destination is there again. */
export async function sayUp(context: WorkerContext, pool: DestinationPool, place: StepDestination): Promise<void> {
  const before = said.get(pool)
  if (before === undefined || pool.outage !== undefined) return
  for (const [key, note] of before.notes) {
    before.notes.delete(key)
    await endOutage(context.pool, note.session, note.place.location, nameOf(note.place.spec))
    context.logger.info({ location: note.place.location, name: nameOf(note.place.spec) }, 'a destination is there again')
  }
  if (!before.steps.delete(place.stepId)) return
  await insertEvents(context.pool, [{ ...whereOf(place), message: `The destination ${nameOf(place.spec)} is there again.` }])
}

function whereOf({ runId, stepId, asset }: StepDestination) {
  return { runId, stepId, asset, kind: 'destination' }
}

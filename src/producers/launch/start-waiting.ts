import type pg from 'pg'
import { transaction } from '../../catalog/database.ts'
import { grantSlots } from '../../catalog/pools.ts'
import { anythingWaits, startQueued } from '../../catalog/run-queue.ts'
import type { Logger } from '../../logger.ts'
import type { Queues } from '../../queues/queues.ts'
import { enqueueBatch } from './enqueue-batch.ts'
import { enqueueStep, enqueueSteps } from './enqueue-step.ts'

export interface StartDeps {
  readonly pool: pg.Pool
  readonly queues: Queues
  readonly logger: Logger
}

/** Starts what waits for room and now has it: runs in the queue, and steps that wait for slots or for the end of a pause. */
export async function startWhatFits(deps: StartDeps): Promise<void> {
  const waits = await anythingWaits(deps.pool)
  let steps = waits.steps
  for (let more = waits.runs; more;) {
    const started = await transaction(deps.pool, startQueued)
    await enqueueSteps(deps.queues, started.due)
    steps ||= started.held
    more = started.more
  }
  while (steps) {
    const granted = await transaction(deps.pool, grantSlots)
    await enqueueSteps(deps.queues, granted.due)
    for (const { step, batches } of granted.resumed) {
      await enqueueStep(deps.queues, step)
      await Promise.all(batches.map((batch) => enqueueBatch(deps.queues, step.location, batch)))
    }
    steps = granted.more
  }
}

interface Round {
  running: Promise<void>
  next: Promise<void> | undefined
}

// Rounds of one process that were asked for while one is under way are one: the ends of many runs at once cost one look at the queue.
const rounds = new WeakMap<pg.Pool, Round>()

/**
 * The same, for whoever has just made room. It was committed before, and the leader looks every second, so a failure is nobody's error.
 * Resolves when a round that began after this call is over.
 */
export async function startWaiting(deps: StartDeps): Promise<void> {
  const round = rounds.get(deps.pool)
  if (round === undefined) {
    const first: Round = { running: tryToStart(deps), next: undefined }
    rounds.set(deps.pool, first)
    await first.running
    if (first.next === undefined) rounds.delete(deps.pool)
    return
  }
  round.next ??= round.running.then(() => {
    round.running = tryToStart(deps)
    round.next = undefined
    return round.running
  })
  const own = round.next
  await own
  if (round.next === undefined && rounds.get(deps.pool) === round) rounds.delete(deps.pool)
}

async function tryToStart(deps: StartDeps): Promise<void> {
  try {
    await startWhatFits(deps)
  } catch (error) {
    deps.logger.warn({ err: error }, 'what waits could not be started; the leader’s next round will')
  }
}

import { requestCancel } from '../catalog/cancel.ts'
import { readNewestEvents } from '../catalog/read/events.ts'
import type { EventRead } from '../catalog/read/events.ts'
import { launch } from '../producers/launch/launch.ts'
import type { Launched, LaunchRequest } from '../producers/launch/launch.ts'
import { startWaiting } from '../producers/launch/start-waiting.ts'
import type { Parts } from './parts.ts'
import { HttpError } from './problem.ts'

/** Launches a run. @throws MillraceError as `launch` does. */
export function startRun(parts: Parts, request: Omit<LaunchRequest, 'epoch'>): Promise<Launched> {
  return launch(parts, request)
}

/** Asks for a run to end. @throws HttpError `UNKNOWN_RUN`. */
export async function cancelRun(parts: Parts, id: string): Promise<'canceling' | 'ended'> {
  const outcome = await requestCancel(parts.pool, id)
  if (outcome === 'unknown') throw unknownRun(id)
  await startWaiting(parts)
  return outcome
}

/** The newest events of a run, the oldest of them first. */
export function newestEvents({ pool }: Parts, id: string, limit: number): Promise<EventRead[]> {
  return readNewestEvents(pool, id, limit)
}

export function unknownRun(id: string): HttpError {
  return new HttpError(404, 'UNKNOWN_RUN', `There is no run ${id}.`, { hint: 'GET /api/v1/runs lists them.' })
}

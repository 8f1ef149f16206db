import { requestCancel } from '../catalog/cancel.ts'
import { readNewestEvents } from '../catalog/read/events.ts'
import type { EventRead } from '../catalog/read/events.ts'
import { readRun } from '../catalog/read/runs.ts'
import { launchAgain } from '../producers/launch/launch-again.ts'
import { launch } from '../producers/launch/launch.ts'
import type { Launched, LaunchRequest } from '../producers/launch/launch.ts'
import { retry } from '../producers/launch/retry.ts'
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

/** Tries a failed run again from what failed. @throws HttpError `UNKNOWN_RUN`; MillraceError `RUN_NOT_FAILED`, `LOCATION_NOT_LOADED` */
export async function retryRun(parts: Parts, id: string): Promise<void> {
  if ((await readRun(parts.pool, id)) === undefined) throw unknownRun(id)
  await retry(parts, id)
}

/** Launches a run like one that has ended, with all of its steps. @throws HttpError `UNKNOWN_RUN`; MillraceError `RUN_NOT_ENDED`, `RUN_REDRIVES`, and as `launch` does */
export async function relaunchRun(parts: Parts, id: string, origin: Parameters<typeof launchAgain>[2]): Promise<Launched> {
  if ((await readRun(parts.pool, id)) === undefined) throw unknownRun(id)
  return launchAgain(parts, id, origin)
}

/** The newest events of a run, the oldest of them first. */
export function newestEvents({ pool }: Parts, id: string, limit: number): Promise<EventRead[]> {
  return readNewestEvents(pool, id, limit)
}

export function unknownRun(id: string): HttpError {
  return new HttpError(404, 'UNKNOWN_RUN', `There is no run ${id}.`, { hint: 'GET /api/v1/runs lists them.' })
}

import { currentManifests } from '../../catalog/manifests.ts'
import { insertFailedTick, insertTick } from '../../catalog/ticks.ts'
import type { TickKey } from '../../catalog/ticks.ts'
import { MillraceError, storedError } from '../../errors.ts'
import { launch } from './launch.ts'
import { runOptionsOf } from './run-options.ts'
import type { LaunchDeps, Launched } from './launch.ts'

export interface TickRequest extends TickKey {
  readonly cause: 'clock' | 'first start' | 'missed'
}

/**
 * Evaluates one tick: its row and its run are written in one transaction, so that however often it is delivered it starts one run.
 * A tick that cannot launch is written down as failed.
 */
export async function evaluateTick(deps: LaunchDeps, request: TickRequest): Promise<Launched | undefined> {
  const current = (await currentManifests(deps.pool, request.location))[0]
  const schedule = current?.manifest.schedules.find((one) => one.name === request.schedule)
  if (schedule === undefined) {
    deps.logger.info({ schedule: request.schedule, location: request.location }, 'a tick of a schedule that is no longer defined')
    return undefined
  }
  try {
    return await launch(
      deps,
      {
        ...runOptionsOf(schedule),
        assets: schedule.assets,
        job: schedule.job,
        location: request.location,
        config: schedule.config,
        launchedBy: `schedule ${schedule.name}`,
      },
      (client, runId) => insertTick(client, request, request.cause, runId),
    )
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    await insertFailedTick(deps.pool, request, request.cause, storedError(error))
    deps.logger.error({ err: error, schedule: request.schedule, location: request.location }, 'a schedule could not launch its run')
    return undefined
  }
}

import { insertEvents } from '../catalog/events.ts'
import type { JsonObject } from '../definitions/json.ts'
import type { WorkerContext } from './context.ts'
import type { Claimed } from './work.ts'

/** Writes a line that user code logs to the process's log and to its run's events. */
export function logUserLine(context: WorkerContext, claimed: Claimed, message: string, fields: JsonObject): void {
  context.logger.info({ asset: claimed.asset, run: claimed.runId, ...fields }, message)
  insertEvents(context.pool, [{ runId: claimed.runId, stepId: claimed.stepId, asset: claimed.asset, kind: 'log', message, data: fields }]).catch(
    (error: unknown) => context.logger.warn({ err: error }, 'a log line of user code was not stored'),
  )
}

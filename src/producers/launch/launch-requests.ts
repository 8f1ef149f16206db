import type pg from 'pg'
import type { DueStep } from '../../catalog/due-step.ts'
import type { JsonObject } from '../../definitions/json.ts'
import type { RunOptions } from '../../definitions/run-limits.ts'
import { MillraceError } from '../../errors.ts'
import type { Database } from '../../catalog/database.ts'
import { insertRun } from './insert-run.ts'
import { planJob } from './plan-job.ts'
import { planRun } from './plan-run.ts'
import type { PlannedRun } from './plan-run.ts'

/** What asks for runs: a sensor, a schedule. */
export interface Requester {
  readonly location: string
  readonly kind: 'sensor' | 'schedule'
  readonly name: string
  /** What a request runs that says nothing else. */
  readonly assets: readonly string[]
  readonly job?: string | undefined
  readonly config?: JsonObject
  readonly tags?: Readonly<Record<string, string>> | undefined
  readonly options?: RunOptions
  /** When partitions must be there, where that is later than now. */
  readonly at?: Date
  /** It asks for one run alone: what is wrong with that needs no telling of which one it is. */
  readonly single?: boolean
}

/** A run that is asked for. */
export interface RunRequested {
  readonly runKey?: string | undefined
  readonly assets?: readonly string[] | undefined
  readonly partitions?: readonly string[] | undefined
  readonly config: JsonObject
  readonly tags: Readonly<Record<string, string>>
}

export interface LaunchedRequests {
  readonly runs: readonly string[]
  /** Requests whose run key had a run already. */
  readonly known: number
  /** To be enqueued after the commit. */
  readonly due: readonly DueStep[]
  readonly waits: boolean
}

/** The run key as the idempotency key of a run. */
export const keyOfRequest = ({ kind, location, name }: Requester, runKey: string): string => `${kind} ${location}/${name} ${runKey}`

/**
 * Writes the runs that are asked for, in the transaction of `client`: all or none.
 * @throws MillraceError of the first that cannot be launched, saying which
 */
export async function launchRequests(client: pg.PoolClient, by: Requester, requests: readonly RunRequested[]): Promise<LaunchedRequests> {
  const runs: string[] = []
  const due: DueStep[] = []
  let known = 0
  let waits = false
  for (const [at, request] of requests.entries()) {
    const inserted = await insertRun(client, await planRequest(client, by, request, at), {
      tags: { ...by.tags, ...request.tags },
      launchedBy: `${by.kind} ${by.name}`,
      idempotencyKey: request.runKey === undefined ? undefined : keyOfRequest(by, request.runKey),
    })
    if ('known' in inserted) known += 1
    else {
      runs.push(inserted.runId)
      due.push(...inserted.due)
      waits ||= inserted.waits
    }
  }
  return { runs, known, due, waits }
}

/**
 * What a request would run.
 * @throws MillraceError that says which request it is, and why it cannot be launched
 */
export async function planRequest(database: Database, by: Requester, request: RunRequested, at: number): Promise<PlannedRun> {
  const asked = {
    ...by.options,
    location: by.location,
    config: Object.keys(request.config).length === 0 ? (by.config ?? {}) : request.config,
    partitions: request.partitions,
    tags: { ...by.tags, ...request.tags },
    ...(by.at === undefined ? {} : { at: by.at }),
  }
  try {
    if (by.job !== undefined && request.assets === undefined) return await planJob(database, { ...asked, job: by.job })
    const assets = request.assets ?? by.assets
    if (assets.length === 0)
      throw new MillraceError(`It names no assets, and the ${by.kind} has none of its own.`, { code: `${by.kind.toUpperCase()}_ANSWER_INVALID` })
    return await planRun(database, { ...asked, assets })
  } catch (error) {
    if (!(error instanceof MillraceError) || by.single === true) throw error
    const which = request.runKey === undefined ? `number ${String(at + 1)}` : JSON.stringify(request.runKey)
    throw new MillraceError(`The run request ${which} of the ${by.kind} ${by.name} cannot be launched, and so none of this evaluation was: ${error.message}`, {
      code: error.code,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    })
  }
}

import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { sharedSpoolId } from '../catalog/processes.ts'
import { spoolName } from '../config.ts'
import type { SpoolPlace } from '../config.ts'
import type { Logger } from '../logger.ts'
import { openSpool } from '../spool/open-spool.ts'
import type { Spool } from '../spool/spool.ts'
import { SpoolUnavailableError } from '../spool/spool-unavailable-error.ts'

export interface WorkerSpool {
  readonly spool: Spool
  readonly id: string
  /** Why the worker may take no stage jobs: the others see another spool. */
  readonly problem: string | undefined
}

/** How long a spool that does not answer is asked again when a worker starts, in ms. */
const patienceMs = 30_000

/**
 * Opens a worker's spool, and compares it with that of the others.
 * @throws SpoolUnavailableError when it does not answer for half a minute; it is closed then
 */
export async function openWorkerSpool(pool: pg.Pool, place: SpoolPlace, logger: Logger): Promise<WorkerSpool> {
  const spool = await openSpool(place)
  try {
    const id = await patientId(spool, place, logger)
    if (id === (await sharedSpoolId(pool, id))) return { spool, id, problem: undefined }
    const mend = place.kind === 'files' ? 'mount the same folder in all of them, or set MILLRACE_SPOOL' : 'set MILLRACE_SPOOL alike in all of them'
    const problem = `its spool ${spoolName(place)} is another one than the other workers': ${mend}`
    logger.error({ spool: spoolName(place) }, `this worker takes no stage jobs: ${problem}`)
    return { spool, id, problem }
  } catch (error) {
    await spool.close()
    throw error
  }
}

/** A folder that cannot be used is told at once; a server may be starting too. */
async function patientId(spool: Spool, { kind }: SpoolPlace, logger: Logger): Promise<string> {
  for (const since = performance.now(); ;) {
    try {
      return await spool.id()
    } catch (error) {
      if (kind === 'files' || !(error instanceof SpoolUnavailableError) || performance.now() - since > patienceMs) throw error
      logger.warn({ err: error }, 'the spool does not answer; asking again')
      await delay(1000)
    }
  }
}

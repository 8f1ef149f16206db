import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { databaseTime } from '../catalog/clock.ts'
import { createPool } from '../catalog/database.ts'
import type { QuarantineDays } from '../catalog/forget-quarantine.ts'
import { lead, resignLead } from '../catalog/leader.ts'
import { endProcess, registerProcess, renewLease } from '../catalog/processes.ts'
import type { Logger } from '../logger.ts'
import { createQueues } from '../queues/queues.ts'
import type { SeenSchedulers } from './job-schedulers.ts'
import { syncTicks } from './schedules.ts'
import { createQuarantineRetention } from './forget-quarantine.ts'
import { advanceBackfills } from './advance-backfills.ts'
import { createHurry } from './automation/hurry.ts'
import { tickAutomations, tidyAutomations } from './automation/tick.ts'
import { createEventUpkeep, createRunRetention } from './keep-events.ts'
import type { HistoryDays } from './keep-events.ts'
import { createHistoryRetention } from './keep-history.ts'
import { settleVersions } from './settle-versions.ts'
import { sweep } from './sweep.ts'
import { unscheduleForgotten } from './unschedule-forgotten.ts'
import { createFreshnessWatch } from './watch-freshness.ts'
import type { SweepDeps } from './free-claims.ts'

export interface ProducersOptions {
  readonly databaseUrl: string
  readonly redisUrl: string | undefined
  readonly queuePrefix: string
  readonly leaseMs: number
  /** How long records stay in quarantine; for ever when absent. */
  readonly quarantineDays?: QuarantineDays
  /** How long events, ended runs, ticks and backfills stay; for ever when absent. */
  readonly historyDays?: HistoryDays
  readonly logger: Logger
}

export interface RunningProducers {
  readonly leading: boolean
  stop(): Promise<void>
}

/** The leader looks this often; a standby asks for the lead as often. */
const roundMs = 1000
const leadLeaseMs = 5000

const forEver: HistoryDays = { events: { debug: 0, log: 0, history: 0 }, runs: 0, scheduleTicks: 0, sensorTicks: 0, backfills: 0 }

/** Keeps schedules on the queues and repairs what crashes left behind. Any number may run; one leads, by lease. */
export async function startProducers(options: ProducersOptions): Promise<RunningProducers> {
  const forget = createQuarantineRetention(options.quarantineDays ?? { kept: 0, settled: 0 })
  const days = options.historyDays ?? forEver
  const [keepEvents, forgetRuns, keepHistory] = [createEventUpkeep(days.events), createRunRetention(days.runs), createHistoryRetention(days)]
  const watchFreshness = createFreshnessWatch()
  const seen: SeenSchedulers = new Map()
  return start(
    options,
    async (deps, { rounds, epoch }) => {
      await settleVersions(deps.pool, deps.logger)
      if (rounds === 0) seen.clear()
      await syncTicks(deps, await databaseTime(deps.pool), seen)
      await unscheduleForgotten(deps)
      await tickAutomations(deps, epoch)
      await tidyAutomations(deps, rounds)
      await sweep(deps)
      await advanceBackfills(deps)
      await forget(deps)
      await forgetRuns(deps)
      await keepHistory(deps)
      await keepEvents(deps)
      return watchFreshness(deps, epoch)
    },
    tickAutomations,
  )
}

/** Only the repairs and the upkeep of the event log, for a command that does one run by itself: no schedule is kept, no tick started. */
export async function startSweeper(options: ProducersOptions): Promise<RunningProducers> {
  const keepEvents = createEventUpkeep((options.historyDays ?? forEver).events)
  return start(options, async (deps) => {
    await sweep(deps)
    await advanceBackfills(deps)
    await keepEvents(deps)
  })
}

interface Lead {
  readonly rounds: number
  readonly epoch: string
}

/**
 * @param asLeader one round; may answer in how many ms it wants the next one, where that is sooner than usual
 * @param onChange what the leader does as soon as it hears that something changed, between two rounds
 */
async function start(
  options: ProducersOptions,
  asLeader: (deps: SweepDeps, lead: Lead) => Promise<number | undefined | void>,
  onChange?: (deps: SweepDeps, epoch: string) => Promise<void>,
): Promise<RunningProducers> {
  const { logger } = options
  const pool = createPool({ url: options.databaseUrl, max: 4, name: 'millrace producers', logger })
  const queues = createQueues({ databaseUrl: options.databaseUrl, redisUrl: options.redisUrl, prefix: options.queuePrefix, logger })
  let id = randomUUID()
  const register = (): Promise<void> =>
    registerProcess(pool, { id, role: 'producers', host: hostname(), pid: process.pid, queues: [], versions: {} }, options.leaseMs)
  await register()
  let epoch: string | undefined
  let rounds = 0
  const round = async (): Promise<number | undefined | void> => {
    if (!(await renewLease(pool, id, options.leaseMs))) {
      id = randomUUID()
      await register()
    }
    const led = await lead(pool, 'producers', id, leadLeaseMs)
    if (led !== epoch) {
      logger.info({ epoch: led }, led === undefined ? 'another producer leads; standing by' : 'leading')
      epoch = led
      rounds = 0
    }
    if (epoch === undefined) return undefined
    const sooner = await asLeader({ pool, queues, logger }, { rounds, epoch })
    rounds += 1
    return sooner
  }
  const loop = startLoop(round, roundMs, logger)
  const hurry =
    onChange === undefined
      ? undefined
      : createHurry(options.databaseUrl, logger, async () => {
          if (epoch !== undefined) await onChange({ pool, queues, logger }, epoch)
        })
  return {
    get leading() {
      return epoch !== undefined
    },
    async stop() {
      await hurry?.close()
      await loop.stop()
      await resignLead(pool, 'producers', id).catch((error: unknown) => logger.debug({ err: error }, 'lead not given up'))
      await endProcess(pool, id).catch((error: unknown) => logger.debug({ err: error }, 'session not ended'))
      await queues.close()
      await pool.end()
    },
  }
}

/** No round begins sooner than this after the one before. */
const leastMs = 20

/** Runs a round, waits, or less where it asks for that, runs the next; an error is logged and the next round tries again. */
function startLoop(round: () => Promise<number | undefined | void>, everyMs: number, logger: Logger): { stop(): Promise<void> } {
  let stopped = false
  let wake: () => void = () => undefined
  const run = async (): Promise<void> => {
    while (!stopped) {
      const sooner = await round().catch((error: unknown) => logger.warn({ err: error }, 'a round of the producers failed; the next one tries again'))
      if (stopped) return
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.max(leastMs, Math.min(everyMs, sooner ?? everyMs)))
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
  const running = run()
  return {
    async stop() {
      stopped = true
      wake()
      await running
    },
  }
}

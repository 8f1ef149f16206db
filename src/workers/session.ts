import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type pg from 'pg'
import { endProcess, registerProcess, renewLease, retireProcess } from '../catalog/processes.ts'
import type { ProcessRow } from '../catalog/processes.ts'
import { claimedInSql } from '../catalog/step-states.ts'
import { FencedError, MillraceError } from '../errors.ts'
import type { Logger } from '../logger.ts'

/** The worker is stopping: what it has in hand is given back, not failed. */
export class ShutdownError extends MillraceError {
  override readonly name = 'ShutdownError'
  constructor() {
    super('The worker is stopping.', { code: 'SHUTDOWN', retryable: true })
  }
}

/** One piece of work in hand. */
export interface Work {
  readonly runId: string
  readonly stepId: string
  /** Aborted with FencedError, ShutdownError or a timeout as its reason. */
  readonly signal: AbortSignal
  abort(reason: Error): void
  end(): void
}

/** This process as others see it: a row with a lease. What it claims is its own only while the lease lasts. */
export interface Session {
  readonly id: string
  /** Of the process, whatever its session: by it the queues know who has taken a job. */
  readonly instance: string
  begin(what: { runId: string; stepId: string; claim: number; batchId?: string }): Work
  /** How much is in hand. */
  readonly busy: number
  /** Looks at once whether work in hand was canceled or taken over. */
  look(): void
  /** Says that others must not count on this process: it ends with what it has begun. @param still the queues whose work it goes on with */
  retire(still: readonly string[]): Promise<void>
  /** Gives everything in hand back, and what begins from now on as soon as it begins: a queue may be about to hand over a job. */
  giveUp(reason: Error): void
  /** Tries again, while this session lives, until it succeeds. */
  untilDone(what: string, action: () => Promise<unknown>): Promise<void>
  close(): Promise<void>
}

export interface SessionOptions {
  readonly pool: pg.Pool
  readonly logger: Logger
  readonly leaseMs: number
  readonly row: Omit<ProcessRow, 'id' | 'host' | 'pid' | 'instance'>
}

interface InHand extends Work {
  readonly session: string
  readonly claim: number
  readonly batchId: string | undefined
  readonly controller: AbortController
}

/** Registers the process and keeps its lease. @throws when the catalogue cannot be reached */
export async function startSession(options: SessionOptions): Promise<Session> {
  const { pool, logger, leaseMs } = options
  const inHand = new Set<InHand>()
  let id = randomUUID()
  const instance = id
  let renewedAt = performance.now()
  let closed = false
  let temporary = options.row.temporary ?? false
  let { queues } = options.row
  let running: Promise<void> | undefined
  let looking: Promise<void> = Promise.resolve()
  let givenUp: Error | undefined

  const register = async (): Promise<void> => {
    await registerProcess(pool, { ...options.row, queues, temporary, id, instance, host: hostname(), pid: process.pid }, leaseMs)
    renewedAt = performance.now()
  }
  const abortAll = (reason: Error): void => {
    for (const work of inHand) work.abort(reason)
  }
  const beat = async (): Promise<void> => {
    try {
      const asked = performance.now()
      if (await renewLease(pool, id, leaseMs)) {
        renewedAt = asked
        await abortLost(pool, inHand)
        await releaseForgotten(pool, id, inHand)
        return
      }
      if (closed) return
      logger.warn('this worker was silent for too long; its work is somebody else’s now')
      abortAll(new FencedError('this worker’s work'))
      id = randomUUID()
      await register()
    } catch (error) {
      logger.warn({ err: error }, 'the catalogue does not answer')
      if (performance.now() - renewedAt > leaseMs) abortAll(new FencedError('this worker’s work'))
    }
  }
  const tick = (): void => {
    running ??= beat().finally(() => {
      running = undefined
    })
  }

  await register()
  // Four beats a lease: one may be lost, and one may be late.
  const timer = setInterval(tick, leaseMs / 4)
  return {
    get id() {
      return id
    },
    instance,
    get busy() {
      return inHand.size
    },
    begin({ runId, stepId, claim, batchId }) {
      const controller = new AbortController()
      const work: InHand = {
        session: id,
        runId,
        stepId,
        claim,
        batchId,
        controller,
        signal: controller.signal,
        abort: (reason) => controller.abort(reason),
        end: () => inHand.delete(work),
      }
      inHand.add(work)
      if (givenUp !== undefined) work.abort(givenUp)
      return work
    },
    look() {
      // One after the other: what was asked before this call may have been answered before what it is about.
      looking = looking
        .then(() => abortLost(pool, inHand))
        .catch((error: unknown) => logger.debug({ err: error }, 'not known what is lost; the next beat asks'))
    },
    async retire(still) {
      temporary = true
      queues = still
      await retireProcess(pool, id, still)
    },
    giveUp(reason) {
      givenUp = reason
      abortAll(reason)
    },
    async untilDone(what, action) {
      const session = id
      for (let delay = 100; session === id && !closed; delay = Math.min(delay * 2, 2000)) {
        try {
          await action()
          return
        } catch (error) {
          logger.debug({ err: error }, `${what}: trying again`)
          await new Promise((resolve) => setTimeout(resolve, delay))
        }
      }
    },
    async close() {
      clearInterval(timer)
      await Promise.all([running, looking])
      closed = true
      await endProcess(pool, id).catch((error: unknown) => logger.debug({ err: error }, 'session not ended'))
    },
  }
}

/** Aborts what is no longer this process's: canceled runs, claims taken over. */
async function abortLost(pool: pg.Pool, inHand: ReadonlySet<InHand>): Promise<void> {
  // What begins while the question is on its way is not in the answer.
  const asked = [...inHand]
  if (asked.length === 0) return
  const { rows } = await pool.query<{ id: string; claim: number; status: string; canceling: boolean }>(
    `SELECT s.id, s.claim, s.status, r.status = 'canceling' AS canceling FROM millrace.step s JOIN millrace.run r ON r.id = s.run_id WHERE s.id = ANY($1)`,
    [[...new Set(asked.map((work) => work.stepId))]],
  )
  for (const work of asked) {
    const row = rows.find((one) => one.id === work.stepId)
    const taken = row === undefined || (work.batchId === undefined && row.claim !== work.claim)
    // Nobody but the work itself ends its step well; it is about to end, and needs its connection whole.
    const done = row !== undefined && ['succeeded', 'superseded'].includes(row.status)
    const over = row !== undefined && ['failed', 'canceled', 'skipped', 'retrying'].includes(row.status)
    if (taken || (!done && (over || row.canceling))) work.abort(new FencedError(`the step ${work.stepId}`))
  }
}

/** Gives back what the catalogue says is this session's and nobody here works on: a release that went wrong, an answer that was lost. */
async function releaseForgotten(pool: pg.Pool, session: string, inHand: ReadonlySet<InHand>): Promise<void> {
  const steps = [...inHand].filter((work) => work.batchId === undefined).map((work) => work.stepId)
  const batches = [...inHand].flatMap((work) => (work.batchId === undefined ? [] : [work.batchId]))
  await pool.query(
    `UPDATE millrace.step SET claimed_by = NULL, enqueued = enqueued + 1, enqueued_at = clock_timestamp() - interval '1 minute'
     WHERE claimed_by = $1 AND NOT id = ANY($2) AND claimed_at < clock_timestamp() - interval '5 s' AND status IN ${claimedInSql}`,
    [session, steps],
  )
  await pool.query(
    `UPDATE millrace.batch b SET claimed_by = NULL, enqueued = enqueued + 1, enqueued_at = clock_timestamp() - interval '1 minute'
     WHERE claimed_by = $1 AND NOT id = ANY($2::bigint[]) AND claimed_at < clock_timestamp() - interval '5 s' AND status <> 'loaded'`,
    [session, batches],
  )
}

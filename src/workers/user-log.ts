import { insertLines } from '../catalog/events.ts'
import type { EventLevel, LoggedLine } from '../catalog/events.ts'
import type { ClaimedStep } from '../catalog/claims.ts'
import type { Log } from '../definitions/log.ts'
import type { WorkerContext } from './context.ts'
import { isConnectionLoss } from './failure.ts'
import { lineOf } from './user-line.ts'

export interface UserLogLimits {
  /** How long a line may wait for others, in ms. */
  readonly waitMs: number
  /** What one INSERT writes at most. */
  readonly batchLines: number
  readonly batchCharacters: number
  /** What may wait for the catalogue, in lines and in characters: what comes beyond is left out. */
  readonly waitingLines: number
  readonly waitingCharacters: number
  /** Lines kept of one attempt. */
  readonly attemptLines: number
  /** How long lines are tried again while the catalogue is away, in ms. */
  readonly retryMs: number
}

// 500 lines an INSERT: 100 to 1000 take the same time a line. 10,000 lines are what a loop without await may log at once.
const usual: UserLogLimits = {
  waitMs: 100,
  batchLines: 500,
  batchCharacters: 256 * 1024,
  waitingLines: 10_000,
  waitingCharacters: 8 * 1024 * 1024,
  attemptLines: 100_000,
  retryMs: 5000,
}

export interface UserLog {
  readonly log: Log
  /** Resolves when all that was logged is stored, or given up: then the process's log says so. Never rejects. */
  flush(): Promise<void>
}

type LogParts = Pick<WorkerContext, 'pool' | 'logger' | 'notifier'>
type LogOwner = Pick<ClaimedStep, 'runId' | 'stepId' | 'asset' | 'attempt'>

const weight = ({ message, data }: LoggedLine): number => message.length + data.length

/** Hands work a log for its user code; all that was logged is stored when it is over, well or not. */
export async function withUserLog<T>(parts: LogParts, owner: LogOwner, work: (log: Log) => Promise<T>): Promise<T> {
  const said = createUserLog(parts, owner)
  try {
    return await work(said.log)
  } finally {
    await said.flush()
  }
}

/** Gathers what user code logs in a step and writes it in batches, to the process's log and to the run's events. */
export function createUserLog({ pool, logger, notifier }: LogParts, owner: LogOwner, limits: UserLogLimits = usual): UserLog {
  const { runId, stepId, asset, attempt } = owner
  const waiting: LoggedLine[] = []
  let characters = 0
  let kept = 0
  let leftOut = 0
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> | undefined
  let gaveUp = false

  const push = (line: LoggedLine): void => {
    waiting.push(line)
    characters += weight(line)
  }
  const tellLeftOut = (): void => {
    if (leftOut === 0) return
    push(lineOf('warn', `${leftOut.toLocaleString('en')} lines were left out here: ${kept >= limits.attemptLines ? tooMany : tooFast}`, {}))
    leftOut = 0
  }
  const tooMany = `an attempt of a step keeps ${limits.attemptLines.toLocaleString('en')}.`
  const tooFast = 'they came faster than they could be stored.'
  const isFull = (): boolean => kept >= limits.attemptLines || waiting.length >= limits.waitingLines || characters >= limits.waitingCharacters

  const add = (level: EventLevel, message: string, fields: unknown): void => {
    if (isFull()) {
      leftOut += 1
      return
    }
    tellLeftOut()
    kept += 1
    const line = lineOf(level, message, fields)
    logger[level]({ asset, run: runId, ...(JSON.parse(line.data) as object) }, line.message)
    push(line)
    if (kept === limits.attemptLines) push(lineOf('warn', `What is logged after this is left out: ${tooMany}`, {}))
    if (waiting.length >= limits.batchLines || characters >= limits.batchCharacters) start()
    else timer ??= setTimeout(start, limits.waitMs)
  }
  const take = (): LoggedLine[] => {
    let sum = 0
    const beyond = waiting.findIndex((line, index) => {
      if (index === limits.batchLines || sum >= limits.batchCharacters) return true
      sum += weight(line)
      return false
    })
    characters -= sum
    return waiting.splice(0, beyond === -1 ? waiting.length : beyond)
  }
  const store = async (lines: readonly LoggedLine[]): Promise<void> => {
    const began = performance.now()
    for (let delay = 50; ; delay = Math.min(delay * 2, 1000)) {
      try {
        await insertLines(pool, { runId, stepId, asset, attempt }, lines)
        gaveUp = false
        notifier.changed(runId)
        return
      } catch (error) {
        if (gaveUp || !isConnectionLoss(error) || performance.now() - began > limits.retryMs) {
          gaveUp = true
          logger.warn({ err: error, asset, run: runId, lines: lines.length }, 'lines that user code logged were not stored')
          return
        }
        await new Promise((resolve) => setTimeout(resolve, delay))
      }
    }
  }
  const write = async (): Promise<void> => {
    while (waiting.length > 0) await store(take())
    writing = undefined
  }
  const start = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (waiting.length > 0) writing ??= write()
  }
  return {
    log: Object.assign((message: string, fields?: unknown) => add('info', message, fields), {
      debug: (message: string, fields?: unknown) => add('debug', message, fields),
      info: (message: string, fields?: unknown) => add('info', message, fields),
      warn: (message: string, fields?: unknown) => add('warn', message, fields),
      error: (message: string, fields?: unknown) => add('error', message, fields),
    }),
    async flush() {
      tellLeftOut()
      for (start(); writing !== undefined; start()) await writing
    },
  }
}

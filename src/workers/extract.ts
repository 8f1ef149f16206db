import { randomUUID } from 'node:crypto'
import { beginPublishing, restartStep, sealStep } from '../catalog/steps.ts'
import { claimStep } from '../catalog/claims.ts'
import type { ClaimedStep } from '../catalog/claims.ts'
import { recordBatch } from '../catalog/batches.ts'
import type { Log } from '../definitions/log.ts'
import type { Page } from '../definitions/page.ts'
import { FencedError, MillraceError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import { enqueueStep } from '../producers/launch/enqueue-step.ts'
import type { Payload } from '../queues/jobs.ts'
import type { WorkerContext } from './context.ts'
import { createBatchCutter } from './batch-cutter.ts'
import type { CutBatch } from './batch-cutter.ts'
import { callUserCode } from './failure.ts'
import { fetchedPartitions } from './fetched-partitions.ts'
import { parseConfig } from './parse-config.ts'
import { quarantinedPages } from './redrive.ts'
import { dropSpooled, untilSpooled } from './spooling.ts'
import type { Patience } from './spooling.ts'
import { createStepSignal } from './step-signal.ts'
import type { StepSignal } from './step-signal.ts'
import { withUserLog } from './user-log.ts'
import { judgeVersion } from './versions.ts'
import type { OwnAsset } from './versions.ts'
import { waitForWindow } from './window.ts'
import { doWork, giveBack } from './work.ts'

/** How long an extractor that was told to stop may take before it is left behind. */
const graceMs = 2000
/** How many times as large as its raw bytes a batch's rows may be, so that they fit into a spool that takes no more raw bytes. */
const roomForRows = 4

/** Pulls a step's pages from its source, spools them as batches, and records each for transform. */
export async function extract(context: WorkerContext, payload: Payload<'extract'>): Promise<void> {
  const claimed = await claimStep(context.pool, { ...payload, status: 'extracting', session: context.session.id })
  if (claimed === undefined) return
  faultPoint('extract.claimed')
  await doWork(context, 'extract', claimed, async (signal) => {
    const verdict = await judgeVersion(context, claimed, 'extract', 'table')
    if (verdict.kind === 'hand back') return giveBack(context, 'extract', claimed, 250)
    const { asset } = verdict.own
    // A last batch without a position leaves nothing to go on from: from the beginning, in the same generation, would double its rows.
    if (claimed.batches > 0 && (!asset.resumable || claimed.redrive || claimed.position === undefined)) {
      const due = await restartStep(context.pool, claimed, {
        kind: 'generation',
        message: `${claimed.asset} cannot go on in the middle of its source: extraction begins afresh.`,
      })
      if (due !== undefined) await enqueueStep(context.queues, due)
      return undefined
    }
    await withUserLog(context, claimed, (log) => pull(context, claimed, verdict.own, signal, log))
    if (!(await sealStep(context.pool, claimed.stepId, claimed.claim))) throw new FencedError(`the step ${claimed.stepId}`)
    faultPoint('extract.sealed')
    const due = await beginPublishing(context.pool, claimed.stepId)
    if (due !== undefined) await enqueueStep(context.queues, due)
    return undefined
  })
}

async function pull(context: WorkerContext, claimed: ClaimedStep, own: OwnAsset, workSignal: AbortSignal, log: Log): Promise<void> {
  const { asset } = own
  const stop = createStepSignal(workSignal, asset.timeoutMs, () => tooLong(claimed.asset, asset.timeoutMs))
  try {
    await pullUntil(context, claimed, own, stop, log)
  } finally {
    stop.end()
  }
}

function pagesOf(context: WorkerContext, claimed: ClaimedStep, { asset, spec }: OwnAsset, { signal, until }: StepSignal, log: Log) {
  if (claimed.redrive) return quarantinedPages(context, claimed, spec)
  return callUserCode(async () => {
    const resources = await until(() => context.resources.of(claimed.location, asset.resources))
    const partitions = await fetchedPartitions(context, claimed, spec)
    return asset.extract({
      config: parseConfig(asset, claimed.config),
      resources,
      signal,
      position: claimed.position,
      cursor: claimed.fullRefresh ? spec.table.cursor?.initial : (claimed.cursorFrom?.given ?? undefined),
      partitions,
      runId: claimed.runId,
      runStartedAt: claimed.runStartedAt,
      idempotencyKey: claimed.stepId,
      throttle: context.throttles.of(claimed.location),
      log,
    } as Parameters<typeof asset.extract>[0])
  })
}

async function pullUntil(context: WorkerContext, claimed: ClaimedStep, own: OwnAsset, stop: StepSignal, log: Log): Promise<void> {
  const { signal, until } = stop
  const pages = await pagesOf(context, claimed, own, stop, log)
  const cutter = createBatchCutter(context.limits.batchBytes, context.buffers)
  const growing = own.spec.table.eachBatch === true && !claimed.redrive
  // One batch is written while the pages of the next are pulled; never more, so that memory stays flat.
  let writing: Promise<void> = Promise.resolve()
  let fetchMs = 0
  const flush = async (batch: CutBatch): Promise<void> => {
    const extractMs = Math.round(fetchMs)
    fetchMs = 0
    await until(() => writing)
    await until(() => waitForWindow(context, claimed, signal))
    if (growing && batch.position === undefined) throw positionMissing(claimed.asset)
    writing = write(context, claimed, { ...batch, extractMs }, { signal, timeoutMs: own.asset.timeoutMs })
    writing.catch(() => undefined)
  }
  const iterator = iteratorOf(pages)
  // What is read from quarantine is ours: a lost catalogue gives the work back, and is no failed attempt of the user's function.
  const nextPage = async () => (claimed.redrive ? iterator.next() : callUserCode(() => iterator.next()))
  try {
    for (;;) {
      const asked = performance.now()
      const next = await until(nextPage)
      fetchMs += performance.now() - asked
      if (next.done === true) break
      const full = cutter.add(next.value)
      if (full !== undefined) await flush(full)
    }
    const rest = cutter.rest()
    if (rest !== undefined) await flush(rest)
    await until(() => writing)
  } catch (error) {
    // Whoever waits for the spool stops waiting. A write under way settles first: a batch recorded after this attempt was given up would be
    // fenced, but its file would lie about.
    stop.abort(error)
    await Promise.allSettled([writing])
    await leave(iterator, stop, error)
    throw error
  }
}

function iteratorOf(pages: AsyncIterable<Page> | Iterable<Page>): AsyncIterator<Page> | Iterator<Page> {
  return Symbol.asyncIterator in pages ? pages[Symbol.asyncIterator]() : pages[Symbol.iterator]()
}

/** Tells an extractor to stop, and leaves it behind when it does not within the grace. */
async function leave(iterator: AsyncIterator<Page> | Iterator<Page>, stop: StepSignal, reason: unknown): Promise<void> {
  stop.abort(reason)
  const returned = Promise.resolve(iterator.return?.()).catch(() => undefined)
  let timer: NodeJS.Timeout | undefined
  const grace = new Promise((resolve) => {
    timer = setTimeout(resolve, graceMs)
  })
  await Promise.race([returned, grace])
  clearTimeout(timer)
}

function tooLong(asset: string, timeoutMs: number): MillraceError {
  return new MillraceError(`Extracting ${asset} took longer than ${String(timeoutMs / 1000)} s.`, {
    code: 'STEP_TIMEOUT',
    retryable: true,
    hint: 'Raise the asset’s `timeoutMs`, or look why its source hangs: hand `signal` to every request it makes.',
  })
}

function positionMissing(asset: string): MillraceError {
  return new MillraceError(`A page of ${asset} has no position, and the asset is published batch by batch.`, {
    code: 'POSITION_MISSING',
    hint: 'What is published cannot be fetched again: give every page the `position` from which its source goes on after it.',
  })
}

async function write(context: WorkerContext, claimed: ClaimedStep, batch: CutBatch & { readonly extractMs: number }, patience: Patience): Promise<void> {
  const name = `${claimed.stepId}/${String(claimed.generation)}/${String(claimed.claim)}-${randomUUID()}.raw`
  // Room for its rows stays free: a spool full of raw bytes could never be emptied.
  const room = roomForRows * Math.max(context.limits.batchBytes, batch.bytes.length)
  const raw = await untilSpooled(context, claimed, patience, () => context.spool.write(name, [batch.bytes], { durable: true, leave: room }))
  batch.release()
  faultPoint('extract.spooled')
  const { position, cursor, extractMs } = batch
  const pointer = await recordBatch(context.pool, { stepId: claimed.stepId, claim: claimed.claim, raw, position, cursor, extractMs })
  if (pointer === undefined) {
    dropSpooled(context, name)
    throw new FencedError(`the step ${claimed.stepId}`)
  }
  faultPoint('extract.recorded')
  await context.queues.enqueue(claimed.location, 'transform', pointer)
  context.notifier.changed(claimed.runId)
}

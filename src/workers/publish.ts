import { readNotes } from '../catalog/batches.ts'
import { readSchemas } from '../catalog/checks.ts'
import { claimStep } from '../catalog/claims.ts'
import type { ClaimedStep } from '../catalog/claims.ts'
import { restartStep, succeedStep } from '../catalog/steps.ts'
import type { StepEnd } from '../catalog/steps.ts'
import type { TableAssetSpec } from '../definitions/manifest.ts'
import { boundsOf } from '../definitions/partitions/partition-bounds.ts'
import { FencedError } from '../errors.ts'
import { faultPoint } from '../fault-point.ts'
import { enqueueStep, enqueueSteps } from '../producers/launch/enqueue-step.ts'
import { startWaiting } from '../producers/launch/start-waiting.ts'
import type { Payload } from '../queues/jobs.ts'
import { publish as publishRows } from '../warehouse/publish.ts'
import { analyzeSwapped } from '../warehouse/replace.ts'
import type { PublishOutcome, PublishRequest, PublishResult } from '../warehouse/publish.ts'
import { RowNotes, sumNotes } from '../warehouse/row-notes.ts'
import type { WorkerContext } from './context.ts'
import { workOnDestination } from './destination.ts'
import { judgeQuarantine } from './quarantine.ts'
import { publishedEvents } from './schema-events.ts'
import { dropSpooled } from './spooling.ts'
import { goOnAfter } from './go-on-after.ts'
import { describeStep } from './statistics.ts'
import { tableSpecOf } from './table-spec.ts'
import type { Claimed } from './work.ts'

/** Moves a step's rows from staging into the target, and writes the end of the step down. */
export async function publish(context: WorkerContext, payload: Payload<'publish'>): Promise<void> {
  await workOnDestination(context, {
    job: 'publish',
    payload,
    claim: (backend) => claimStep(context.pool, { ...payload, status: 'publishing', session: context.session.id, ...(backend && { backend }) }),
    run: async (claimed, ask, signal) => {
      const spec = await tableSpecOf(context, claimed)
      const quarantined = await judgeQuarantine(context, claimed, spec)
      const notes = sumNotes(RowNotes.array().parse(await readNotes(context.pool, claimed.stepId, claimed.generation)))
      const request: PublishRequest = {
        stepId: claimed.stepId,
        generation: claimed.generation,
        asset: claimed.asset,
        table: spec.table,
        checks: spec.checks,
        schemas: await readSchemas(context.pool, claimed, spec.checks),
        runStartedAt: claimed.runStartedAt,
        batches: claimed.batches,
        quarantined,
        fullRefresh: claimed.fullRefresh,
        cursor: spec.table.cursor === undefined || claimed.redrive ? undefined : { from: claimed.cursorFrom?.stored ?? null, pages: claimed.cursor },
        ...partitionsOf(spec, claimed),
        ...(notes === undefined ? {} : { notes }),
        statistics: await describeStep(context, claimed),
        signal,
        onApplied: () => faultPoint('publish.applied'),
      }
      const outcome = await ask((client) => publishRows(client, request))
      faultPoint('publish.committed')
      await settleOutcome(context, claimed, outcome)
      if (outcome.state === 'published' && outcome.result.how === 'swapped') await ask((client) => analyzeSwapped(client, spec.table))
    },
  })
}

function partitionsOf({ partitions, table }: TableAssetSpec, claimed: ClaimedStep): Pick<PublishRequest, 'partitions'> {
  if (partitions === undefined || table.by === undefined || claimed.partitions === undefined) return {}
  return { partitions: claimed.partitions.map((key) => boundsOf(partitions, table, key)) }
}

async function settleOutcome(context: WorkerContext, claimed: ClaimedStep, outcome: PublishOutcome): Promise<void> {
  if (outcome.state === 'fenced') throw new FencedError(`the step ${claimed.stepId}`)
  if (outcome.state === 'cursor moved') return beginAtMovedCursor(context, claimed)
  const end =
    outcome.state === 'superseded'
      ? await succeedStep(context.pool, claimed.stepId, { metadata: {} }, 'superseded')
      : await succeedStep(context.pool, claimed.stepId, stepResultOf(claimed.asset, outcome.result))
  await followUp(context, claimed.stepId, end)
}

/** Another run has published since this step's extraction began: it goes on from there instead of doubling what came between. */
export async function beginAtMovedCursor(context: WorkerContext, claimed: Claimed): Promise<void> {
  const due = await restartStep(context.pool, claimed, {
    kind: 'cursor',
    message: `Another run of ${claimed.asset} has published since this one began: extraction begins afresh, from where that one ended.`,
  })
  if (due !== undefined) await enqueueStep(context.queues, due)
}

/** A publish's result as a step's: what is shown of a materialization. */
export function stepResultOf(asset: string, result: PublishResult) {
  const { checks, preview, ddl: _, notes = {}, grants, statistics, ...counts } = result
  const { quarantined = 0, records } = counts
  const message = `${String(quarantined)} of ${String(records)} records do not fit and are in quarantine: \`millrace quarantine list\` shows them.`
  const events = quarantined === 0 ? [] : [{ kind: 'quarantine', level: 'warn' as const, message, data: { quarantined, records } }]
  const metadata = {
    ...counts,
    ...(notes.unknownFields === undefined ? {} : { unknownFields: notes.unknownFields }),
    ...(notes.discardedValues === undefined ? {} : { discardedValues: notes.discardedValues }),
    ...(grants === undefined || grants.length === 0 ? {} : { grants: [...grants] }),
    ...(statistics === undefined ? {} : { statistics: JSON.parse(JSON.stringify(statistics)) as {} }),
    preview: JSON.parse(JSON.stringify(preview)) as [],
  }
  return { metadata, checks, events: [...events, ...publishedEvents(asset, result)] }
}

/** Enqueues what a step's end made due, and has its leavings removed. */
export async function followUp(context: WorkerContext, stepId: string, end: StepEnd | undefined): Promise<void> {
  if (end === undefined) return
  await enqueueSteps(context.queues, end.due)
  dropSpooled(context, `${stepId}/`)
  if (end.runEnded) await goOnAfter(context, stepId)
  if (end.makesRoom) await startWaiting(context)
}

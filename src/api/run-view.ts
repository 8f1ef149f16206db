import * as z from 'zod'
import { readChecksOfRun } from '../catalog/read/assets.ts'
import { readRun, runStatuses } from '../catalog/read/runs.ts'
import type { RunRead } from '../catalog/read/runs.ts'
import { readQueue, readSurroundings } from '../catalog/read/waits.ts'
import { readSteps } from '../catalog/read/steps.ts'
import type { StepRead } from '../catalog/read/steps.ts'
import { stepKinds, stepStatuses } from '../catalog/step-states.ts'
import { stageTotalsOf } from '../catalog/batch-statistics.ts'
import { ColumnStatistics, StageTotals } from '../definitions/column-statistics.ts'
import { redact } from '../redact.ts'
import { CheckResult, presentCheck } from './check-result.ts'
import { Failure } from './failure.ts'
import type { Parts } from './parts.ts'
import { runWaitOf } from './run-waits.ts'
import { Wait } from './wait.ts'
import { statusesOf, waitOf } from './waits.ts'

const instant = z.iso.datetime()

/** How metadata is told apart, for the API's users. */
export const metadataForm =
  'each value is plain JSON, or `{ "type", "value" }` of a kind: asset, bool, columnLineage, float, int, job, json, markdown, null, path, run, table, tableSchema, text, timestamp, url. Where it was too long, `cutFrom` says how long.'

export const RunStatus = z.enum(runStatuses).meta({ id: 'RunStatus' })

export const Run = z
  .object({
    id: z.uuid(),
    location: z.string(),
    version: z.string().meta({ description: 'The manifest version that the run was planned from.' }),
    status: RunStatus,
    job: z.string().nullable().meta({ description: 'The job that it is a run of.' }),
    assets: z.array(z.string()),
    config: z.record(z.string(), z.json()).meta({ description: 'Secrets are shown as [redacted].' }),
    tags: z.record(z.string(), z.string()),
    partitions: z.array(z.string()).nullable().meta({ description: 'What it makes of assets that have partitions; null where it makes none.' }),
    backfillId: z.uuid().nullable().meta({ description: 'The backfill that it is of.' }),
    launchedBy: z.string(),
    createdAt: instant,
    startedAt: instant.nullable().meta({ description: 'When it left the queue.' }),
    priority: z.int().meta({ description: 'The greater, the sooner it leaves the queue.' }),
    timeoutMs: z.number().nullable().meta({ description: 'The longest that it may take once it has left the queue.' }),
    retries: z.int().meta({ description: 'How often it is tried again.' }),
    retried: z.int().meta({ description: 'How often it was.' }),
    retryAt: instant.nullable(),
    retryFrom: z
      .enum(['failure', 'start'])
      .meta({ description: '`failure`: it goes on from what failed; `start`: a run like it is launched, with all of its steps.' }),
    retriedBy: z.uuid().nullable().meta({ description: 'The run that tries it again from its start.' }),
    error: Failure.nullable().meta({ description: 'Why it ended, where that is no failure of a step.' }),
    cancelRequestedAt: instant.nullable(),
    endedAt: instant.nullable(),
    progress: z.object({
      steps: z.int(),
      ended: z.int(),
      succeeded: z.int(),
      rows: z.int().meta({ description: 'Rows loaded so far.' }),
    }),
  })
  .meta({ id: 'Run' })
export type Run = z.output<typeof Run>

export const Step = z
  .object({
    id: z.uuid(),
    asset: z.string(),
    kind: z.enum(stepKinds),
    status: z.enum(stepStatuses),
    attempt: z.int().meta({ description: 'Tries, from 1.' }),
    upstream: z.array(z.string()),
    batches: z
      .object({ recorded: z.int(), encoded: z.int(), loaded: z.int() })
      .meta({ description: 'How many batches came as far as each stage (extract, transform, load), or further.' }),
    extracted: z.boolean().meta({ description: 'The source has given everything.' }),
    bytes: z.int().meta({ description: 'Raw bytes extracted.' }),
    records: z.int().meta({ description: 'Records read from the raw bytes.' }),
    rows: z.int().meta({ description: 'Rows loaded so far.' }),
    quarantined: z.int().meta({ description: 'Records that do not fit and are kept in quarantine.' }),
    startedAt: instant.nullable(),
    endedAt: instant.nullable(),
    error: Failure.nullable(),
    skippedBecause: z
      .string()
      .nullable()
      .meta({ description: 'Of one that was skipped, why: `because shop/orders failed`. Null of what an older version skipped.' }),
    stages: z.array(StageTotals).meta({
      description:
        'What passed through extract, transform and load, and for how long workers were at it, added up: two at once count twice. Empty for SQL assets.',
    }),
    columns: z
      .array(ColumnStatistics)
      .meta({ description: 'What is known of the values that it wrote; empty before it has succeeded, and where nobody asks.' }),
    metadata: z
      .record(z.string(), z.json())
      .meta({ description: `Of a function asset that was materialized, and of an op that answered some: ${metadataForm}` }),
    waitsFor: Wait.nullable().meta({ description: 'Why it does not go on; null while it does, and when it is over.' }),
  })
  .meta({ id: 'Step' })
export type Step = z.output<typeof Step>

export const RunDetail = Run.extend({
  waitsFor: Wait.nullable().meta({ description: 'Why it is still in the queue; null where it is not.' }),
  steps: z.array(Step),
  checks: z.array(CheckResult),
}).meta({ id: 'RunDetail' })
export type RunDetail = z.output<typeof RunDetail>

export function presentRun(row: RunRead): Run {
  return {
    id: row.id,
    location: row.location,
    version: row.version,
    status: row.status,
    job: row.job,
    assets: row.assets,
    config: z.record(z.string(), z.json()).parse(redact(row.config)),
    tags: row.tags,
    partitions: row.partitions,
    backfillId: row.backfillId,
    launchedBy: row.launchedBy,
    createdAt: row.createdAt,
    startedAt: row.startedAt,
    priority: row.priority,
    timeoutMs: row.timeoutMs,
    retries: row.retries,
    retried: row.retried,
    retryAt: row.retryAt,
    retryFrom: row.retryFrom,
    retriedBy: row.retriedBy,
    error: row.error,
    cancelRequestedAt: row.cancelRequestedAt,
    endedAt: row.endedAt,
    progress: { steps: row.steps, ended: row.stepsEnded, succeeded: row.stepsSucceeded, rows: row.rows },
  }
}

/** A run with its steps, or undefined. */
export async function runDetail({ pool }: Pick<Parts, 'pool'>, id: string): Promise<RunDetail | undefined> {
  const [run, steps, checks, surroundings] = await Promise.all([readRun(pool, id), readSteps(pool, id), readChecksOfRun(pool, id), readSurroundings(pool, id)])
  if (run === undefined) return undefined
  const queue = run.status === 'queued' ? await readQueue(pool, id) : undefined
  const waitsFor = queue === undefined ? null : runWaitOf(run, queue, surroundings)
  const circumstances = { statuses: statusesOf(steps), ...surroundings }
  return {
    ...presentRun(run),
    waitsFor,
    steps: steps.map((step) => presentStep(step, waitsFor ?? waitOf(step, circumstances))),
    checks: checks.map(presentCheck),
  }
}

/** A step as the API shows it. */
export function presentStep(step: StepRead, waitsFor: Wait | null): Step {
  return {
    id: step.id,
    asset: step.asset,
    kind: step.kind,
    status: step.status,
    attempt: step.attempt,
    upstream: step.upstream,
    batches: { recorded: step.recorded, encoded: step.encoded, loaded: step.loaded },
    extracted: step.sealed,
    bytes: step.bytes,
    records: step.records,
    rows: step.rows,
    quarantined: step.quarantined,
    startedAt: step.startedAt,
    endedAt: step.endedAt,
    error: step.error,
    skippedBecause: step.skippedBecause,
    stages: step.kind !== 'table' ? [] : (step.statistics?.stages ?? stageTotalsOf(step.sums)),
    columns: step.statistics?.columns ?? [],
    metadata: z.record(z.string(), z.json()).parse(redact(step.metadata ?? {})),
    waitsFor,
  }
}

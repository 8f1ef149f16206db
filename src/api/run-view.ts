import * as z from 'zod'
import { readCheckResults } from '../catalog/read/assets.ts'
import { readOutages } from '../catalog/read/outages.ts'
import { readLiveProcesses } from '../catalog/read/processes.ts'
import { readRun, runStatuses } from '../catalog/read/runs.ts'
import type { RunRead } from '../catalog/read/runs.ts'
import { readSteps } from '../catalog/read/steps.ts'
import type { StepRead } from '../catalog/read/steps.ts'
import { stepKinds, stepStatuses } from '../catalog/step-states.ts'
import { stageTotalsOf } from '../catalog/batch-statistics.ts'
import { ColumnStatistics, StageTotals } from '../definitions/column-statistics.ts'
import { redact } from '../redact.ts'
import { CheckResult } from './check-result.ts'
import { Failure } from './failure.ts'
import type { Parts } from './parts.ts'
import { Wait, waitOf } from './waits.ts'

const instant = z.iso.datetime()

export const RunStatus = z.enum(runStatuses).meta({ id: 'RunStatus' })

export const Run = z
  .object({
    id: z.uuid(),
    location: z.string(),
    version: z.string().meta({ description: 'The manifest version that the run was planned from.' }),
    status: RunStatus,
    assets: z.array(z.string()),
    config: z.record(z.string(), z.json()).meta({ description: 'Secrets are shown as [redacted].' }),
    tags: z.record(z.string(), z.string()),
    launchedBy: z.string(),
    createdAt: instant,
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
    stages: z.array(StageTotals).meta({
      description:
        'What passed through extract, transform and load, and for how long workers were at it, added up: two at once count twice. Empty for SQL assets.',
    }),
    columns: z
      .array(ColumnStatistics)
      .meta({ description: 'What is known of the values that it wrote; empty before it has succeeded, and where nobody asks.' }),
    waitsFor: Wait.nullable().meta({ description: 'Why it does not go on; null while it does, and when it is over.' }),
  })
  .meta({ id: 'Step' })
export type Step = z.output<typeof Step>

export const RunDetail = Run.extend({ steps: z.array(Step), checks: z.array(CheckResult) }).meta({ id: 'RunDetail' })
export type RunDetail = z.output<typeof RunDetail>

export function presentRun(row: RunRead): Run {
  return {
    id: row.id,
    location: row.location,
    version: row.version,
    status: row.status,
    assets: row.assets,
    config: z.record(z.string(), z.json()).parse(redact(row.config)),
    tags: row.tags,
    launchedBy: row.launchedBy,
    createdAt: row.createdAt,
    cancelRequestedAt: row.cancelRequestedAt,
    endedAt: row.endedAt,
    progress: { steps: row.steps, ended: row.stepsEnded, succeeded: row.stepsSucceeded, rows: row.rows },
  }
}

/** A run with its steps, or undefined. */
export async function runDetail({ pool }: Pick<Parts, 'pool'>, id: string): Promise<RunDetail | undefined> {
  const [run, steps, processes, outages, checks] = await Promise.all([
    readRun(pool, id),
    readSteps(pool, id),
    readLiveProcesses(pool),
    readOutages(pool),
    readCheckResults(pool, id),
  ])
  if (run === undefined) return undefined
  return { ...presentRun(run), steps: steps.map((step) => presentStep(step, waitOf(step, { steps, processes, outages }))), checks }
}

function presentStep(step: StepRead, waitsFor: Wait | null): Step {
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
    stages: step.kind !== 'table' ? [] : (step.statistics?.stages ?? stageTotalsOf(step.sums)),
    columns: step.statistics?.columns ?? [],
    waitsFor,
  }
}

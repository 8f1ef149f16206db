import type pg from 'pg'
import { forgetFailure } from './asset-failure.ts'
import { recordChecks } from './checks.ts'
import { transaction } from './database.ts'
import { insertEvents, storableJson } from './events.ts'
import { markAsset, materializationOf } from './materialized.ts'
import { keepObserved } from './observations.ts'
import type { SeenAsset } from './observations.ts'
import { forgetFailed } from './partition-states.ts'
import { readyAfter } from './ready-steps.ts'
import type { Begun } from './ready-steps.ts'
import { skipUnneeded } from './skip-steps.ts'
import { statusesWith } from './step-states.ts'
import { finishRun, lockRun } from './steps.ts'
import type { StepEnd, StepResult } from './steps.ts'

/** What became of one of the assets that a function makes together. */
export interface OutputResult extends Pick<StepResult, 'metadata' | 'partitions' | 'checks'> {
  readonly asset: string
  /** Those that were made; null where the asset has none. */
  readonly made: readonly string[] | null
}

export interface OutputsResult {
  readonly seconds: number
  readonly outputs: readonly OutputResult[]
  /** Assets that the function was asked for and left out. */
  readonly leftOut: readonly string[]
  /** What the function saw of assets. */
  readonly observed: readonly SeenAsset[]
}

/**
 * Writes down that a function of several assets has succeeded, with each asset that it made, in one transaction: whoever reads sees all of them made, or none.
 * What hangs on one that was left out is skipped. Nothing when the claim is no longer the current one.
 */
export async function succeedOutputs(pool: pg.Pool, stepId: string, claim: number, result: OutputsResult): Promise<StepEnd | undefined> {
  return transaction(pool, async (client) => {
    await lockRun(client, stepId)
    const { rows } = await client.query<MultiRow>(
      `UPDATE millrace.step SET status = 'succeeded', result = $3, error = NULL, claimed_by = NULL, ended_at = clock_timestamp(), cleaned_at = clock_timestamp()
       WHERE id = $1 AND claim = $2 AND status = ANY($4) RETURNING run_id, location, asset, makes, partitions, pool`,
      [stepId, claim, JSON.stringify({ seconds: result.seconds }), statusesWith('done')],
    )
    const step = rows[0]
    if (step === undefined) return undefined
    const runId = step.run_id
    await insertEvents(client, [
      { runId, stepId, asset: step.asset, kind: 'step succeeded', message: `${step.asset} succeeded.`, data: { seconds: result.seconds } },
    ])
    // In the order of their keys: two runs that end at once wait for each other, and never both.
    for (const output of result.outputs.toSorted((a, b) => (a.asset < b.asset ? -1 : 1))) await endOutput(client, step, output)
    await forgetLeftOut(client, step, result.outputs)
    await keepObserved(client, { ...step, id: stepId }, result.observed)
    const begun: Begun[] = []
    for (const asset of result.leftOut) await skipUnneeded(client, runId, { assets: [asset], templates: [] }, `because ${step.asset} left out ${asset}`)
    for (const { asset } of result.outputs) begun.push(await readyAfter(client, { runId, asset }))
    const runEnded = await finishRun(client, runId)
    const held = begun.some((one) => one.held)
    return { due: begun.flatMap((one) => one.due), runEnded, makesRoom: runEnded || held || step.pool !== null }
  })
}

interface MultiRow {
  run_id: string
  location: string
  asset: string
  makes: string[]
  partitions: string[] | null
  pool: string | null
}

/** What the function left out did not fail. After all that was made, whose rows are locked in order. */
async function forgetLeftOut(client: pg.PoolClient, { location, makes, partitions }: MultiRow, outputs: readonly OutputResult[]): Promise<void> {
  for (const asset of makes) {
    const output = outputs.find((one) => one.asset === asset)
    if (output === undefined) await forgetFailure(client, location, asset)
    const made = new Set(output?.made)
    await forgetFailed(client, { location, asset, partitions: (partitions ?? []).filter((key) => !made.has(key)) })
  }
}

async function endOutput(client: pg.PoolClient, { run_id, location }: { readonly run_id: string; readonly location: string }, output: OutputResult) {
  const { asset, made, metadata } = output
  // Somebody may have canceled the run meanwhile: what was stored is there all the same.
  const { rows } = await client.query<{ id: string }>(
    `UPDATE millrace.step o SET status = 'succeeded', result = $3, partitions = coalesce($5, partitions), error = NULL, ended_at = clock_timestamp(), cleaned_at = clock_timestamp(),
        started_at = (SELECT m.started_at FROM millrace.step m WHERE m.run_id = o.run_id AND m.asset = ANY(o.upstream) AND m.kind = 'multi')
     WHERE run_id = $1 AND asset = $2 AND status = ANY($4) RETURNING id`,
    [run_id, asset, storableJson(metadata), statusesWith('made'), made],
  )
  const stepId = rows[0]?.id
  await recordChecks(client, { run_id, location, asset }, output.checks)
  await markAsset(client, { location, asset, run_id, partitions: made }, metadata, (key) => output.partitions?.[key] ?? metadata)
  await insertEvents(client, [{ runId: run_id, stepId, ...materializationOf({ asset, partitions: made }, metadata) }])
}

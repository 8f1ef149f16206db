import type pg from 'pg'
import { transaction } from './database.ts'
import { insertEvents, storableJson } from './events.ts'
import type { EventInput } from './events.ts'
import type { JsonObject } from '../definitions/json.ts'
import { expandMapping } from './expand-mapping.ts'
import type { NewBranches } from './expand-mapping.ts'
import { keepObserved } from './observations.ts'
import type { SeenAsset } from './observations.ts'
import { branchOf, nextInLine, readyAfter } from './ready-steps.ts'
import type { Begun, BranchRow } from './ready-steps.ts'
import { skipUnneeded } from './skip-steps.ts'
import type { Unneeded } from './skip-steps.ts'
import { statusesWith } from './step-states.ts'
import { finishRun, lockRun } from './steps.ts'
import type { StepEnd } from './steps.ts'

/** What an op left behind. */
export interface OpResult {
  /** JSON text by the outputs' names; null where an I/O manager keeps the value. An output that was left out is not there. */
  readonly outputs: Readonly<Record<string, string | null>>
  /** What is to be shown with the step. */
  readonly metadata: JsonObject
  readonly seconds: number
  readonly branches: readonly NewBranches[]
  /** What is handed an output that was left out. */
  readonly unneeded: Unneeded
  /** What it saw of assets. */
  readonly observed: readonly SeenAsset[]
}

/** Writes down that an op has succeeded, with its outputs, and makes what hangs on it due. Nothing when the claim is no longer the current one. */
export async function succeedOp(pool: pg.Pool, stepId: string, claim: number, result: OpResult): Promise<StepEnd | undefined> {
  return transaction(pool, async (client) => {
    await lockRun(client, stepId)
    const names = Object.keys(result.outputs)
    const shown = { ...result.metadata, seconds: result.seconds }
    const { rows } = await client.query<{ run_id: string; location: string; asset: string; pool: string | null } & BranchRow>(
      `WITH done AS (
         UPDATE millrace.step SET status = 'succeeded', result = $3, error = NULL, claimed_by = NULL, ended_at = clock_timestamp(), cleaned_at = clock_timestamp()
         WHERE id = $1 AND status = ANY($4) AND claim = $2 RETURNING id, run_id, location, asset, pool, template, ordinal, in_line),
       kept AS (
         INSERT INTO millrace.step_value (step_id, output, value)
         SELECT done.id, o.output, o.value::json FROM done, unnest($5::text[], $6::text[]) AS o(output, value))
       SELECT run_id, location, asset, pool, template, ordinal, in_line FROM done`,
      [stepId, claim, storableJson(shown), statusesWith('done'), names, names.map((name) => result.outputs[name] ?? null)],
    )
    const step = rows[0]
    if (step === undefined) return undefined
    const runId = step.run_id
    const said: EventInput = {
      runId,
      stepId,
      asset: step.asset,
      kind: 'step succeeded',
      message: `${step.asset} succeeded.`,
      data: shown,
    }
    await insertEvents(client, [said])
    await keepObserved(client, { ...step, id: stepId }, result.observed)
    const begun: Begun[] = []
    for (const branches of result.branches) begun.push(await expandMapping(client, runId, branches))
    const { assets, templates: handed } = result.unneeded
    const templates =
      assets.length + handed.length === 0 ? [] : await skipUnneeded(client, runId, result.unneeded, `because ${step.asset} left out what it is handed`)
    begun.push(await readyAfter(client, { runId, asset: step.asset, ...branchOf(step), templates }))
    if (step.in_line) begun.push(await nextInLine(client, runId, step.template))
    const due = begun.flatMap((one) => one.due)
    const held = begun.some((one) => one.held)
    const runEnded = due.length === 0 && !held && (await finishRun(client, runId))
    return { due, runEnded, makesRoom: runEnded || held || step.pool !== null }
  })
}

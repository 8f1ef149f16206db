import type pg from 'pg'
import { fateOf } from '../definitions/ops/fate.ts'
import type { Fate, StepOutside } from '../definitions/ops/fate.ts'
import type { PoolUse } from '../definitions/pool.ts'
import type { HookNames } from '../definitions/hook.ts'
import { nextInLine, readyAfter } from './ready-steps.ts'
import type { Begun } from './ready-steps.ts'
import { skipDownstream } from './skip-steps.ts'

/** A step that every branch of a mapping has. */
interface BranchStep {
  readonly name: string
  /** Steps of the same branch that it hangs on. */
  readonly within: readonly string[]
  /** Steps outside of it. */
  readonly outside: readonly string[]
  /** Outputs of steps outside that it is handed. */
  readonly handed: readonly { readonly step: string; readonly output: string }[]
  readonly pool: PoolUse | undefined
  /** What is called when it has ended, by the status that it ended with. */
  readonly hooks?: HookNames
}

/** The branches of a mapping whose items are known. */
export interface NewBranches {
  readonly map: string
  readonly partOf: string | undefined
  /** Values as JSON text, in order. */
  readonly items: readonly { readonly key: string; readonly value: string }[]
  /** Upstream before downstream. */
  readonly steps: readonly BranchStep[]
}

/** Items written in one statement. */
const itemsAtOnce = 1000

/** Writes the steps of all branches, in the transaction of the step that found the items, and begins as many as may go at once. */
export async function expandMapping(client: pg.PoolClient, runId: string, { map, partOf, items, steps }: NewBranches): Promise<Begun> {
  for (let from = 0; from < items.length; from += itemsAtOnce) {
    const some = items.slice(from, from + itemsAtOnce)
    await client.query(
      `INSERT INTO millrace.map_item (run_id, map, ordinal, key, value)
       SELECT $1, $2, $3 + n - 1, key, value::json FROM unnest($4::text[], $5::text[]) WITH ORDINALITY AS i(key, value, n)`,
      [runId, map, from, some.map(({ key }) => key), some.map(({ value }) => value)],
    )
  }
  const outside = await readOutside(client, runId, [...new Set(steps.flatMap((step) => step.outside))])
  const fates = new Map<string, Fate>()
  const begun: Begun[] = []
  for (const step of steps) {
    const fate = fateOf(step, outside, fates)
    fates.set(step.name, fate)
    const inLine = step.within.length === 0
    await client.query(
      `INSERT INTO millrace.step (run_id, location, version, kind, part_of, asset, template, map, ordinal, upstream, in_line, status, unneeded, pool, slots, ended_at, cleaned_at, skipped_because, hooks, partitions)
       SELECT r.id, r.location, r.version, 'op', $3::text, $4::text || '[' || i.key || ']', $4::text, $2, i.ordinal, array(SELECT u || '[' || i.key || ']' FROM unnest($5::text[]) u) || $6::text[],
         $7, $8, $9, $10, $11, CASE WHEN $8 = 'skipped' THEN clock_timestamp() END, CASE WHEN $8 = 'skipped' THEN clock_timestamp() END, $13, $12::jsonb,
         (SELECT a.partitions FROM millrace.step a WHERE a.run_id = $1 AND a.asset = $3::text)
       FROM millrace.run r JOIN millrace.map_item i ON i.run_id = r.id AND i.map = $2 WHERE r.id = $1`,
      [
        runId,
        map,
        partOf ?? null,
        step.name,
        step.within,
        step.outside,
        inLine,
        fate === 'runs' ? 'waiting' : 'skipped',
        fate === 'unneeded',
        step.pool?.name ?? null,
        step.pool?.slots ?? 1,
        step.hooks === undefined ? null : JSON.stringify(step.hooks),
        fate === 'runs' ? null : whySkipped(step, outside),
      ],
    )
    if (fate === 'runs' && inLine) begun.push(await nextInLine(client, runId, step.name))
    if (fate === 'blocked') await skipDownstream(client, runId, { asset: `${step.name}[]`, template: step.name }, `${step.name} was skipped`)
    if (fate === 'unneeded') begun.push(await readyAfter(client, { runId, asset: `${step.name}[]`, template: step.name }))
  }
  return { due: begun.flatMap((one) => one.due), held: begun.some((one) => one.held) }
}

/** Why a step of a branch does not run, as a sentence's end. */
function whySkipped(step: BranchStep, outside: ReadonlyMap<string, StepOutside>): string {
  const lost = step.outside.find((name) => ['failed', 'canceled', 'skipped'].includes(outside.get(name)?.status ?? ''))
  if (lost !== undefined) return `because ${lost} ${outside.get(lost)?.status === 'failed' ? 'failed' : `was ${outside.get(lost)?.status ?? ''}`}`
  const from = step.handed.find(({ step: name, output }) => outside.get(name)?.outputs.includes(output) === false)
  return from === undefined ? `because ${step.within.join(', ')} of its branch was skipped` : `because ${from.step} left out what it is handed`
}

async function readOutside(client: pg.PoolClient, runId: string, names: readonly string[]): Promise<ReadonlyMap<string, StepOutside>> {
  if (names.length === 0) return new Map()
  const { rows } = await client.query<StepOutside & { asset: string }>(
    `SELECT asset, status, unneeded, array(SELECT output FROM millrace.step_value v WHERE v.step_id = s.id) AS outputs
     FROM millrace.step s WHERE run_id = $1 AND asset = ANY($2)`,
    [runId, names],
  )
  return new Map(rows.map((row) => [row.asset, row]))
}

import type { JsonObject } from '../definitions/json.ts'
import type { Database } from './database.ts'
import { insertEvents, storableJson } from './events.ts'
import type { EventInput } from './events.ts'

/** What was seen of an asset, or of a partition of it. */
export interface SeenAsset {
  readonly asset: string
  readonly partition?: string | undefined
  readonly metadata: JsonObject
}

interface Observer {
  readonly location: string
  /** Of a step: its run. */
  readonly runId?: string
  readonly stepId?: string
  /** The step, or who reported it. */
  readonly by: string
  /** How the event's sentence goes on after what was observed. */
  readonly said: string
}

/** Keeps what was seen last of each asset and partition, with an event of each; in the transaction of what saw it. */
export async function keepObservations(client: Database, { location, runId, stepId, by, said }: Observer, seen: readonly SeenAsset[]): Promise<void> {
  if (seen.length === 0) return
  // What was seen of a partition is what was seen of the asset last, too. One row each, in the order of the keys: two that write at once wait for each other, and never both.
  const last = new Map<string, SeenAsset>()
  for (const one of seen) for (const partition of ['', one.partition ?? '']) last.set(JSON.stringify([one.asset, partition]), { ...one, partition })
  await client.query(
    `INSERT INTO millrace.asset_observation (location, key, partition, observed_at, run_id, metadata)
     SELECT $1, s.asset, s.partition, clock_timestamp(), $2, s.metadata FROM jsonb_to_recordset($3::jsonb) AS s(asset text, partition text, metadata jsonb)
     ORDER BY s.asset COLLATE "C", s.partition COLLATE "C"
     ON CONFLICT (location, key, partition) DO UPDATE SET observed_at = excluded.observed_at, run_id = excluded.run_id, metadata = excluded.metadata`,
    [location, runId ?? null, storableJson([...last.values()])],
  )
  await insertEvents(
    client,
    seen.map(({ asset, partition, metadata }): EventInput => {
      const what = `${partition === undefined ? '' : `the partition ${partition} of `}${asset}`
      const data = { location, ...(partition === undefined ? {} : { partition }), by, metadata }
      return { runId, stepId, asset, kind: 'observation', message: `${what} was observed${said}.`, data }
    }),
  )
}

/** Keeps what a step's function saw; in the transaction that ends the step. */
export async function keepObserved(
  client: Database,
  step: { readonly id: string; readonly run_id: string; readonly location: string; readonly asset: string },
  seen: readonly SeenAsset[] = [],
): Promise<void> {
  await keepObservations(client, { location: step.location, runId: step.run_id, stepId: step.id, by: step.asset, said: ` by ${step.asset}` }, seen)
}

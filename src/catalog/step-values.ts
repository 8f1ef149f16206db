import type { Database } from './database.ts'

/** An output that a step left for those behind it. */
export interface StoredOutput {
  /** The step's name. */
  readonly step: string
  readonly output: string
  readonly value: unknown
  /** Of a branch's step: its place among the items. */
  readonly ordinal: number | undefined
}

export interface ValuesWanted {
  readonly runId: string
  /** Steps whose outputs are wanted. */
  readonly steps: readonly string[]
  /** Steps of the graph whose outputs in all branches are wanted. */
  readonly templates: readonly string[]
  /** The item that a branch is for. */
  readonly item?: { readonly map: string; readonly ordinal: number } | undefined
}

export interface ValuesFound {
  /** In the order of the items, where they are of branches. */
  readonly outputs: readonly (StoredOutput & { readonly template: string | undefined })[]
  readonly item: unknown
}

/** Outputs of steps that succeeded, and a branch's item. */
export async function readValues(database: Database, { runId, steps, templates, item }: ValuesWanted): Promise<ValuesFound> {
  if (steps.length === 0 && templates.length === 0 && item === undefined) return { outputs: [], item: undefined }
  const { rows } = await database.query<{ step: string; template: string | null; ordinal: number | null; output: string | null; value: unknown }>(
    `SELECT s.asset AS step, s.template, s.ordinal, v.output, v.value FROM millrace.step s JOIN millrace.step_value v ON v.step_id = s.id
       WHERE s.run_id = $1 AND s.asset = ANY($2) AND s.status = 'succeeded'
     UNION ALL SELECT s.asset, s.template, s.ordinal, v.output, v.value FROM millrace.step s JOIN millrace.step_value v ON v.step_id = s.id
       WHERE s.run_id = $1 AND s.template = ANY($3) AND s.status = 'succeeded'
     UNION ALL SELECT NULL, NULL, ordinal, NULL, value FROM millrace.map_item WHERE run_id = $1 AND map = $4 AND ordinal = $5
     ORDER BY ordinal`,
    [runId, steps, templates, item?.map ?? null, item?.ordinal ?? null],
  )
  const outputs = rows.flatMap(({ step, template, ordinal, output, value }) =>
    output === null ? [] : [{ step, output, value, template: template ?? undefined, ordinal: ordinal ?? undefined }],
  )
  return { outputs, item: rows.find(({ output }) => output === null)?.value }
}

import type { TableName } from '../definitions/asset-key.ts'

export const stagingSchema = 'millrace_staging'

/** The staging table of one generation of a step. */
export function stagingTable(stepId: string, generation: number): TableName {
  return { schema: stagingSchema, name: `s_${stepId.replaceAll('-', '')}_${String(generation)}` }
}

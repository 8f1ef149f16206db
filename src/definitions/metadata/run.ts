import * as z from 'zod'
import { made } from './made.ts'

export const RunMetadata = z.strictObject({ type: z.literal('run'), value: z.uuid() })
export type RunMetadata = z.infer<typeof RunMetadata>

/** The id of a run, shown as a link to it. */
export const run = (value: string): RunMetadata => made(RunMetadata, { type: 'run', value })

import * as z from 'zod'
import { made } from './made.ts'

export const JobMetadata = z.strictObject({ type: z.literal('job'), value: z.string().min(1).max(500) })
export type JobMetadata = z.infer<typeof JobMetadata>

/** The name of a job. */
export const job = (value: string): JobMetadata => made(JobMetadata, { type: 'job', value })

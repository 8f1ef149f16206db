import * as z from 'zod'
import { jobPartitionStatuses } from '../catalog/job-partitions.ts'
import { stretchesOf } from '../catalog/read/partitions.ts'
import { readRun } from '../catalog/read/runs.ts'
import { jobConfigSchema } from '../definitions/ops/job-config.ts'
import { partitionsOfJob } from '../definitions/ops/job-spec.ts'
import type { JobSpec } from '../definitions/ops/job-spec.ts'
import { findJobPartitions } from '../producers/launch/job-partitions.ts'
import { RunOptions } from '../definitions/run-limits.ts'
import type { Parts } from './parts.ts'
import { route } from './route.ts'
import { startRun, unknownRun } from './run-actions.ts'
import { presentRun, Run } from './run-view.ts'

const schemas = z.record(z.string(), z.json())

const Job = z
  .object({
    name: z.string(),
    location: z.string(),
    description: z.string().nullable(),
    tags: z.record(z.string(), z.string()).meta({ description: 'Tags of its runs.' }),
    graph: z.string().nullable().meta({ description: 'The graph that it runs; null where it materializes assets.' }),
    assets: z.array(z.string()).meta({ description: 'Selections of the assets that it materializes.' }),
    steps: z
      .array(
        z.object({
          name: z.string(),
          op: z.string(),
          description: z.string().nullable(),
          mapped: z.boolean().meta({ description: 'It runs once for each item of a list, as `name[key]`.' }),
          upstream: z.array(z.string()),
          collects: z.array(z.string()).meta({ description: 'Mapped steps of which every branch must have ended first.' }),
          inputs: schemas.meta({ description: 'JSON Schemas by name.' }),
          outputs: schemas,
        }),
      )
      .meta({ description: 'Upstream before downstream.' }),
    partitions: z
      .string()
      .nullable()
      .meta({ description: 'The kind of partitions that it has, of which each run is of one; null of none, and where its assets say what there is.' }),
    config: z.record(z.string(), z.json()).meta({ description: 'Run configuration where a launch says nothing else.' }),
    runs: RunOptions.meta({ description: 'What holds of its runs where their launch says nothing.' }),
    configSchema: z.json().nullable().meta({ description: 'JSON Schema of its run configuration; null where its assets say what there is.' }),
  })
  .meta({ id: 'Job' })
type Job = z.output<typeof Job>

/** Every job of every location that is loaded. */
async function listJobs({ pool, locations }: Pick<Parts, 'pool' | 'locations'>): Promise<Job[]> {
  return (await locations.all(pool)).flatMap(({ name, manifest }) => (manifest?.jobs ?? []).map((spec) => presentJob(name, spec)))
}

function presentJob(location: string, { name, description, tags, config, runs = {}, work }: JobSpec): Job {
  const steps = work.kind === 'graph' ? work.steps : []
  return {
    name,
    location,
    description: description ?? null,
    tags,
    graph: work.kind === 'graph' ? work.graph : null,
    assets: work.kind === 'assets' ? work.assets : [],
    steps: steps.map((step) => ({
      name: step.name,
      op: step.op,
      description: step.description ?? null,
      mapped: step.map !== undefined,
      upstream: step.upstream,
      collects: step.collects,
      inputs: step.inputs,
      outputs: step.outputs,
    })),
    partitions: partitionsOfJob({ work })?.kind ?? null,
    config,
    runs,
    configSchema: work.kind === 'graph' ? z.json().parse(jobConfigSchema(steps)) : null,
  }
}

const listJobsRoute = route({
  method: 'get',
  path: '/jobs',
  operation: 'listJobs',
  summary: 'Every job, with its steps',
  query: z.object({ location: z.string().optional() }),
  response: z.object({ jobs: z.array(Job) }).meta({ id: 'JobList' }),
}).handle(async ({ query: { location }, parts }) => ({
  body: { jobs: (await listJobs(parts)).filter((one) => location === undefined || one.location === location) },
}))

const createJobRun = route({
  method: 'post',
  path: '/jobs/{location}/{name}/runs',
  operation: 'createJobRun',
  summary: 'Launch a job',
  description:
    'Launches one run. That of a job of ops with partitions is of one of them; POST /backfills runs such a job for many. With an Idempotency-Key the same run is answered again instead of launching a second.',
  params: z.object({ location: z.string(), name: z.string() }),
  headers: z.object({ 'idempotency-key': z.string().min(1).max(200).optional() }),
  body: z
    .strictObject({
      config: z
        .record(z.string(), z.json())
        .default({})
        .meta({ description: 'Fields for all steps that have them, and `ops: { step: { config: { … } } }` for one step alone.' }),
      partitions: z.array(z.string().min(1)).min(1).optional().meta({
        description: 'The key that the run is of; of a job of assets several keys, and ranges as `2026-01-01..2026-01-31`, of those that have partitions.',
      }),
      tags: z.record(z.string(), z.string()).optional(),
      ...RunOptions.shape,
    })
    .meta({ id: 'JobRunRequest' }),
  response: Run,
  statuses: { 201: 'Launched', 200: 'Launched before, with the same Idempotency-Key' },
  problems: [403, 404, 409, 415, 422],
}).handle(async ({ params: { location, name }, headers, body: { config, partitions, tags, ...options }, parts }) => {
  const key = headers['idempotency-key']
  const { runId, created } = await startRun(parts, {
    ...options,
    assets: [],
    job: name,
    location,
    config,
    partitions,
    launchedBy: 'api',
    ...(tags === undefined ? {} : { tags }),
    ...(key === undefined ? {} : { idempotencyKey: `api ${key}` }),
  })
  const run = await readRun(parts.pool, runId)
  if (run === undefined) throw unknownRun(runId)
  return { status: created ? 201 : 200, body: presentRun(run) }
})

const JobPartitionStatus = z.enum(jobPartitionStatuses).meta({
  id: 'JobPartitionStatus',
  description: 'How the last run of it ended that has; `missing`: none has. `running`: one goes on, or waits.',
})
const JobPartitionCounts = z
  .object({ missing: z.int(), succeeded: z.int(), failed: z.int(), canceled: z.int(), running: z.int() })
  .meta({ id: 'JobPartitionCounts', description: 'Partitions by their status.' })

const listJobPartitions = route({
  method: 'get',
  path: '/jobs/{location}/{name}/partitions',
  operation: 'listJobPartitions',
  summary: 'The partitions of a job of ops, and how the last run of each ended',
  params: z.object({ location: z.string(), name: z.string() }),
  query: z.object({ limit: z.coerce.number<string>().int().min(1).max(10_000).default(1000) }),
  response: z
    .object({
      job: z.string(),
      location: z.string(),
      kind: z.string(),
      count: z.int().meta({ description: 'How many there are now.' }),
      counts: JobPartitionCounts,
      stretches: z
        .array(z.object({ from: z.string(), to: z.string(), count: z.int(), status: JobPartitionStatus }))
        .meta({ description: 'Those that follow each other and stand alike, in their order; at most `limit`.' }),
    })
    .meta({ id: 'JobPartitions' }),
  problems: [404, 422],
}).handle(async ({ params: { location, name }, query: { limit }, parts }) => {
  const { spec, set, states } = await findJobPartitions(parts.pool, name, location)
  const { stretches } = stretchesOf(set, states, limit)
  return { body: { job: name, location, kind: spec.kind, count: states.count, counts: states.counts, stretches } }
})

export const jobRoutes = [listJobsRoute, createJobRun, listJobPartitions]

import * as z from 'zod'
import { PoolUse } from '../pool.ts'
import { HookNames, hookNamesOf } from '../hook.ts'
import { PartitionsSpec } from '../partitions/partitions-spec.ts'
import { RetryPolicy } from '../retry.ts'
import { RunOptions } from '../run-limits.ts'
import { jsonSchemaOf } from '../json-schema.ts'
import type { Job } from './job.ts'
import type { Schemas } from './op-definition.ts'
import { waitsOfAnswer } from './graph-asset.ts'
import type { GraphPlan, OpStep } from './plan.ts'

/** A step of a graph as data. */
export const OpStepSpec = z.object({
  /** Of a mapped one: its steps in a run are called `name[key]`. */
  name: z.string(),
  op: z.string(),
  description: z.string().optional(),
  tags: z.record(z.string(), z.string()),
  /** The mapping in whose branches it runs. */
  map: z.string().optional(),
  upstream: z.array(z.string()),
  /** Steps whose every branch must have ended well first. */
  collects: z.array(z.string()),
  /** JSON Schemas of what it is handed, and of what it answers. */
  inputs: z.record(z.string(), z.json()),
  outputs: z.record(z.string(), z.json()),
  configSchema: z.json().optional(),
  /** Absent: it needs no slot. */
  pool: PoolUse.optional(),
  hooks: HookNames.optional(),
  retry: RetryPolicy,
  timeoutMs: z.number().positive(),
})
export type OpStepSpec = z.infer<typeof OpStepSpec>

/** A job as data. */
export const JobSpec = z.object({
  name: z.string(),
  description: z.string().optional(),
  tags: z.record(z.string(), z.string()),
  /** Run configuration where a launch says nothing else. */
  config: z.record(z.string(), z.json()),
  /** Of its runs' ends. */
  hooks: HookNames.optional(),
  /** Of its runs, where their launch says nothing. */
  runs: RunOptions.optional(),
  work: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('graph'),
      graph: z.string(),
      steps: z.array(OpStepSpec),
      /** Each run is of one of them. Absent: of none. */
      partitions: PartitionsSpec.optional(),
      /** A function makes its configuration of the partition, below what a launch says. */
      makesConfig: z.literal(true).optional(),
    }),
    z.object({ kind: z.literal('assets'), assets: z.array(z.string()).min(1) }),
  ]),
})
export type JobSpec = z.infer<typeof JobSpec>

/** The partitions of which each run of a job of ops is of one; undefined of a job of assets, which have their own. */
export const partitionsOfJob = (job: Pick<JobSpec, 'work'> | Pick<Job, 'work'> | undefined): PartitionsSpec | undefined =>
  job?.work.kind === 'graph' ? job.work.partitions : undefined

export function jobSpecOf({ name, description, tags, config, hooks, runs, work }: Job): JobSpec {
  return {
    name,
    ...(description === undefined ? {} : { description }),
    tags: { ...tags },
    config: z.record(z.string(), z.json()).parse(config),
    ...hookNamesOf(hooks),
    ...(runs === undefined ? {} : { runs }),
    work:
      work.kind === 'assets'
        ? { kind: 'assets', assets: [...work.assets] }
        : {
            kind: 'graph',
            graph: work.plan.name,
            steps: work.plan.steps.map(opStepSpecOf),
            ...(work.partitions === undefined ? {} : { partitions: work.partitions }),
            ...(work.configOf === undefined ? {} : { makesConfig: true }),
          },
  }
}

/** The graph of a graph-backed asset as data. */
export function graphSpecOf(plan: GraphPlan) {
  const { upstream, collects } = waitsOfAnswer(plan)
  return { name: plan.name, steps: plan.steps.map(opStepSpecOf), upstream: [...upstream], collects: [...collects] }
}

function opStepSpecOf({ name, op, map, upstream, collects }: OpStep): OpStepSpec {
  return {
    name,
    op: op.name,
    ...(op.description === undefined ? {} : { description: op.description }),
    tags: { ...op.tags },
    ...(map === undefined ? {} : { map }),
    upstream: [...upstream],
    collects: [...collects],
    inputs: schemasOf(op.inputs, 'input'),
    outputs: schemasOf(op.outputs, 'output'),
    ...(op.config === undefined ? {} : { configSchema: jsonSchemaOf(op.config) }),
    ...(op.pool === undefined ? {} : { pool: op.pool }),
    ...hookNamesOf(op.hooks),
    retry: RetryPolicy.parse(op.retry),
    timeoutMs: op.timeoutMs,
  }
}

const schemasOf = (schemas: Schemas, io: 'input' | 'output') =>
  Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, jsonSchemaOf(schema, { io, unrepresentable: 'any' })]))

import type { Database } from '../../catalog/database.ts'
import { currentManifests } from '../../catalog/manifests.ts'
import type { CurrentManifest } from '../../catalog/manifests.ts'
import { beginOf } from '../../catalog/step-states.ts'
import type { JsonObject } from '../../definitions/json.ts'
import { knownInstead } from '../../definitions/known-instead.ts'
import type { Manifest } from '../../definitions/manifest.ts'
import type { JobSpec, OpStepSpec } from '../../definitions/ops/job-spec.ts'
import type { RunOptions } from '../../definitions/run-limits.ts'
import { MillraceError } from '../../errors.ts'
import { notLoaded } from './choose-assets.ts'
import { partitionedJob, resolvePartitions } from './resolve-partitions.ts'
import { checkJobConfig, mergeConfig } from './run-config.ts'
import { settleRunOptions } from './run-options.ts'
import { planRun } from './plan-run.ts'
import type { PlannedRun, PlannedStep } from './plan-run.ts'

interface JobRequest extends RunOptions {
  readonly job: string
  readonly location?: string | undefined
  readonly config?: JsonObject
  readonly partitions?: readonly string[] | undefined
  readonly at?: Date
  readonly tags?: Readonly<Record<string, string>>
}

/**
 * What a run of a job would do, of the definitions that are in force.
 * @throws MillraceError `UNKNOWN_JOB`, `LOCATION_AMBIGUOUS`, `LOCATION_NOT_LOADED`, `CONFIG_INVALID`, what `resolvePartitions` throws
 */
export async function planJob(database: Database, request: JobRequest): Promise<PlannedRun> {
  const { version, manifest, spec } = await findJob(database, request)
  const config = mergeConfig(spec.config, request.config ?? {})
  const { work } = spec
  const settled = { ...request, tags: { ...spec.tags, ...request.tags } }
  if (work.kind === 'assets')
    return { ...(await planRun(database, { ...settled, assets: work.assets, location: manifest.location, config, ofJob: spec.runs })), ...factsOf(spec) }
  checkJobConfig(spec.name, work.steps, config, work.makesConfig)
  const partitions = await resolvePartitions(database, manifest.location, [partitionedJob(spec)], request.partitions, request.at)
  return planOfJob(manifest, spec, { version, config, partitions, options: settled })
}

/** What every run of a job has of it. */
const factsOf = ({ name, tags, hooks }: JobSpec) => ({ job: name, tags, hooks })

/** A run of a job of ops, of which it is known that it can be run so. */
export function planOfJob(
  manifest: Manifest,
  spec: JobSpec,
  {
    version,
    config,
    partitions,
    options,
  }: Pick<PlannedRun, 'version' | 'config' | 'partitions'> & { readonly options: Parameters<typeof settleRunOptions>[0] },
): PlannedRun {
  const steps = spec.work.kind === 'graph' ? spec.work.steps : []
  return {
    ...factsOf(spec),
    location: manifest.location,
    version,
    assets: [],
    config,
    redrive: false,
    fullRefresh: false,
    partitions,
    options: settleRunOptions(options, [spec.runs, manifest.runs]),
    limited: manifest.limits !== undefined,
    // Steps of branches are made once the items are known.
    steps: steps.filter(({ map }) => map === undefined).map(stepOf),
  }
}

function stepOf({ name, upstream, collects, pool, hooks }: OpStepSpec): PlannedStep {
  return {
    asset: name,
    kind: 'op',
    upstream,
    collects,
    status: upstream.length === 0 && pool === undefined ? beginOf.op : 'waiting',
    destination: null,
    eachBatch: false,
    // The partition is its run's: what a step of an asset makes is another matter.
    partitioned: false,
    pool,
    hooks,
  }
}

/** @throws MillraceError `UNKNOWN_JOB`, `LOCATION_AMBIGUOUS`, `LOCATION_NOT_LOADED` */
export async function findJob(
  database: Database,
  { job, location }: Pick<JobRequest, 'job' | 'location'>,
): Promise<CurrentManifest & { readonly spec: JobSpec }> {
  const manifests = await currentManifests(database, location)
  if (manifests.length === 0) throw await notLoaded(database, location)
  const found = manifests.flatMap((one) => one.manifest.jobs.filter(({ name }) => name === job).map((spec) => ({ ...one, spec })))
  const [first, ...others] = found
  if (first === undefined) {
    const known = manifests.flatMap((one) => one.manifest.jobs.map(({ name }) => name))
    throw new MillraceError(`There is no job ${job}${location === undefined ? '' : ` in the location ${location}`}.`, {
      code: 'UNKNOWN_JOB',
      hint: knownInstead(job, known, { what: 'jobs', list: 'millrace jobs list' }),
    })
  }
  if (others.length > 0) {
    throw new MillraceError(`Several locations have a job ${job}: ${found.map((one) => one.manifest.location).join(', ')}.`, {
      code: 'LOCATION_AMBIGUOUS',
      hint: 'Say which one by naming the location.',
    })
  }
  return first
}

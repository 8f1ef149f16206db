import type { ClaimedStep } from '../catalog/claims.ts'
import { hasLiveWorker } from '../catalog/processes.ts'
import type { GraphPlan, OpStep } from '../definitions/ops/plan.ts'
import { MillraceError } from '../errors.ts'
import type { WorkerContext } from './context.ts'
import { tellVersion } from './versions.ts'

/** The op of a step, in this worker's definitions. */
export interface OwnOp {
  readonly step: OpStep
  readonly plan: GraphPlan
  /** What stands before the names of the plan's steps in the run. */
  readonly prefix: string
}

/**
 * The op of a claimed step, or nothing where a worker of the step's own version is to run it.
 * @throws MillraceError `STEP_GONE` when this worker's definitions no longer have it
 */
export async function ownOp(context: WorkerContext, claimed: ClaimedStep): Promise<OwnOp | undefined> {
  const loaded = context.locations.get(claimed.location)
  const own = loaded === undefined ? undefined : find(loaded.location, claimed)
  if (own !== undefined && loaded?.version === claimed.version) return own
  if (await hasLiveWorker(context.pool, claimed.location, claimed.version, 'ops')) return undefined
  if (own === undefined || loaded === undefined) {
    throw new MillraceError(`The definitions of ${claimed.location} no longer have the step ${claimed.asset}.`, {
      code: 'STEP_GONE',
      hint: 'The run was planned under an older version. Launch a new one.',
    })
  }
  await tellVersion(context, claimed, 'ops', loaded.version)
  return own
}

type Definitions = NonNullable<ReturnType<WorkerContext['locations']['get']>>['location']

function find(location: Definitions, { asset, place }: ClaimedStep): OwnOp | undefined {
  const prefix = place.partOf === undefined ? '' : `${place.partOf}.`
  const plan = place.partOf === undefined ? planOfJob(location, place.job) : planOfAsset(location, place.partOf)
  const name = (place.branch?.template ?? asset).slice(prefix.length)
  const step = plan?.steps.find((one) => one.name === name)
  return plan === undefined || step === undefined ? undefined : { step, plan, prefix }
}

function planOfJob({ jobs }: Definitions, job: string | undefined): GraphPlan | undefined {
  const work = jobs.find(({ name }) => name === job)?.work
  return work?.kind === 'graph' ? work.plan : undefined
}

function planOfAsset({ assets }: Definitions, key: string): GraphPlan | undefined {
  const asset = assets.find((one) => one.key === key)
  return asset?.kind === 'function' ? asset.plan : undefined
}

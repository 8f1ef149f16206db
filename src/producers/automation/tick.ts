import type pg from 'pg'
import {
  dueAutomations,
  failAutomation,
  lockAutomation,
  peekChanges,
  readAssetStates,
  recordEvaluations,
  saveAssetStates,
  settleAutomation,
  takeChanges,
  tidyAutomation,
} from '../../catalog/automation.ts'
import type { Evaluation, SavedAsset } from '../../catalog/automation.ts'
import { transaction } from '../../catalog/database.ts'
import type { DueStep } from '../../catalog/due-step.ts'
import { holdsLead } from '../../catalog/leader.ts'
import { currentManifests } from '../../catalog/manifests.ts'
import type { CurrentManifest } from '../../catalog/manifests.ts'
import { withTogether } from '../../definitions/made-together.ts'
import { isMade } from '../../definitions/manifest.ts'
import type { AssetSpec, Manifest } from '../../definitions/manifest.ts'
import { FencedError, MillraceError, storedError } from '../../errors.ts'
import { faultPoint } from '../../fault-point.ts'
import { redact } from '../../redact.ts'
import { enqueueSteps } from '../launch/enqueue-step.ts'
import { insertRun } from '../launch/insert-run.ts'
import type { LaunchDeps } from '../launch/launch.ts'
import { planOf } from '../launch/plan-run.ts'
import { checkRunConfig } from '../launch/run-config.ts'
import { startWaiting } from '../launch/start-waiting.ts'
import { runsOf } from './group-runs.ts'
import type { WantedRun } from './group-runs.ts'
import { answerOf, judge, shownCells, signatureOf, withAsked } from './judge.ts'
import type { JudgedAsset } from './judge.ts'
import { nextTimeOf } from './next-time.ts'
import { readFacts } from './read-facts.ts'

/** Evaluates the conditions of every location where something happened, or a time has come. One that fails keeps no other back. */
export async function tickAutomations(deps: LaunchDeps, epoch: string): Promise<void> {
  for (const location of await dueAutomations(deps.pool)) {
    const [current] = await currentManifests(deps.pool, location)
    if (current === undefined) continue
    try {
      await tickAutomation(deps, current, epoch)
    } catch (error) {
      if (error instanceof FencedError) throw error
      // It was forgotten while it was evaluated.
      if (error instanceof MillraceError && error.code === 'LOCATION_NOT_LOADED') continue
      deps.logger.error({ err: error, location }, 'the automation conditions of a location could not be evaluated; tried again in half a minute')
      await failAutomation(deps.pool, location, current.version, redact(storedError(error)))
    }
  }
}

/** Each so many rounds of the leader. */
const roundsPerTidying = 60

/** Lets go of what nobody needs. */
export async function tidyAutomations({ pool }: Pick<LaunchDeps, 'pool'>, rounds: number): Promise<void> {
  if (rounds % roundsPerTidying === 0) await tidyAutomation(pool)
}

/** What was written in an evaluation's transaction. */
interface Ticked {
  readonly due: readonly DueStep[]
  readonly waits: boolean
  readonly runs: number
}

const nothing: Ticked = { due: [], waits: false, runs: 0 }

/**
 * Evaluates the conditions of a location: what happened since, what conditions remember, and the runs that they ask for are one transaction, refused where another
 * leads by now. So whoever dies in it has done all or nothing.
 */
async function tickAutomation(deps: LaunchDeps, current: CurrentManifest, epoch: string): Promise<void> {
  const { due, waits, runs } = await transaction(deps.pool, (client) => evaluateLocked(client, current, epoch))
  if (runs === 0) return
  faultPoint('automation.committed')
  deps.logger.info({ location: current.manifest.location, runs }, 'automation conditions started runs')
  await enqueueSteps(deps.queues, due)
  if (waits) await startWaiting(deps)
}

async function evaluateLocked(client: pg.PoolClient, { manifest, version }: CurrentManifest, epoch: string): Promise<Ticked> {
  const { location, assets } = manifest
  const began = performance.now()
  const automation = await lockAutomation(client, location, version)
  if (automation === undefined || automation.stopped) return nothing
  const { changes, more } = await takeChanges(client, location)
  // Somebody else has evaluated it meanwhile.
  if (!automation.due && changes.length === 0) return nothing
  const known = new Map((await readAssetStates(client, location)).map((one) => [one.asset, one]))
  const facts = await readFacts(client, manifest, changes, automation.evaluatedAt ?? undefined)
  const { specs } = facts
  const { assets: judged, again } = judge(assets, facts, known)
  const at = new Date(facts.now)
  const launched = await launchAll(client, manifest, version, { wanted: runsOf(assets, judged), at: facts.now })
  const evaluations = judged.flatMap((one) => evaluationOf(one, launched.byAsset.get(one.key)) ?? [])
  await recordEvaluations(client, location, evaluations, at)
  const saved = judged.flatMap((one) => savedOf(one, launched.byAsset.get(one.key), facts.now) ?? [])
  await saveAssetStates(
    client,
    location,
    saved,
    [...known.keys()].filter((key) => specs.get(key)?.automation === undefined),
    at,
  )
  await settleAutomation(client, location, {
    version,
    at,
    nextAt: nextTimeOf(assets, facts),
    again: again || more,
    assets: judged.length,
    tookMs: Math.round(performance.now() - began),
  })
  // Last, so that whoever wants the lead need not wait for the evaluation: a leader that was frozen in the middle of it finds here that it leads no more.
  if (!(await holdsLead(client, 'producers', epoch))) throw new FencedError('the producers’ lead')
  if (launched.runs > 0) faultPoint('automation.written')
  return launched
}

/** What became of what an asset asked for. */
interface AssetLaunches {
  /** The run that makes each partition. */
  readonly runs: Map<string, string>
  error: unknown
}

async function launchAll(
  client: pg.PoolClient,
  manifest: Manifest,
  version: string,
  { wanted, at }: { readonly wanted: readonly WantedRun[]; readonly at: number },
): Promise<Ticked & { readonly byAsset: ReadonlyMap<string, AssetLaunches> }> {
  const due: DueStep[] = []
  const byAsset = new Map<string, AssetLaunches>()
  let [waits, runs] = [false, 0]
  const launchesOf = (asset: string): AssetLaunches => {
    const found = byAsset.get(asset) ?? { runs: new Map<string, string>(), error: undefined }
    byAsset.set(asset, found)
    return found
  }
  const made = manifest.assets.filter(isMade)
  for (const [number, { assets, partitions }] of wanted.entries()) {
    const fit = assets.filter((one) => {
      const error = refusalOf(one)
      if (error !== undefined) launchesOf(one.key).error = redact(storedError(error))
      return error === undefined
    })
    if (fit.length === 0) continue
    const { keys } = withTogether(made, new Set(fit.map(({ key }) => key)))
    const planned = planOf(
      manifest,
      made.filter(({ key }) => keys.has(key)),
      { version, config: {}, partitions, options: {} },
    )
    const idempotencyKey = `automation ${manifest.location} ${new Date(at).toISOString()} ${String(number)}`
    const inserted = await insertRun(client, planned, { launchedBy: 'automation', idempotencyKey })
    if ('known' in inserted) continue
    runs += 1
    due.push(...inserted.due)
    waits ||= inserted.waits
    for (const { key } of fit) for (const partition of partitions ?? ['']) launchesOf(key).runs.set(partition, inserted.runId)
  }
  return { due, waits, runs, byAsset }
}

/** Why an asset cannot be run without anybody saying how: a setting of it has no default. It is asked for again when something changes. */
function refusalOf(asset: AssetSpec): MillraceError | undefined {
  try {
    checkRunConfig([asset], {})
    return undefined
  } catch (error) {
    if (error instanceof MillraceError) return error
    throw error
  }
}

/** An evaluation that is worth keeping: it asked for something, or answered otherwise than the one before. */
function evaluationOf(asset: JudgedAsset, launches: AssetLaunches | undefined): Evaluation | undefined {
  const { answer, reason } = answerOf(asset)
  if (answer !== 'requested' && asset.known?.answer === answer) return undefined
  const partitions = asset.cells.filter((one) => one.requested && one.partition !== '').map(({ partition }) => partition)
  const error = launches?.error
  return {
    asset: asset.key,
    answer: error === undefined ? answer : 'failed',
    reason,
    partitions: partitions.slice(0, 100),
    runs: [...new Set(launches?.runs.values())].slice(0, 100),
    outcome: shownCells(asset),
    ...(error === undefined ? {} : { error }),
  }
}

/** What is to be written of an asset; undefined where nothing is otherwise. */
function savedOf(asset: JudgedAsset, launches: AssetLaunches | undefined, at: number): SavedAsset | undefined {
  const { key, condition, known, same } = asset
  const signature = signatureOf(asset)
  if (same && launches === undefined && known?.signature === signature) return undefined
  const { answer, reason } = answerOf(asset)
  return {
    asset: key,
    condition,
    state: launches === undefined ? asset.state : withAsked(asset, launches.runs, at),
    signature,
    answer,
    reason,
    outcome: shownCells(asset),
  }
}

/** What an evaluation now would find, without anything of it being written. */
export async function tryAutomation(
  pool: pg.Pool,
  manifest: Manifest,
  evaluatedAt: Date | undefined,
): Promise<{ readonly assets: readonly JudgedAsset[]; readonly runs: readonly WantedRun[] }> {
  const known = new Map((await readAssetStates(pool, manifest.location)).map((one) => [one.asset, one]))
  const facts = await readFacts(pool, manifest, await peekChanges(pool, manifest.location), evaluatedAt)
  const { assets } = judge(manifest.assets, facts, known)
  return { assets, runs: runsOf(manifest.assets, assets) }
}

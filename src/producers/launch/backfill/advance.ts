import type pg from 'pg'
import {
  cancelWaitingParts,
  endBackfill,
  lockBackfill,
  markParts,
  momentOf,
  noteProblem,
  rangeStates,
  runsToCancel,
  settleParts,
  waitingParts,
} from '../../../catalog/backfills.ts'
import type { OpenBackfill, PartRange, WaitingPart } from '../../../catalog/backfills.ts'
import { requestCancel } from '../../../catalog/cancel.ts'
import { transaction } from '../../../catalog/database.ts'
import type { Database } from '../../../catalog/database.ts'
import { currentManifests } from '../../../catalog/manifests.ts'
import type { CurrentManifest } from '../../../catalog/manifests.ts'
import type { DueStep } from '../../../catalog/due-step.ts'
import { withTogether } from '../../../definitions/made-together.ts'
import { isMade } from '../../../definitions/manifest.ts'
import type { Manifest } from '../../../definitions/manifest.ts'
import type { JobSpec } from '../../../definitions/ops/job-spec.ts'
import { upstreamOf } from '../../../definitions/partitions/map-partitions.ts'
import { isOnePerRun } from '../../../definitions/partitions/one-per-run.ts'
import { partitionSet } from '../../../definitions/partitions/partition-set.ts'
import type { PartitionSet } from '../../../definitions/partitions/partition-set.ts'
import type { PartitionsSpec } from '../../../definitions/partitions/partitions-spec.ts'
import { faultPoint } from '../../../fault-point.ts'
import { enqueueSteps } from '../enqueue-step.ts'
import { startWaiting } from '../start-waiting.ts'
import { insertRun } from '../insert-run.ts'
import type { LaunchDeps } from '../launch.ts'
import { planOfJob } from '../plan-job.ts'
import { planOf } from '../plan-run.ts'
import { partitionedJob } from '../resolve-partitions.ts'

/** Parts of each unit that are looked at in one go, for each run that may begin. */
const lookAhead = 4
/** Of one run, where a backfill makes as many by one as there are. */
const mostPerRun = 10_000

/** Backfills that are being advanced with a pool, and those that somebody asked for meanwhile. */
const underWay = new WeakMap<object, Map<string, { next: Promise<void> | undefined; readonly now: Promise<void> }>>()

/**
 * Takes a backfill as far as it can go now: parts whose runs have ended end, those that hang on a failed one are skipped, and as many runs as may be under way are
 * launched for what is ready. All in one transaction under the backfill's lock, so whoever dies in it, and however many ask at once, each part gets one run. Of those
 * who ask while it is being advanced all but the first wait for the same next round, so that they do not queue up at the lock with a connection each.
 */
export async function advanceBackfill(deps: LaunchDeps, id: string): Promise<void> {
  const own = underWay.get(deps.pool) ?? new Map<string, { next: Promise<void> | undefined; readonly now: Promise<void> }>()
  underWay.set(deps.pool, own)
  const found = own.get(id)
  if (found !== undefined) {
    found.next ??= found.now.then(
      () => advanceBackfill(deps, id),
      () => advanceBackfill(deps, id),
    )
    return found.next
  }
  const now = advance(deps, id).finally(() => own.delete(id))
  own.set(id, { now, next: undefined })
  return now
}

async function advance(deps: LaunchDeps, id: string): Promise<void> {
  const [current] = await locationOf(deps, id)
  const { due, waits, cancel } = await transaction(deps.pool, (client) => advanceLocked(client, id, current))
  faultPoint('backfill.committed')
  await enqueueSteps(deps.queues, due)
  if (waits) await startWaiting(deps)
  if (cancel.length === 0) return
  for (const run of cancel) await requestCancel(deps.pool, run)
  // Those that had nothing in hand have ended by that.
  await advance(deps, id)
}

/** What was launched in a transaction: steps to enqueue after it, and whether a run or a step waits for room. */
interface Launches {
  readonly due: DueStep[]
  runs: number
  waits: boolean
}

interface Advanced extends Readonly<Launches> {
  /** Runs that are to be asked to end. */
  readonly cancel: readonly string[]
}

async function advanceLocked(client: pg.PoolClient, id: string, current: CurrentManifest | undefined): Promise<Advanced> {
  const launched: Launches = { due: [], runs: 0, waits: false }
  const backfill = await lockBackfill(client, id)
  if (backfill === undefined) return { ...launched, cancel: [] }
  const running = await settleParts(client, id)
  if (backfill.status === 'canceling') {
    await cancelWaitingParts(client, id)
    await endBackfill(client, id)
    return { ...launched, cancel: await runsToCancel(client, id) }
  }
  if (running >= backfill.runsAtOnce) return { ...launched, cancel: [] }
  const problem = problemOf(backfill, current)
  if (problem !== backfill.problem) await noteProblem(client, id, problem)
  if (problem === null && current !== undefined) await launchReady(client, backfill, current, { free: backfill.runsAtOnce - running, launched })
  if (launched.runs > 0) faultPoint('backfill.launched')
  else await endBackfill(client, id)
  return { ...launched, cancel: [] }
}

async function locationOf({ pool }: LaunchDeps, id: string): Promise<CurrentManifest[]> {
  const { rows } = await pool.query<{ location: string }>(`SELECT location FROM millrace.backfill WHERE id = $1`, [id])
  return rows[0] === undefined ? [] : currentManifests(pool, rows[0].location)
}

/** Why no run can be launched, whatever is ready. */
function problemOf({ location, plan }: OpenBackfill, current: CurrentManifest | undefined): string | null {
  if (current === undefined) return `The location ${location} is not loaded. Start a worker for it.`
  const job = jobOf(plan)
  if (job !== undefined) return problemOfJob(location, job, plan, specOfJob(current.manifest, job))
  const known = new Map(current.manifest.assets.map((one) => [one.key, one]))
  const keys = plan.units.flatMap(({ assets, partitions }) => assets.map((key) => ({ key, partitions })))
  const gone = keys.filter(({ key }) => !known.has(key))
  if (gone.length > 0) return `The location ${location} no longer defines ${gone.map(({ key }) => key).join(', ')}. Cancel the backfill, or bring them back.`
  const other = keys.filter(({ key, partitions }) => shapeOf(known.get(key)?.partitions) !== shapeOf(partitions))
  if (other.length === 0) return null
  return `${other.map(({ key }) => key).join(', ')} ${other.length === 1 ? 'has' : 'have'} other partitions than when the backfill began. Cancel it, and start another.`
}

/** The job that a backfill runs once for each partition; undefined of one that makes assets. */
const jobOf = ({ units }: OpenBackfill['plan']): string | undefined => units[0]?.job

const specOfJob = ({ jobs }: Manifest, job: string): JobSpec | undefined => jobs.find(({ name, work }) => name === job && work.kind === 'graph')

function problemOfJob(location: string, job: string, { units }: OpenBackfill['plan'], spec: JobSpec | undefined): string | null {
  if (spec === undefined) return `The location ${location} no longer defines the job ${job} of ops. Cancel the backfill, or bring it back.`
  if (shapeOf(partitionedJob(spec).partitions) === shapeOf(units[0]?.partitions)) return null
  return `The job ${job} has other partitions than when the backfill began. Cancel it, and start another.`
}

/** What partitions are like, wherever they begin and end. A key that is gone meanwhile fails by itself; keys of another kind would all. */
function shapeOf(spec: PartitionsSpec | undefined): string {
  return JSON.stringify(spec, (name, value: unknown) => (['start', 'end', 'endOffset', 'keys'].includes(name) ? undefined : value)) ?? ''
}

async function launchReady(
  client: pg.PoolClient,
  backfill: OpenBackfill,
  current: CurrentManifest,
  { free, launched }: { readonly free: number; readonly launched: Launches },
): Promise<void> {
  const perRun = Math.min(backfill.perRun ?? mostPerRun, mostPerRun)
  const alone = unitsOfOne(backfill, current.manifest)
  for (let left = free, look = Math.max(100, left * perRun * lookAhead); left > 0; look = Math.min(look * 4, 100_000)) {
    const waiting = await waitingParts(client, backfill.id, backfill.plan.units.length, look)
    if (waiting.length === 0) break
    const { ready, lost } = await judge(client, backfill, waiting)
    await markParts(client, backfill.id, lost, 'skipped', null)
    for (const parts of groupsOf(ready, (unit) => (alone.has(unit) ? 1 : perRun)).slice(0, left)) {
      await launchRun(client, backfill, current, { parts, launched })
      left -= 1
    }
    // What was skipped may have been all that was looked at; and what hangs on it is to be skipped as well.
    if (lost.length === 0) break
  }
}

async function launchRun(
  client: pg.PoolClient,
  backfill: OpenBackfill,
  { version, manifest }: CurrentManifest,
  { parts, launched }: { readonly parts: readonly [WaitingPart, ...WaitingPart[]]; readonly launched: Launches },
): Promise<void> {
  const { plan, config, tags } = backfill
  const keys = parts.flatMap(({ partition }) => partition ?? [])
  const partitions = keys.length === 0 ? undefined : keys
  const job = jobOf(plan)
  const spec = job === undefined ? undefined : specOfJob(manifest, job)
  const made = manifest.assets.filter(isMade)
  // A function of several assets may make more by now than when the backfill began.
  const together = withTogether(made, new Set(plan.units[parts[0].unit]?.assets)).keys
  const specs = made.filter(({ key }) => together.has(key))
  const planned =
    spec === undefined
      ? planOf(manifest, specs, { version, config, partitions, options: { tags } })
      : planOfJob(manifest, spec, { version, config, partitions, options: { tags: { ...spec.tags, ...tags } } })
  const inserted = await insertRun(client, planned, { tags: backfill.tags, launchedBy: `backfill ${backfill.id}`, backfillId: backfill.id })
  if ('known' in inserted) return
  await markParts(client, backfill.id, parts, 'running', inserted.runId)
  launched.runs += 1
  launched.due.push(...inserted.due)
  launched.waits ||= inserted.waits
}

/** The partitions of each unit, by plan: those of many keys take a while to be made. */
const setsOfPlan = new WeakMap<OpenBackfill['plan'], readonly (PartitionSet | undefined)[]>()

function setsOf(plan: OpenBackfill['plan']): readonly (PartitionSet | undefined)[] {
  const moment = momentOf(plan)
  const sets = setsOfPlan.get(plan) ?? plan.units.map(({ partitions }) => (partitions === undefined ? undefined : partitionSet(partitions, moment)))
  setsOfPlan.set(plan, sets)
  return sets
}

/** Which of the parts have all that they are made from, and which never will. */
async function judge(client: Database, { id, plan }: OpenBackfill, waiting: readonly WaitingPart[]) {
  const sets = setsOf(plan)
  // Many parts may be made from the same: each range is asked for once.
  const ranges = new Map<string, PartRange & { readonly parts: number[] }>()
  for (const [part, { unit, partition }] of waiting.entries()) {
    for (const edge of plan.units[unit]?.upstream ?? []) {
      for (const { from, to } of rangesAbove(sets[edge.unit], sets[unit], edge.mapping, partition)) {
        const name = `${String(edge.unit)} ${String(from)} ${String(to)}`
        const range = ranges.get(name) ?? { unit: edge.unit, from, to, parts: [] }
        range.parts.push(part)
        ranges.set(name, range)
      }
    }
  }
  const asked = [...ranges.values()]
  const states = await rangeStates(client, id, asked)
  const worst = new Map<number, 'awaited' | 'lost'>()
  for (const [at, { parts }] of asked.entries()) {
    const state = states[at]
    if (state === 'there' || state === undefined) continue
    for (const part of parts) if (state === 'lost' || !worst.has(part)) worst.set(part, state)
  }
  return { ready: waiting.filter((_, at) => !worst.has(at)), lost: waiting.filter((_, at) => worst.get(at) === 'lost') }
}

function rangesAbove(upstream: PartitionSet | undefined, own: PartitionSet | undefined, mapping: Parameters<typeof upstreamOf>[0], partition: string | null) {
  if (upstream === undefined) return [{ from: 0, to: 1 }]
  return upstreamOf(mapping, own ?? upstream, partition ?? '', upstream).ranges
}

/** Units of which a run makes but one partition, as the assets are declared now: graph-backed ones, and a job. */
function unitsOfOne({ plan }: OpenBackfill, { assets }: Manifest): ReadonlySet<number> {
  const alone = new Set(assets.filter(isOnePerRun).map(({ key }) => key))
  return new Set(plan.units.flatMap((unit, place) => (unit.job !== undefined || unit.assets.some((key) => alone.has(key)) ? [place] : [])))
}

/** Parts that one run makes: of one unit, one after the other. */
function groupsOf(ready: readonly WaitingPart[], perRun: (unit: number) => number): [WaitingPart, ...WaitingPart[]][] {
  const groups: [WaitingPart, ...WaitingPart[]][] = []
  for (const part of ready) {
    const last = groups.at(-1)
    const before = last?.at(-1)
    if (last !== undefined && before !== undefined && last.length < perRun(part.unit) && before.unit === part.unit && before.ordinal + 1 === part.ordinal)
      last.push(part)
    else groups.push([part])
  }
  return groups
}

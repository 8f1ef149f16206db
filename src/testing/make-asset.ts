import { CheckFailedError, worstOfEach } from '../definitions/check-outcome.ts'
import type { CheckOutcome } from '../definitions/check-outcome.ts'
import { assetOfInput, output } from '../definitions/function-asset.ts'
import type { FunctionAsset } from '../definitions/function-asset.ts'
import type { JsonObject } from '../definitions/json.ts'
import { storedMetadata } from '../definitions/metadata/fields.ts'
import { fateOf } from '../definitions/ops/fate.ts'
import { configOfAssetStep } from '../definitions/ops/job-config.ts'
import { waitsOfAnswer } from '../definitions/ops/graph-asset.ts'
import { partitionOf } from '../definitions/partitions/partition.ts'
import type { Partition } from '../definitions/partitions/partition.ts'
import { partitionSet } from '../definitions/partitions/partition-set.ts'
import { callFunction, functionTooLong, judgeAnswer } from '../workers/call-function.ts'
import { callUserCode } from '../workers/failure.ts'
import { answerOfGraph, loadGraphInput } from '../workers/graph-inputs.ts'
import { loadInputsFrom } from '../workers/load-inputs.ts'
import type { InputUser, IoOf, StepPartitions } from '../workers/load-inputs.ts'
import type { Observations } from '../workers/observations.ts'
import type { StepSignal } from '../workers/step-signal.ts'
import { attempt } from './attempt.ts'
import { callFacts } from './call-facts.ts'
import { runOps } from './run-ops.ts'
import type { PlacedGraph } from './run-ops.ts'
import { branchNames, endSkipped, endStep, keptIn, valueKey } from './run-state.ts'
import type { RunState } from './run-state.ts'
import { observationsIn, testLocation } from './test-bed.ts'

/** A value that may be stored. */
interface Made {
  readonly value: unknown
  readonly metadata: JsonObject
  readonly checks: readonly CheckOutcome[]
}

/** Where the inputs of an asset come from: of its function, and of its graph. */
export interface InputSource {
  readonly all: (key: string | undefined, stop: StepSignal) => Promise<Readonly<Record<string, unknown>>>
  readonly one: PlacedGraph['input']
}

interface Making {
  readonly key: string | undefined
  readonly from: InputSource
  readonly attempt: number
  readonly observations: Observations
}

/** A graph-backed asset's graph in a run. @param key of the partition that it makes */
export const graphOf = (asset: FunctionAsset, run: RunState, key: string | undefined, placed: Pick<PlacedGraph, 'plan' | 'after' | 'input'>): PlacedGraph => ({
  ...placed,
  prefix: `${asset.key}.`,
  partOf: asset.key,
  partition: partitionIn(run, asset, key),
  configOf: (step) => configOfAssetStep(run.config, `${asset.key}.${step}`, placed.plan.steps.find(({ name }) => name === step)?.op.config),
})

function partitionIn({ bed: { moment } }: RunState, { partitions }: FunctionAsset, key: string | undefined): Partition | undefined {
  return partitions === undefined || key === undefined ? undefined : partitionOf(partitionSet(partitions, moment), key)
}

/** Which partitions an asset and its inputs have; undefined where they have none. */
export function partitionsOfStep({ bed: { moment } }: RunState, asset: InputUser): StepPartitions | undefined {
  const all = [asset, ...Object.values(asset.inputs).map(assetOfInput)]
  if (all.every(({ partitions }) => partitions === undefined)) return undefined
  return { own: asset.partitions === undefined ? undefined : partitionSet(asset.partitions, moment), moment }
}

/** One value of an asset, checked, and not stored. Of a graph-backed one its ops have run. */
export async function makeOne(run: RunState, asset: FunctionAsset, { key, from, attempt: number, observations }: Making, stop: StepSignal): Promise<Made> {
  const { bed } = run
  const log = bed.logOf(asset.key)
  const place = { runId: bed.runId, asset: asset.key, place: { job: undefined, partOf: undefined, branch: undefined } }
  const answer =
    asset.plan === undefined
      ? await callFunction(asset, {
          inputs: await from.all(key, stop),
          partition: partitionIn(run, asset, key),
          config: run.config,
          resources: await stop.until(() => callUserCode(() => bed.resources.of(testLocation, asset.resources))),
          stop,
          facts: callFacts(bed, { step: asset.key, key, attempt: number, observe: observations.observe(key) }),
        })
      : output(await answerOfGraph(keptIn(run), place, { plan: asset.plan, prefix: `${asset.key}.` }, stop, (input) => from.one(input, stop)))
  await observations.check()
  const { checks, metadata } = await judgeAnswer({ asset, partition: key, answer, runId: bed.runId, log, signal: stop.signal }, stop)
  return { value: answer.value, checks, metadata }
}

/** Makes an asset's partitions, or all of it, as a step of a run, and has it stored. @param deps assets of the run that it hangs on */
export async function makeAsset(run: RunState, asset: FunctionAsset, partitions: readonly string[] | undefined, deps: readonly string[]): Promise<void> {
  const { bed } = run
  const { key: name, plan } = asset
  const keys = asset.partitions === undefined ? [undefined] : (partitions ?? [])
  const own = asset.partitions === undefined ? undefined : partitions
  const step = { name, kind: 'function', template: undefined, hooks: asset.hooks, partitions: own } as const
  const open: IoOf = (upstream) => bed.openIo(upstream.io)
  const wanted = { asset, partitions: partitionsOfStep(run, asset) }
  const from: InputSource = {
    all: (key, stop) => loadInputsFrom(open, { ...wanted, key, stop }),
    // A graph makes one partition in a run.
    one: (input, stop) => loadGraphInput({ ...wanted, key: keys[0], stop }, input, open),
  }
  if (plan !== undefined) await runOps(run, graphOf(asset, run, keys[0], { plan, after: deps, input: from.one }))
  const fate = fateOf(waitingAsset(run, asset, deps), run.ended, new Map())
  if (fate !== 'runs') return endSkipped(run, step, fate === 'unneeded')

  const tried = { retry: asset.retry, timeoutMs: asset.timeoutMs, tooLong: () => functionTooLong(asset) }
  const outcome = await attempt(bed, tried, async (stop, number) => {
    const io = await bed.openIo(asset.io)
    const metadata: Record<string, JsonObject> = {}
    const checks: CheckOutcome[] = []
    const observations = observationsIn(bed, [asset])
    for (const key of keys) {
      const made = await makeOne(run, asset, { key, from, attempt: number, observations }, stop)
      const stored = await stop.until(() => callUserCode(() => io.store({ asset: name, partition: key }, made.value, { signal: stop.signal })))
      run.values.set(valueKey(name, key), made.value)
      metadata[key ?? ''] = { ...storedMetadata(name, stored), ...made.metadata }
      checks.push(...made.checks)
    }
    bed.observed.push(...observations.seen)
    return { outputs: [], metadata: asset.partitions === undefined ? (metadata[''] ?? {}) : metadata, checks: worstOfEach(checks) }
  })
  return endStep(run, step, outcome, (error) => (error instanceof CheckFailedError ? error.outcomes : []))
}

function waitingAsset(run: RunState, { key, plan }: FunctionAsset, deps: readonly string[]) {
  const named = (steps: readonly string[]): string[] => steps.map((one) => `${key}.${one}`)
  const { upstream, collects } = plan === undefined ? { upstream: [], collects: [] } : waitsOfAnswer(plan)
  return {
    name: key,
    within: [],
    outside: [...deps, ...named(upstream), ...named(collects).flatMap((one) => branchNames(run, one))],
    handed: plan?.answer?.kind === 'output' ? [{ step: `${key}.${plan.answer.step}`, output: plan.answer.output }] : [],
  }
}

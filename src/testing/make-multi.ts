import { CheckFailedError, worstOfEach } from '../definitions/check-outcome.ts'
import type { CheckOutcome } from '../definitions/check-outcome.ts'
import type { FunctionAsset } from '../definitions/function-asset.ts'
import type { JsonObject } from '../definitions/json.ts'
import { storedMetadata } from '../definitions/metadata/fields.ts'
import type { MultiAsset } from '../definitions/multi-asset.ts'
import { fateOf } from '../definitions/ops/fate.ts'
import { partitionOf } from '../definitions/partitions/partition.ts'
import { partitionSet } from '../definitions/partitions/partition-set.ts'
import { callMulti, judgeAnswers, multiTooLong, neededInputs, withoutOthers } from '../workers/call-multi.ts'
import type { JudgedOutput } from '../workers/call-multi.ts'
import { callUserCode } from '../workers/failure.ts'
import { loadInputsFrom } from '../workers/load-inputs.ts'
import type { Observations } from '../workers/observations.ts'
import type { StepSignal } from '../workers/step-signal.ts'
import { attempt } from './attempt.ts'
import { callFacts } from './call-facts.ts'
import { partitionsOfStep } from './make-asset.ts'
import type { InputSource } from './make-asset.ts'
import { endSkipped, endStep, valueKey } from './run-state.ts'
import type { RunState } from './run-state.ts'
import { observationsIn, testLocation } from './test-bed.ts'

interface MultiCall {
  readonly key: string | undefined
  /** The names of the outputs that are asked for. */
  readonly wanted: ReadonlySet<string>
  readonly inputs: InputSource['all']
  readonly attempt: number
  readonly observations: Observations
}

/** What a function of several assets answers, checked, and not stored. */
export async function makeOnce(run: RunState, multi: MultiAsset, call: MultiCall, stop: StepSignal): Promise<readonly JudgedOutput[]> {
  const { bed } = run
  const { key, wanted, attempt: number, observations } = call
  const facts = callFacts(bed, { step: multi.key, key, attempt: number, observe: observations.observe(key) })
  const answers = await callMulti(multi, {
    inputs: await call.inputs(key, stop),
    wanted,
    partition: multi.partitions === undefined || key === undefined ? undefined : partitionOf(partitionSet(multi.partitions, bed.moment), key),
    config: run.config,
    resources: await stop.until(() => callUserCode(() => bed.resources.of(testLocation, multi.resources))),
    stop,
    facts,
  })
  await observations.check()
  return judgeAnswers(multi, answers, { partition: key, runId: bed.runId, log: facts.log }, stop)
}

/** One of the assets, as far as it was made. */
interface Part {
  /** By partition. */
  readonly metadata: Record<string, JsonObject>
  readonly checks: CheckOutcome[]
}

/**
 * Makes assets of one function as a step of a run, and has them stored: then each of them is a step that has ended.
 * @param makes those that are asked for
 * @param deps assets of the run that they hang on
 */
export async function makeMulti(
  run: RunState,
  multi: MultiAsset,
  makes: readonly FunctionAsset[],
  { partitions, deps }: { readonly partitions: readonly string[] | undefined; readonly deps: readonly string[] },
): Promise<void> {
  const { bed } = run
  const { key: name } = multi
  const made = multi.partitions === undefined ? undefined : (partitions ?? [])
  const failed = [...new Set(makes.flatMap(({ hooks }) => hooks?.failed ?? []))]
  const step = { name, kind: 'multi', template: undefined, partitions: made, hooks: { succeeded: [], failed } } as const
  const fate = fateOf({ name, within: [], outside: deps, handed: [] }, run.ended, new Map())
  if (fate !== 'runs') {
    for (const one of [name, ...makes.map(({ key }) => key)])
      endSkipped(run, { ...step, name: one, kind: one === name ? 'multi' : 'function' }, fate === 'unneeded')
    return
  }
  const wanted = new Set(Object.entries(multi.assets).flatMap(([output, { key }]) => (makes.some((one) => one.key === key) ? [output] : [])))
  const asked = makes.map(({ key }) => key)
  const user = { ...multi, inputs: neededInputs(multi, asked) }
  const inputs: InputSource['all'] = async (key, stop) =>
    withoutOthers(
      multi,
      asked,
      await loadInputsFrom((upstream) => bed.openIo(upstream.io), { asset: user, partitions: partitionsOfStep(run, multi), key, stop }),
    )
  const tried = { retry: multi.retry, timeoutMs: multi.timeoutMs, tooLong: () => multiTooLong(multi) }
  const outcome = await attempt(bed, tried, async (stop, number) => {
    const parts = new Map<string, Part>()
    const observations = observationsIn(bed, makes)
    for (const key of made ?? [undefined]) {
      const outputs = await makeOnce(run, multi, { key, wanted, inputs, attempt: number, observations }, stop)
      for (const one of outputs) await store(run, one, key, parts, stop)
      run.values.set(valueKey(name, key), Object.fromEntries(outputs.map(({ output, value }) => [output, value])))
    }
    return { outputs: [], metadata: {}, checks: [], parts, observed: observations.seen }
  })
  const checksOf = (error: unknown): readonly CheckOutcome[] => (error instanceof CheckFailedError ? error.outcomes : [])
  endStep(run, step, outcome, checksOf)
  const parts = 'value' in outcome ? outcome.value.parts : undefined
  if ('value' in outcome) bed.observed.push(...outcome.value.observed)
  for (const asset of makes) {
    const own = { name: asset.key, kind: 'function', template: undefined, partitions: made, hooks: asset.hooks } as const
    const part = parts?.get(asset.key)
    // What was left out need not be, and what hangs on it neither; what failed holds it up.
    if (part === undefined) endSkipped(run, own, parts !== undefined)
    else endStep(run, own, { attempts: 1, value: resultOf(part, made !== undefined) })
  }
}

const resultOf = ({ metadata, checks }: Part, partitioned: boolean) => ({
  outputs: [],
  metadata: partitioned ? metadata : (metadata[''] ?? {}),
  checks: worstOfEach(checks),
})

async function store(
  { bed, values }: RunState,
  { asset, value, metadata, checks }: JudgedOutput,
  key: string | undefined,
  parts: Map<string, Part>,
  stop: StepSignal,
): Promise<void> {
  const io = await bed.openIo(asset.io)
  const stored = await stop.until(() => callUserCode(() => io.store({ asset: asset.key, partition: key }, value, { signal: stop.signal })))
  values.set(valueKey(asset.key, key), value)
  const part = parts.get(asset.key) ?? { metadata: {}, checks: [] }
  part.metadata[key ?? ''] = { ...storedMetadata(asset.key, stored), ...metadata }
  part.checks.push(...checks)
  parts.set(asset.key, part)
}

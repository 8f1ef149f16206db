import type { JsonObject } from '../definitions/json.ts'
import { fateOf } from '../definitions/ops/fate.ts'
import type { WaitingStep } from '../definitions/ops/fate.ts'
import { onlyOutput } from '../definitions/ops/op-definition.ts'
import { leavesOf } from '../definitions/ops/plan.ts'
import type { GraphPlan, OpStep } from '../definitions/ops/plan.ts'
import type { Partition } from '../definitions/partitions/partition.ts'
import { callOp, opTooLong, outputTexts, storeOutputs } from '../workers/call-op.ts'
import { branchesOf } from '../workers/op-branches.ts'
import { valuesOf } from '../workers/op-values.ts'
import type { StepSignal } from '../workers/step-signal.ts'
import { attempt } from './attempt.ts'
import { callFacts } from './call-facts.ts'
import { branchNames, endSkipped, endStep, keptIn, valueKey } from './run-state.ts'
import type { RunState } from './run-state.ts'
import { observationsIn, testLocation } from './test-bed.ts'

/** A graph in a run. */
export interface PlacedGraph {
  readonly plan: GraphPlan
  /** What stands before the names of its steps. */
  readonly prefix: string
  /** The asset whose value it makes. */
  readonly partOf: string | undefined
  /** The one of them that it makes, where the asset has partitions. */
  readonly partition: Partition | undefined
  /** Steps of the run that its first steps come after. */
  readonly after: readonly string[]
  /** The value of one of its inputs. */
  readonly input: (name: string, stop: StepSignal) => Promise<unknown>
  /** The configuration of one of its steps. */
  readonly configOf: (step: string) => JsonObject
}

interface Branch {
  readonly key: string
  readonly ordinal: number
}

/** Runs a graph's steps one after the other, upstream before downstream; what hangs on a step that failed is skipped, and the others go on. */
export async function runOps(run: RunState, graph: PlacedGraph): Promise<void> {
  for (const step of graph.plan.steps) {
    if (step.map === undefined) await runOp(run, graph, step, undefined)
    else for (const [ordinal, { key }] of (run.items.get(`${graph.prefix}${step.map}`) ?? []).entries()) await runOp(run, graph, step, { key, ordinal })
  }
}

async function runOp(run: RunState, graph: PlacedGraph, step: OpStep, branch: Branch | undefined): Promise<void> {
  const { op } = step
  const name = nameIn(graph, step, branch, step.name)
  const template = branch === undefined ? undefined : `${graph.prefix}${step.name}`
  const named = { name, kind: 'op', template, hooks: op.hooks } as const
  const fate = fateOf(waitingStep(run, graph, step, branch), run.ended, new Map())
  if (fate !== 'runs') return endSkipped(run, named, fate === 'unneeded')

  const tried = { retry: op.retry, timeoutMs: op.timeoutMs, tooLong: () => opTooLong(name, op.timeoutMs) }
  const outcome = await attempt(run.bed, tried, (stop, number) => callStep(run, graph, { step, name, branch, attempt: number }, stop))
  if (!('value' in outcome)) return endStep(run, named, outcome)

  const { made, texts, branches, observed, metadata } = outcome.value
  run.bed.observed.push(...observed)
  const outputs = Object.keys(made)
  for (const output of outputs)
    run.outputs.push({ step: name, template, output, ordinal: branch?.ordinal, value: JSON.parse(texts[output] ?? 'null') as unknown })
  for (const { map, items } of branches) {
    const read = items.map(({ key, value }) => ({ key, value: JSON.parse(value) as unknown }))
    run.items.set(map, read)
  }
  run.values.set(valueKey(name), op.single ? made[onlyOutput] : made)
  endStep(run, named, { attempts: outcome.attempts, value: { outputs, metadata, checks: [] } })
  return undefined
}

interface StepCall {
  readonly step: OpStep
  readonly name: string
  readonly branch: Branch | undefined
  readonly attempt: number
}

/** One attempt: what it answered, the same as JSON where no I/O manager keeps it, and the branches that come of it. */
async function callStep(run: RunState, { plan, prefix, partOf, ...graph }: PlacedGraph, { step, name, branch, attempt: number }: StepCall, stop: StepSignal) {
  const { bed } = run
  const { op } = step
  const kept = keptIn(run)
  const inBranch = branch === undefined ? undefined : { template: `${prefix}${step.name}`, map: `${prefix}${step.map ?? ''}`, ordinal: branch.ordinal }
  const asked = { runId: bed.runId, asset: name, place: { job: undefined, partOf, branch: inBranch } }
  const observations = observationsIn(bed, partOf === undefined ? [] : [{ key: partOf, partitions: 'unknown' }])
  const { answers, metadata } = await callOp(name, op, {
    given: await valuesOf(kept, asked, { plan, prefix }, step.inputs, stop, (input) => graph.input(input, stop)),
    partition: graph.partition,
    config: graph.configOf(step.name),
    resources: () => bed.resources.of(testLocation, op.resources),
    stop,
    facts: callFacts(bed, { step: name, attempt: number, observe: observations.observe(graph.partition?.key) }),
  })
  await observations.check()
  const made = Object.fromEntries(Object.keys(op.outputs).flatMap((output) => (answers[output] === undefined ? [] : [[output, answers[output]]])))
  const branches = await branchesOf({ step, plan, prefix }, partOf, answers)
  const io = await kept.ioOf(op)
  if (io === undefined) return { made, branches, metadata, observed: observations.seen, texts: outputTexts(name, op, made) }
  await storeOutputs(io, { runId: bed.runId, step: name }, made, stop)
  return { made, branches, metadata, observed: observations.seen, texts: {} as Readonly<Record<string, string>> }
}

/** What a step of the plan is called in the run, as one that is run for the same branch sees it. */
function nameIn({ plan, prefix }: PlacedGraph, from: OpStep, branch: Branch | undefined, step: string): string {
  const isOfBranch = branch !== undefined && plan.steps.some((one) => one.name === step && one.map === from.map)
  return `${prefix}${step}${isOfBranch ? `[${branch.key}]` : ''}`
}

function waitingStep(run: RunState, graph: PlacedGraph, step: OpStep, branch: Branch | undefined): WaitingStep {
  const { plan, prefix, after } = graph
  const leaves = Object.values(step.inputs).flatMap(leavesOf)
  const handed = leaves.flatMap((leaf) => {
    if (leaf.kind === 'output') return [{ step: leaf.step, output: leaf.output }]
    return leaf.kind === 'item' || leaf.kind === 'collect' ? plan.maps.filter(({ id }) => id === leaf.map) : []
  })
  return {
    name: step.name,
    within: [],
    outside: [
      ...(step.upstream.length === 0 ? after : step.upstream.map((one) => nameIn(graph, step, branch, one))),
      ...step.collects.flatMap((one) => branchNames(run, `${prefix}${one}`)),
    ],
    handed: handed
      .filter((one) => plan.steps.some(({ name, op }) => name === one.step && one.output in op.outputs))
      .map((one) => ({ step: nameIn(graph, step, branch, one.step), output: one.output })),
  }
}

import type { StoredOutput } from '../catalog/step-values.ts'
import type { CheckOutcome } from '../definitions/check-outcome.ts'
import type { Hooks } from '../definitions/hook.ts'
import type { JsonObject } from '../definitions/json.ts'
import type { StepOutside } from '../definitions/ops/fate.ts'
import type { OpDefinition } from '../definitions/ops/op-definition.ts'
import type { KeptValues } from '../workers/op-values.ts'
import type { Outcome } from './attempt.ts'
import type { TestHook } from './run-hooks.ts'
import type { TestBed } from './test-bed.ts'
import type { TestStep } from './test-run.ts'

/** A step that has ended, with what the steps behind it ask of it. */
export interface EndedStep extends TestStep, StepOutside {
  readonly status: TestStep['status']
  /** Of a branch's step: what it was made from. */
  readonly template: string | undefined
  /** What its end calls. */
  readonly hooks?: Hooks | undefined
  /** Those that it made, where it has any. */
  readonly partitions?: readonly string[] | undefined
}

/** A run while it goes on: what the catalogue holds of a run on workers. */
export interface RunState {
  readonly bed: TestBed
  /** Of the run. */
  readonly config: JsonObject
  readonly ended: Map<string, EndedStep>
  /** What ops answered, as the steps behind them are handed it. */
  readonly outputs: (StoredOutput & { readonly template: string | undefined })[]
  /** Of mappings: the items and their keys. */
  readonly items: Map<string, readonly { readonly key: string; readonly value: unknown }[]>
  /** What functions answered, by `valueKey`. */
  readonly values: Map<string, unknown>
  /** Those that were called. */
  readonly hooks: TestHook[]
}

export const newRun = (bed: TestBed, config: JsonObject): RunState => ({
  bed,
  config,
  ended: new Map(),
  outputs: [],
  items: new Map(),
  values: new Map(),
  hooks: [],
})

export const valueKey = (step: string, partition?: string): string => JSON.stringify([step, partition ?? null])

/** What `valueKey` made a key of. */
export function stepOfKey(key: string): readonly [step: string, partition: string | undefined] {
  const [step, partition] = JSON.parse(key) as [string, string | null]
  return [step, partition ?? undefined]
}

/** Where the ops of a run leave their outputs. */
export const keptIn = ({ bed, outputs, items }: RunState): KeptValues => ({
  read: ({ steps, templates, item }) =>
    Promise.resolve({
      outputs: outputs.filter(({ step, template }) => steps.includes(step) || (template !== undefined && templates.includes(template))),
      item: item === undefined ? undefined : items.get(item.map)?.[item.ordinal]?.value,
    }),
  ioOf: async ({ io }: OpDefinition) => (io === undefined ? undefined : bed.openIo(io)),
})

/** The branches of a step that must have ended well before they are collected: one that need not run is gone without. */
export const branchNames = ({ ended }: RunState, template: string): string[] =>
  [...ended.values()].flatMap((one) => (one.template === template && !one.unneeded ? [one.name] : []))

type Named = Pick<EndedStep, 'name' | 'kind' | 'template' | 'hooks' | 'partitions'>

export function endSkipped(run: RunState, step: Named, unneeded: boolean): void {
  run.ended.set(step.name, { ...step, status: 'skipped', unneeded, outputs: [], attempts: 0, error: undefined, metadata: {}, checks: [] })
}

/** Ends a step that ran. */
export function endStep(
  run: RunState,
  step: Named,
  outcome: Outcome<Pick<EndedStep, 'outputs' | 'metadata' | 'checks'>>,
  checksOf: (error: unknown) => readonly CheckOutcome[] = () => [],
): void {
  const { attempts } = outcome
  const common = { ...step, attempts, unneeded: false }
  if ('value' in outcome) run.ended.set(step.name, { ...common, status: 'succeeded', error: undefined, ...outcome.value })
  else run.ended.set(step.name, { ...common, status: 'failed', error: outcome.error, outputs: [], metadata: {}, checks: checksOf(outcome.error) })
}

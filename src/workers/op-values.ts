import type { ClaimedStep } from '../catalog/claims.ts'
import { readValues } from '../catalog/step-values.ts'
import type { ValuesFound, ValuesWanted } from '../catalog/step-values.ts'
import type { IoManager } from '../definitions/io-manager.ts'
import { leavesOf } from '../definitions/ops/plan.ts'
import type { Binding } from '../definitions/ops/plan.ts'
import { resolve } from '../definitions/ops/resolve.ts'
import type { OpDefinition } from '../definitions/ops/op-definition.ts'
import { DataError, MillraceError } from '../errors.ts'
import type { WorkerContext } from './context.ts'
import { callUserCode } from './failure.ts'
import type { OwnOp } from './own-op.ts'
import type { StepSignal } from './step-signal.ts'

/** The most that the catalogue keeps of one output, in bytes of JSON. */
const mostBytes = 4 * 1024 * 1024

/**
 * An output as JSON text that reads back the same.
 * @throws DataError `VALUE_NOT_JSON`, `VALUE_TOO_LARGE`
 */
export function outputText(what: string, value: unknown): string {
  const path = unsayable(value)
  if (path !== undefined) {
    throw new DataError(`${what} cannot be handed on as JSON: ${path.at} is ${path.is}.`, {
      code: 'VALUE_NOT_JSON',
      hint: 'Answer text, finite numbers, true, false, null, and arrays and plain objects of them. A time goes as text (`toISOString()`).',
    })
  }
  const text = JSON.stringify(value)
  const bytes = Buffer.byteLength(text)
  if (bytes > mostBytes) {
    throw new DataError(`${what} has ${String(bytes)} bytes as JSON; the catalogue keeps at most ${String(mostBytes)} of one output.`, {
      code: 'VALUE_TOO_LARGE',
      hint: 'Give the op an I/O manager (`io`), or hand on where the data is instead of the data.',
    })
  }
  return text
}

function unsayable(value: unknown, at = 'it', depth = 0): { readonly at: string; readonly is: string } | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : { at, is: String(value) }
  if (typeof value !== 'object') return { at, is: value === undefined ? 'undefined' : `a ${typeof value}` }
  if (depth > 500) return { at, is: 'nested too deep' }
  const isArray = Array.isArray(value)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!isArray && prototype !== Object.prototype && prototype !== null) return { at, is: `a ${value.constructor.name}` }
  for (const [name, one] of isArray ? Array.from(value, (item: unknown, index) => [String(index), item] as const) : Object.entries(value)) {
    // As everywhere in JSON, a field without a value is left out.
    if (one === undefined && !isArray) continue
    const found = unsayable(one, at === 'it' ? name : `${at}.${name}`, depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}

/** Where an I/O manager keeps an output: each run has its own. */
export const outputPlace = (runId: string, step: string, output: string) => ({ asset: `${runId}/${step}/${output}`, partition: undefined })

/** The I/O manager of an op. */
export async function ioOfOp(context: WorkerContext, location: string, { io }: OpDefinition): Promise<IoManager | undefined> {
  if (io === undefined) return undefined
  const { started } = await callUserCode(() => context.resources.of(location, { started: io }))
  return started as IoManager
}

/** Where steps leave their outputs. */
export interface KeptValues {
  readonly read: (wanted: ValuesWanted) => Promise<ValuesFound>
  /** The I/O manager that keeps an op's outputs; undefined where they are in what `read` answers. */
  readonly ioOf: (op: OpDefinition) => Promise<IoManager | undefined>
}

/** Those of a location's runs. */
export const keptValues = (context: WorkerContext, location: string): KeptValues => ({
  read: (wanted) => readValues(context.pool, wanted),
  ioOf: (op) => ioOfOp(context, location, op),
})

/**
 * The values of bindings, read from where the steps before left them.
 * @param input answers the value of an input of the graph
 * @throws MillraceError `VALUE_MISSING` when one is not there
 */
export async function valuesOf(
  kept: KeptValues,
  claimed: Pick<ClaimedStep, 'runId' | 'asset' | 'place'>,
  { plan, prefix }: Pick<OwnOp, 'plan' | 'prefix'>,
  bindings: Readonly<Record<string, Binding>>,
  { signal, until }: StepSignal,
  input: (name: string) => Promise<unknown>,
): Promise<Readonly<Record<string, unknown>>> {
  const { branch } = claimed.place
  const leaves = Object.values(bindings).flatMap(leavesOf)
  const suffix = branch === undefined ? '' : claimed.asset.slice(branch.template.length)
  const mapped = new Set(plan.steps.filter(({ map }) => map !== undefined && `${prefix}${map}` === branch?.map).map(({ name }) => name))
  const stepName = (step: string): string => `${prefix}${step}${mapped.has(step) ? suffix : ''}`
  const wantsItem = leaves.some(({ kind }) => kind === 'item')
  const found = await kept.read({
    runId: claimed.runId,
    steps: [...new Set(leaves.flatMap((leaf) => (leaf.kind === 'output' ? [stepName(leaf.step)] : [])))],
    templates: [...new Set(leaves.flatMap((leaf) => (leaf.kind === 'collect' ? [`${prefix}${leaf.step}`] : [])))],
    ...(wantsItem && branch !== undefined ? { item: branch } : {}),
  })
  const load = async (step: string, stored: (typeof found.outputs)[number]): Promise<unknown> => {
    const op = plan.steps.find(({ name }) => name === step)?.op
    const io = op === undefined ? undefined : await kept.ioOf(op)
    if (io === undefined) return stored.value
    return until(() => callUserCode(() => io.load(outputPlace(claimed.runId, stored.step, stored.output), { signal })))
  }
  const outputs = new Map<string, unknown>()
  const collected = new Map<string, unknown[]>()
  const inputs = new Map<string, unknown>()
  for (const leaf of leaves) {
    if (leaf.kind === 'input') inputs.set(leaf.name, await input(leaf.name))
    if (leaf.kind === 'output') {
      const stored = found.outputs.find(({ step, output }) => step === stepName(leaf.step) && output === leaf.output)
      if (stored === undefined) throw missing(claimed.asset, stepName(leaf.step), leaf.output)
      outputs.set(`${leaf.step} ${leaf.output}`, await load(leaf.step, stored))
    }
    if (leaf.kind === 'collect') {
      const all: unknown[] = []
      for (const stored of found.outputs)
        if (stored.template === `${prefix}${leaf.step}` && stored.output === leaf.output) all.push(await load(leaf.step, stored))
      collected.set(`${leaf.step} ${leaf.output}`, all)
    }
  }
  const values = {
    output: (step: string, output: string) => outputs.get(`${step} ${output}`),
    item: () => found.item,
    collected: (step: string, output: string) => collected.get(`${step} ${output}`) ?? [],
    input: (name: string) => inputs.get(name),
  }
  return Object.fromEntries(Object.entries(bindings).map(([name, binding]) => [name, resolve(binding, values)]))
}

function missing(asset: string, step: string, output: string): MillraceError {
  return new MillraceError(`${asset} is to be handed the output ${output} of ${step}, which is not there.`, {
    code: 'VALUE_MISSING',
    hint: 'The graph has changed since the run was planned, or the op answers nothing. Launch a new run.',
  })
}

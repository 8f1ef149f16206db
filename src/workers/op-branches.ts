import type { NewBranches } from '../catalog/expand-mapping.ts'
import { hookNamesOf } from '../definitions/hook.ts'
import { leavesOf } from '../definitions/ops/plan.ts'
import type { Mapping, OpStep } from '../definitions/ops/plan.ts'
import { DataError } from '../errors.ts'
import { callUserCode } from './failure.ts'
import type { OwnOp } from './own-op.ts'
import { outputText } from './op-values.ts'

/**
 * The branches of all mappings that go over a step's outputs.
 * @throws DataError `MAP_NO_LIST`, `MAP_KEY_INVALID`, `MAP_KEY_TWICE`; UserCodeError when a key function throws
 */
export async function branchesOf(
  { plan, step, prefix }: OwnOp,
  partOf: string | undefined,
  outputs: Readonly<Record<string, unknown>>,
): Promise<NewBranches[]> {
  const found: NewBranches[] = []
  for (const mapping of plan.maps) {
    if (mapping.step !== step.name || outputs[mapping.output] === undefined) continue
    const steps = plan.steps.filter(({ map }) => map === mapping.id)
    found.push({
      map: `${prefix}${mapping.id}`,
      partOf,
      items: await itemsOf(`${prefix}${step.name}`, mapping, outputs[mapping.output]),
      steps: steps.map((one) => branchStepOf(one, steps, prefix)),
    })
  }
  return found
}

function branchStepOf({ name, upstream, inputs, op }: OpStep, steps: readonly OpStep[], prefix: string) {
  const isWithin = (other: string): boolean => steps.some((one) => one.name === other)
  const named = (names: readonly string[]): string[] => names.map((one) => `${prefix}${one}`)
  const leaves = Object.values(inputs).flatMap(leavesOf)
  return {
    name: `${prefix}${name}`,
    within: named(upstream.filter(isWithin)),
    outside: named(upstream.filter((one) => !isWithin(one))),
    pool: op.pool,
    ...hookNamesOf(op.hooks),
    handed: leaves.flatMap((leaf) => (leaf.kind === 'output' && !isWithin(leaf.step) ? [{ step: `${prefix}${leaf.step}`, output: leaf.output }] : [])),
  }
}

async function itemsOf(step: string, { output, key }: Mapping, list: unknown): Promise<NewBranches['items']> {
  const what = `The output ${output} of ${step}, which is mapped over,`
  if (!Array.isArray(list)) throw new DataError(`${what} is no list.`, { code: 'MAP_NO_LIST', hint: 'Answer an array from the op.' })
  const seen = new Map<string, number>()
  const items = []
  for (const [index, item] of (list as readonly unknown[]).entries()) {
    const name: unknown = key === undefined ? String(index) : await callUserCode(() => key(item as never))
    const at = `The item ${String(index)} of ${step}`
    if (typeof name !== 'string' || !/^[^\p{C}[\]]{1,100}$/u.test(name)) {
      throw new DataError(`${at} has the key ${JSON.stringify(name) ?? String(name)}, which is none.`, {
        code: 'MAP_KEY_INVALID',
        hint: 'Have `key` answer text of 1 to 100 characters, without brackets and control characters.',
      })
    }
    const twin = seen.get(name)
    if (twin !== undefined) {
      throw new DataError(`${at} has the key ${JSON.stringify(name)}, as the item ${String(twin)} has.`, {
        code: 'MAP_KEY_TWICE',
        hint: 'Have `key` answer what tells the items apart, or leave it out: they are called by their positions then.',
      })
    }
    seen.set(name, index)
    items.push({ key: name, value: outputText(at, item) })
  }
  return items
}

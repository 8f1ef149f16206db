import { aFunction } from '../option-kinds.ts'
import { refuseWrong, refuseWrongValue } from '../option-shape.ts'
import type { OptionShape } from '../option-shape.ts'
import { addMapping } from './composition.ts'
import type { Ref, Refs } from './ref.ts'

interface MapOptions<Item> {
  readonly key?: (item: Item) => string
}

const shape: OptionShape<MapOptions<unknown>> = { key: aFunction('(item) => item.id') }
const branchKind = aFunction('(item) => loadOne({ item })')

/** References to the lists of what all branches answered. */
export type Collected<Answer> =
  Answer extends Ref<infer Value>
    ? Ref<Value[]>
    : Answer extends Refs
      ? { readonly [Name in keyof Answer]: Answer[Name] extends Ref<infer Value> ? Ref<Value[]> : never }
      : never

/** The branches of a mapping. */
export interface Mapped<Answer> {
  /** What all branches answered, in the order of the items; branches that answered nothing are left out. */
  readonly collect: () => Collected<Answer>
}

/**
 * Runs a branch for each item of a list that an op answers: its steps are made when the op has succeeded, and are called `step[key]`.
 * @param options `key` names an item, uniquely: at most 100 characters, no brackets. Default: its position, from 0
 * @throws DefinitionError for options that cannot be, when it goes over something else than the output of an op, or within another mapping
 */
export function mapOver<Item, Answer extends Refs | undefined | void>(
  items: Ref<readonly Item[]>,
  branch: (item: Ref<Item>) => Answer,
  options: MapOptions<Item> = {},
): Mapped<Answer> {
  refuseWrong('mapOver()', options, shape)
  refuseWrongValue('The branch of mapOver()', branch, branchKind)
  return { collect: addMapping(items, branch, options.key) as () => Collected<Answer> }
}

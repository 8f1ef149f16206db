import { DefinitionError } from '../definition-error.ts'
import { orList } from '../known-instead.ts'
import { nearestOf } from '../nearest.ts'
import { matchesGlob } from './glob.ts'
import { parseSelection } from './parse-selection.ts'
import type { Selection, Term } from './parse-selection.ts'
import { SelectionError } from './selection-error.ts'

/** What a selection can ask of an asset. */
export interface Selectable {
  readonly key: string
  readonly kind?: string | undefined
  readonly kinds?: readonly string[] | undefined
  readonly owners?: readonly string[] | undefined
  readonly group?: string | undefined
  readonly tags?: Readonly<Record<string, string>> | undefined
  readonly deps?: readonly string[] | undefined
}

/**
 * The keys that any of the selections chooses, in the order of `assets`. What can be written is told at `parseSelection`.
 * @throws SelectionError where one cannot be read, chooses nothing, or has a term in it that nothing matches: a misspelt one is else not noticed
 */
export function selectAssets(assets: readonly Selectable[], selections: readonly string[]): string[] {
  const graph = graphOf(assets)
  const chosen = new Set<string>()
  for (const selection of selections) {
    const found = choose(parseSelection(selection), { ...graph, selection })
    if (found.size === 0) throw new SelectionError('Nothing is left of what is chosen', selection, 0, { unreadable: false })
    for (const key of found) chosen.add(key)
  }
  return assets.map((one) => one.key).filter((key) => chosen.has(key))
}

/**
 * The same of a definition that chooses: its error says whose selection it is, since a location has many.
 * @throws DefinitionError
 */
export function selectFor(whose: string, assets: readonly Selectable[], selections: readonly string[]): string[] {
  try {
    return selectAssets(assets, selections)
  } catch (error) {
    throw error instanceof SelectionError ? new DefinitionError(`${whose}: ${error.message}`, { cause: error }) : error
  }
}

interface Graph {
  readonly assets: readonly Selectable[]
  readonly upstream: ReadonlyMap<string, readonly string[]>
  readonly downstream: ReadonlyMap<string, readonly string[]>
}

function graphOf(assets: readonly Selectable[]): Graph {
  const upstream = new Map(assets.map((one) => [one.key, one.deps ?? []]))
  const downstream = new Map<string, string[]>()
  for (const { key, deps = [] } of assets) {
    for (const dep of deps) {
      const known = downstream.get(dep)
      if (known === undefined) downstream.set(dep, [key])
      else known.push(key)
    }
  }
  return { assets, upstream, downstream }
}

type Asked = Graph & { readonly selection: string }

function choose(wanted: Selection, asked: Asked): ReadonlySet<string> {
  switch (wanted.kind) {
    case 'not': {
      const without = choose(wanted.of, asked)
      return new Set(asked.assets.map((one) => one.key).filter((key) => !without.has(key)))
    }
    case 'and':
      return wanted.all.map((one) => choose(one, asked)).reduce((both, one) => new Set([...both].filter((key) => one.has(key))))
    case 'or':
      return new Set(wanted.all.flatMap((one) => [...choose(one, asked)]))
    case 'around': {
      const middle = choose(wanted.of, asked)
      return new Set([...reach(middle, asked.upstream, wanted.up), ...reach(middle, asked.downstream, wanted.down)])
    }
    case 'key':
    case 'group':
    case 'kind':
    case 'owner':
    case 'tag':
      break
  }
  return matching(wanted, asked)
}

/** What is at most so many steps away, with what one begins at. */
function reach(from: ReadonlySet<string>, next: ReadonlyMap<string, readonly string[]>, steps: number): ReadonlySet<string> {
  const found = new Set(from)
  let edge = [...from]
  for (let step = 0; step < steps && edge.length > 0; step += 1) {
    edge = edge.flatMap((key) => next.get(key) ?? []).filter((key) => !found.has(key) && found.add(key))
  }
  return found
}

function matching(term: Term, { assets, selection }: Asked): ReadonlySet<string> {
  const found = assets.filter((asset) => matches(asset, term))
  if (found.length > 0) return new Set(found.map((one) => one.key))
  throw new SelectionError(nothingOf(term), selection, term.at, { unreadable: false, instead: insteadOf(term, assets) })
}

function matches({ key, kind, kinds = [], owners = [], group, tags = {} }: Selectable, term: Term): boolean {
  switch (term.kind) {
    case 'key':
      return matchesGlob(key, term.pattern)
    case 'group':
      return group === term.value
    case 'kind':
      return kind === term.value || kinds.includes(term.value)
    case 'owner':
      return owners.includes(term.value)
    case 'tag':
      break
  }
  return Object.hasOwn(tags, term.name) && (term.value === undefined || tags[term.name] === term.value)
}

function nothingOf(term: Term): string {
  if (term.kind === 'key') return /[*?]/.test(term.pattern) ? `No asset's key is like ${term.pattern}` : `There is no asset ${term.pattern}`
  if (term.kind === 'tag') return `No asset has the tag ${term.name}${term.value === undefined ? '' : `=${term.value}`}`
  return `No asset has the ${term.kind} ${term.value}`
}

const mostNamed = 10

/** What there is instead. */
function insteadOf(term: Term, assets: readonly Selectable[]): string {
  const there = new Set(assets.flatMap((one) => namesOf(one, term)))
  const near = there.size > mostNamed ? nearestOf(wantedOf(term), [...there]).slice(0, 3) : []
  if (near.length > 0) return ` (did you mean ${orList(near)}?)`
  const named = [...there].slice(0, mostNamed).join(', ')
  return there.size === 0
    ? ''
    : ` (there ${there.size === 1 ? 'is' : 'are'} ${named}${there.size > mostNamed ? ` and ${String(there.size - mostNamed)} more` : ''})`
}

function wantedOf(term: Term): string {
  if (term.kind === 'key') return term.pattern
  return term.kind === 'tag' ? `${term.name}${term.value === undefined ? '' : `=${term.value}`}` : term.value
}

function namesOf({ key, kind, kinds = [], owners = [], group, tags = {} }: Selectable, term: Term): readonly string[] {
  switch (term.kind) {
    case 'key':
      return [key]
    case 'group':
      return group === undefined ? [] : [group]
    case 'kind':
      return kind === undefined ? kinds : [kind, ...kinds]
    case 'owner':
      return owners
    case 'tag':
      break
  }
  return Object.entries(tags).map(([name, value]) => `${name}=${value}`)
}

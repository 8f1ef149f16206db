import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { AssetState, CellState, KnownAsset } from '../../catalog/automation.ts'
import { withParts } from '../../definitions/automation/condition.ts'
import type { Condition } from '../../definitions/automation/condition.ts'
import { latestWindowOf, newest } from '../../definitions/automation/latest-window.ts'
import type { AssetSpec } from '../../definitions/manifest.ts'
import { moment } from '../../definitions/moment.ts'
import type { PartitionSet } from '../../definitions/partitions/partition-set.ts'
import { evaluate, reasonOf } from './evaluate.ts'
import { cellsAbove, idOf } from './facts.ts'
import type { Cell, Facts } from './facts.ts'
import type { Outcome, Scope } from './outcome.ts'

/** Partitions of one asset that are looked at, the newest. */
const mostPartitions = 1000
/** Partitions of one evaluation whose outcomes are kept. */
const mostShown = 5

/** What was found of one partition, or of an asset that has none (`''`). */
export interface JudgedCell {
  readonly partition: string
  readonly outcome: Outcome
  /** It is to be made. */
  readonly requested: boolean
  /** Why it is not, though its condition is true. */
  readonly held: string | undefined
}

export interface JudgedAsset {
  readonly key: string
  readonly condition: string
  readonly cells: readonly JudgedCell[]
  readonly state: AssetState
  /** It is as it was, so that nothing needs to be written. */
  readonly same: boolean
  readonly known: KnownAsset | undefined
}

export interface Judgement {
  readonly assets: readonly JudgedAsset[]
  /** Something was true that will not be so next time by itself: it is to be looked at once more. */
  readonly again: boolean
}

/** A condition is known by this: another one begins anew. */
function hashOf(condition: Condition): string {
  const known = hashes.get(condition)
  if (known !== undefined) return known
  const hash = createHash('sha256').update(sortedJson(condition)).digest('hex').slice(0, 16)
  hashes.set(condition, hash)
  return hash
}

const hashes = new WeakMap<Condition, string>()

/** The partitions that a condition is asked of: those of the latest windows where nothing else can be true, else the newest. */
function partitionsToJudge(condition: Condition, set: PartitionSet): readonly string[] {
  const needed = neededWindow(condition)
  const latest = needed === undefined ? undefined : latestWindowOf(set, needed.lookbackMs)
  return latest === undefined ? newest(set, mostPartitions) : latest.keys(mostPartitions)
}

function neededWindow(condition: Condition): Extract<Condition, { kind: 'latestWindow' }> | undefined {
  if (condition.kind === 'latestWindow') return condition
  if (condition.kind !== 'all') return undefined
  return condition.of.map(neededWindow).find((one) => one !== undefined)
}

/** The cells of an asset that its condition is asked of. */
export function cellsToJudge({ key, automation }: AssetSpec, set: PartitionSet | undefined): readonly Cell[] {
  if (automation === undefined) return []
  return (set === undefined ? [''] : partitionsToJudge(automation, set)).map((partition) => ({ asset: key, partition }))
}

/** Evaluates the conditions of a location, upstream before downstream, so that what is asked for above is known below. */
export function judge(assets: readonly AssetSpec[], facts: Facts, known: ReadonlyMap<string, KnownAsset>): Judgement {
  const requested = new Set<string>()
  let again = false
  const judged = assets.flatMap((spec) => {
    if (spec.automation === undefined) return []
    const one = judgeAsset(spec, spec.automation, facts, { known: known.get(spec.key), requested })
    again ||= one.momentary
    return [one.asset]
  })
  return { assets: judged, again: again || requested.size > 0 }
}

interface Before {
  readonly known: KnownAsset | undefined
  readonly requested: Set<string>
}

function judgeAsset(
  spec: AssetSpec,
  automation: Condition,
  facts: Facts,
  { known, requested }: Before,
): { readonly asset: JudgedAsset; readonly momentary: boolean } {
  const condition = hashOf(automation)
  const initial = known?.condition !== condition
  const codeVersion = spec.kind === 'function' ? spec.codeVersion : undefined
  const codeChanged = known !== undefined && known.state.codeVersion !== codeVersion
  const watched = [...new Set([...spec.deps, ...withParts(automation).flatMap((part) => (part.kind === 'asset' ? part.key : []))])]
  const states: Record<string, CellState> = {}
  let momentary = false
  const cells = cellsToJudge(spec, facts.sets.get(spec.key)).map((cell): JudgedCell => {
    const prior = initial ? undefined : known.state.cells[cell.partition]
    // Also where the condition is another by now: the run may be under way.
    const asked = known?.state.cells[cell.partition]?.asked
    const first = initial ? facts.now : prior?.first
    const scope: Scope = {
      facts,
      root: cell,
      rootDeps: spec.deps,
      requested,
      initial,
      firstAt: first,
      codeChanged,
      askedAt: asked?.at,
      prior: prior?.nodes ?? {},
      next: {},
      momentary: false,
      cronPassed: false,
    }
    const outcome = evaluate(automation, cell, scope)
    momentary ||= scope.momentary
    const moved = initial || codeChanged || scope.cronPassed ? facts.now : lastChange(cell, watched, facts, requested)
    const changed = Math.max(moved ?? -Infinity, prior?.changed ?? -Infinity)
    const held = outcome.value ? whyHeld(cell, asked, changed, facts) : undefined
    const wanted = outcome.value && held === undefined
    if (wanted) requested.add(idOf(cell))
    const state: CellState = {
      nodes: scope.next,
      ...(first === undefined ? {} : { first }),
      ...(asked === undefined ? {} : { asked }),
      ...(Number.isFinite(changed) ? { changed } : {}),
    }
    if (Object.keys(scope.next).length > 0 || asked !== undefined || Number.isFinite(changed)) states[cell.partition] = state
    return { partition: cell.partition, outcome, requested: wanted, held }
  })
  const state: AssetState = { ...(codeVersion === undefined ? {} : { codeVersion }), cells: states }
  const same = !initial && isDeepStrictEqual(known.state, state)
  return { asset: { key: spec.key, condition, cells, state, same, known }, momentary }
}

/** The same whatever the order of keys, which jsonb does not keep. */
function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one) ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1))) : one,
  )
}

/** When what a cell is made from changed since the evaluation before, but for what was made together with it; or when it was wiped itself. */
function lastChange(cell: Cell, watched: readonly string[], facts: Facts, requested: ReadonlySet<string>): number | undefined {
  if (facts.wiped.has(idOf(cell))) return facts.now
  if (facts.updates.size === 0 && facts.wiped.size === 0 && requested.size === 0) return undefined
  let last: number | undefined
  for (const above of watched) {
    for (const one of cellsAbove(facts, cell, above)) {
      const id = idOf(one)
      if (requested.has(id) || facts.wiped.has(id)) return facts.now
      const update = facts.updates.get(id)
      if (update !== undefined && !update.runAssets.has(cell.asset)) last = Math.max(last ?? -Infinity, update.at)
    }
  }
  return last
}

/** What is asked for once is not asked for again until something has changed: one that fails is not tried again and again, nor one made anew that stays what its condition looks for. */
function whyHeld(cell: Cell, asked: CellState['asked'], changed: number, facts: Facts): string | undefined {
  if (asked === undefined) return undefined
  if (facts.running.get(idOf(cell)) === asked.run) return `the run ${asked.run}, which it asked for, is not over`
  if (changed > asked.at) return undefined
  return `it was asked for at ${moment(asked.at)} (run ${asked.run}), and nothing that it hangs on has changed since`
}

/**
 * What a condition is to remember once it was asked for, by the runs of its partitions. What could not be launched is remembered as well, or it would be tried each
 * second.
 */
export function withAsked({ state, cells }: JudgedAsset, runs: ReadonlyMap<string, string>, at: number): AssetState {
  const asked = cells
    .filter(({ requested }) => requested)
    .map(({ partition }) => [partition, { ...(state.cells[partition] ?? { nodes: {} }), asked: { at, run: runs.get(partition) ?? '' } }] as const)
  return { ...state, cells: { ...state.cells, ...Object.fromEntries(asked) } }
}

/** What an asset's outcome is told apart by: what each part was found to be, but for what lies below a `since` or a `newlyTrue`, which comes and goes. */
export function signatureOf({ cells }: JudgedAsset): string {
  const signed = (outcome: Outcome): string =>
    `${outcome.value ? '1' : '0'}${outcome.kind === 'since' || outcome.kind === 'newlyTrue' ? '' : `(${(outcome.of ?? []).map(signed).join('')})`}`
  const all = cells.map(({ partition, outcome, requested, held }) => `${partition}:${signed(outcome)}${requested ? '!' : ''}${held === undefined ? '' : '?'}`)
  return createHash('sha256').update(all.join('\n')).digest('hex').slice(0, 16)
}

export interface ShownCell {
  readonly partition: string | null
  readonly value: boolean
  readonly requested: boolean
  readonly held: string | null
  readonly outcome: Outcome
}

/** The outcomes that are kept: of what is asked for first, then of what is held, then of the newest. */
export function shownCells({ cells }: JudgedAsset): ShownCell[] {
  const rank = (one: JudgedCell): number => (one.requested ? 0 : one.held !== undefined ? 1 : 2)
  return cells
    .toReversed()
    .toSorted((one, other) => rank(one) - rank(other))
    .slice(0, mostShown)
    .map(({ partition, outcome, requested, held }) => ({
      partition: partition === '' ? null : partition,
      value: outcome.value,
      requested,
      held: held ?? null,
      outcome: prune(outcome),
    }))
}

/** Dependencies of one condition that are kept, those that decided it first. */
const mostDeps = 20

function prune({ of, ...outcome }: Outcome): Outcome {
  if (of === undefined) return outcome
  if (outcome.kind === 'since' && !of.some((one) => one.value)) return outcome
  const decides = outcome.kind === 'allDeps' ? !outcome.value : true
  const kept = of.length > mostDeps ? of.toSorted((one) => (one.value === decides ? -1 : 1)).slice(0, mostDeps) : of
  return { ...outcome, of: kept.map(prune) }
}

/** The answer of an asset and why, in a sentence's end. */
export function answerOf({ cells }: JudgedAsset): { readonly answer: 'requested' | 'held' | 'no'; readonly reason: string } {
  const wanted = cells.filter(({ requested }) => requested)
  const [first] = wanted
  if (first !== undefined) return { answer: 'requested', reason: `${manyOf(wanted)}${reasonOf(first.outcome)}` }
  const held = cells.filter((one) => one.held !== undefined)
  const [one] = held
  if (one !== undefined) return { answer: 'held', reason: `${manyOf(held)}${one.held ?? ''}` }
  const last = cells.at(-1)
  return {
    answer: 'no',
    reason: last === undefined ? 'it has no partition yet' : `${last.partition === '' ? '' : `${last.partition}: `}${reasonOf(last.outcome)}`,
  }
}

function manyOf(cells: readonly JudgedCell[]): string {
  const [first] = cells
  if (first === undefined || first.partition === '') return ''
  return cells.length === 1 ? `${first.partition}: ` : `${String(cells.length)} partitions, as ${first.partition}: `
}

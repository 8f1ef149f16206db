import { nameOf } from '../../definitions/automation/condition.ts'
import type { Condition } from '../../definitions/automation/condition.ts'
import { latestWindowOf } from '../../definitions/automation/latest-window.ts'
import { moment } from '../../definitions/moment.ts'
import { cellsAbove, everyPartition } from './facts.ts'
import type { Cell } from './facts.ts'
import { evaluateLeaf, isLeaf } from './leaves.ts'
import type { Outcome, Scope } from './outcome.ts'

/**
 * What a condition is found to be of a cell.
 * @param asReset it says when something else was handled: an update then counts from when its step began
 */
export function evaluate(condition: Condition, cell: Cell, scope: Scope, path = '', asReset = false): Outcome {
  if (isLeaf(condition)) return evaluateLeaf(condition.kind, cell, scope, asReset)
  const { kind } = condition
  if (kind === 'latestWindow') return evaluateWindow(condition, cell, scope)
  if (kind === 'cronTickPassed') return evaluateCron(condition, scope)
  const name = nameOf(condition)
  if (kind === 'anyDeps' || kind === 'allDeps') return evaluateDeps(condition, name, cell, scope, path, asReset)
  if (kind === 'asset') {
    const of = ofCells(condition.key, cellsOf(condition.key, cell, scope), condition.of, scope, path, asReset)
    return { name, kind, value: of.value, of: [of], ...latestOf(of.value ? [of] : []) }
  }
  const nested = (of: Condition, place: number, reset = asReset): Outcome => evaluate(of, cell, scope, `${path}.${String(place)}`, reset)
  if (kind === 'since') return evaluateSince(name, path, scope, nested(condition.trigger, 0, false), nested(condition.reset, 1, true))
  if (kind === 'not') {
    const of = nested(condition.of, 0)
    return { name, kind, value: !of.value, of: [of] }
  }
  if (kind === 'newlyTrue') return evaluateNewlyTrue(name, path, scope, nested(condition.of, 0))
  const of = condition.of.map((one, place) => nested(one, place))
  const value = kind === 'all' ? of.every((one) => one.value) : of.some((one) => one.value)
  return { name, kind, value, of, ...latestOf(value ? of.filter((one) => one.value) : []) }
}

function evaluateWindow(condition: Extract<Condition, { kind: 'latestWindow' }>, cell: Cell, { facts }: Scope): Outcome {
  const { kind, lookbackMs } = condition
  const name = nameOf(condition)
  const set = facts.sets.get(cell.asset)
  const latest = set === undefined || cell.partition === everyPartition ? undefined : latestWindowOf(set, lookbackMs)
  if (latest === undefined) return { name, kind, value: true }
  return { name, kind, value: latest.includes(cell.partition), why: latest.last === undefined ? 'there is no window yet' : `the latest is ${latest.last}` }
}

function evaluateCron(condition: Extract<Condition, { kind: 'cronTickPassed' }>, scope: Scope): Outcome {
  const { kind, cron, timeZone } = condition
  const at = scope.facts.lastTime(cron, timeZone)
  const value = !scope.initial && scope.facts.before !== undefined && at > scope.facts.before
  if (value) scope.momentary = scope.cronPassed = true
  return { name: nameOf(condition), kind, value, why: `the last time was ${moment(at)}`, ...(value ? { at } : {}) }
}

function evaluateNewlyTrue(name: string, path: string, scope: Scope, of: Outcome): Outcome {
  const value = of.value && scope.prior[path] !== true
  if (of.value) scope.next[path] = true
  if (value) scope.momentary = true
  return { name, kind: 'newlyTrue', value, of: [of], ...(value ? { at: of.at ?? scope.facts.now } : {}) }
}

function latestOf(outcomes: readonly Outcome[]): { at?: number } {
  const times = outcomes.flatMap(({ at }) => at ?? [])
  return times.length === 0 ? {} : { at: Math.max(...times) }
}

const notYet = 'it was not true yet'

function evaluateSince(name: string, path: string, scope: Scope, trigger: Outcome, reset: Outcome): Outcome {
  const known = scope.prior[path]
  let [triggered, handled] = Array.isArray(known) ? known : [null, null]
  if (trigger.value) triggered = Math.max(triggered ?? -Infinity, trigger.at ?? scope.facts.now)
  if (reset.value) handled = Math.max(handled ?? -Infinity, reset.at ?? scope.facts.now)
  if (triggered !== null || handled !== null) scope.next[path] = [triggered, handled]
  const value = triggered !== null && (handled === null || triggered > handled)
  const why = triggered === null ? notYet : value ? `true since ${moment(triggered)}` : handledWhen(triggered, handled ?? 0, scope)
  return { name, kind: 'since', value, why, of: [trigger, reset], ...(value && triggered !== null ? { at: triggered } : {}) }
}

/** What is so already at the first evaluation of a condition asks for nothing, and nothing has handled it. */
function handledWhen(triggered: number, handled: number, { firstAt }: Scope): string {
  if (handled === firstAt) return `true already when the condition was evaluated for the first time, at ${moment(handled)}`
  return `true at ${moment(triggered)}, handled at ${moment(handled)}`
}

function evaluateDeps(
  condition: Extract<Condition, { kind: 'anyDeps' | 'allDeps' }>,
  name: string,
  cell: Cell,
  scope: Scope,
  path: string,
  asReset: boolean,
): Outcome {
  const deps = (scope.facts.specs.get(cell.asset)?.deps ?? []).filter(
    (dep) => condition.only?.includes(dep) !== false && condition.ignore?.includes(dep) !== true,
  )
  const of = deps.map((dep) => ofCells(dep, cellsAbove(scope.facts, cell, dep), condition.of, scope, path, asReset))
  const value = condition.kind === 'allDeps' ? of.every((one) => one.value) : of.some((one) => one.value)
  return { name, kind: condition.kind, value, of, ...latestOf(of.filter((one) => one.value)), ...(deps.length === 0 ? { why: 'it hangs on nothing' } : {}) }
}

/** True where it is true of one of the cells. */
function ofCells(asset: string, cells: readonly Cell[], condition: Condition, scope: Scope, path: string, asReset: boolean): Outcome {
  const found = cells.map((one) => ({ one, outcome: evaluate(condition, one, scope, `${path}>${one.asset}|${one.partition}`, asReset) }))
  const right = found.filter(({ outcome }) => outcome.value)
  const shown = right[0] ?? found[0]
  const which = shown === undefined || shown.one.partition === '' || shown.one.partition === everyPartition ? '' : shown.one.partition
  const many =
    found.length > 1 ? `${String(right.length)} of ${String(found.length)} partitions${which === '' || right.length === 0 ? '' : `, as ${which}`}` : which
  const why = found.length === 0 ? 'it has no partition for it' : many
  return {
    name: asset,
    kind: 'dep',
    value: right.length > 0,
    ...(why === '' ? {} : { why }),
    ...(shown === undefined ? {} : { of: [shown.outcome] }),
    ...latestOf(right.map(({ outcome }) => outcome)),
  }
}

/** The cells of any asset of the location that stand for a cell. */
function cellsOf(asset: string, cell: Cell, { facts, rootDeps }: Scope): readonly Cell[] {
  if (asset === cell.asset || (rootDeps.includes(asset) && cell.asset !== asset)) return asset === cell.asset ? [cell] : cellsAbove(facts, cell, asset)
  const set = facts.sets.get(asset)
  if (set === undefined) return [{ asset, partition: '' }]
  return [{ asset, partition: set.indexOf(cell.partition) >= 0 ? cell.partition : everyPartition }]
}

/**
 * What decided an outcome, in a sentence's end: `anyDepsMissing: raw/orders: missing: never materialized; waits until it is materialized`.
 * @param holds whether it is told why nothing is asked for: then with what is waited for
 */
export function reasonOf(outcome: Outcome, holds = !outcome.value): string {
  const { kind, value, of = [], why } = outcome
  if (kind === 'since') {
    const [trigger] = of
    if (value && trigger?.value === true) return reasonOf(trigger, holds)
    const next = !holds || value ? '' : why === notYet ? '; waits for the first time' : '; waits for the next time'
    return `${trigger === undefined ? '' : eitherOf(trigger)}: ${why ?? ''}${next}`
  }
  const deciding = decidingOf(outcome)
  const below =
    deciding.length > 0 ? deciding.map((one) => reasonOf(one, holds)).join('; and ') : why === undefined ? why : `${why}${holds ? untilOf(outcome) : ''}`
  if (kind === 'dep') return [`${outcome.name}${why === undefined ? '' : ` (${why})`}`, ...(below === undefined || below === why ? [] : [below])].join(': ')
  // What has no name of its own says nothing that its parts do not say.
  const said = outcome.name.startsWith(`${kind}(`) && of.length > 0 ? [] : [outcome.name]
  return [...said, ...(below === undefined || below === '' ? [] : [below])].join(': ')
}

/** As many parts are told that stand in the way together. */
const mostTold = 2

/** Those of its parts that made an outcome what it is. */
function decidingOf({ kind, value, of = [] }: Outcome): readonly Outcome[] {
  if (kind === 'not' || kind === 'newlyTrue' || kind === 'asset') return of.slice(0, 1)
  const alike = of.filter((one) => one.value === value)
  const told = alike.some((one) => one.kind !== 'latestWindow') ? alike.filter((one) => one.kind !== 'latestWindow') : alike
  if (kind !== 'all' || value) return told.slice(0, 1)
  // All of them must come to be true. What is in the way goes first: that it goes is often what the others wait for.
  return [...told.filter((one) => one.kind === 'not'), ...told.filter((one) => one.kind !== 'not')].slice(0, mostTold)
}

/** `newlyMissing or anyDepsUpdated` */
const eitherOf = ({ kind, name, of = [] }: Outcome): string => (kind === 'any' && name.startsWith('any(') ? of.map((one) => one.name).join(' or ') : name)

/** What a part is waited for that has no parts itself and is in the way. */
function untilOf({ kind, value }: Outcome): string {
  if (kind === 'missing' && value) return '; waits until it is materialized'
  if ((kind === 'runInProgress' || kind === 'backfillInProgress') && value) return '; waits until it has ended'
  if (kind === 'cronTickPassed' && !value) return '; waits for the next time'
  return ''
}

import { cronTimes } from '../cron-times.ts'
import { DefinitionError } from '../definition-error.ts'
import { keyOf, referenceKind } from '../dependency.ts'
import type { AssetReference } from '../dependency.ts'
import { aNumber, aText, listOf } from '../option-kinds.ts'
import { refuseWrong, refuseWrongValue } from '../option-shape.ts'
import type { OptionShape } from '../option-shape.ts'
import { conditionKind, nameOf } from './condition.ts'
import type { Condition } from './condition.ts'

/** Which of the asset's dependencies are looked at: `only` these, or all but those to `ignore`. */
export interface DepsOptions {
  readonly only?: readonly AssetReference[]
  readonly ignore?: readonly AssetReference[]
}

/** Of windows of time only the latest is looked at, or those that end less than so many milliseconds before it does. */
export interface WindowOptions {
  readonly lookbackMs?: number
}

export interface CronOptions {
  /** Default UTC. */
  readonly timeZone?: string
}

const chosenDeps = listOf(referenceKind, "a list of assets or their keys, as ['shop/orders']")
const depsShape: OptionShape<DepsOptions> = { only: chosenDeps, ignore: chosenDeps }
const windowShape: OptionShape<WindowOptions> = { lookbackMs: aNumber }
const cronShape: OptionShape<CronOptions> = { timeZone: aText('Europe/Paris') }

/** @throws DefinitionError for what is no condition: eager, say, that was not called */
function parts<Of extends readonly Condition[]>(what: string, ...of: Of): Of {
  for (const one of of) refuseWrongValue(`What when.${what}() is handed`, one, conditionKind)
  return of
}

const all = (...of: readonly Condition[]): Condition => ({ kind: 'all', of: parts('all', ...of) })
const any = (...of: readonly Condition[]): Condition => ({ kind: 'any', of: parts('any', ...of) })
const not = (of: Condition): Condition => ({ kind: 'not', of: parts('not', of)[0] })
const newlyTrue = (of: Condition): Condition => ({ kind: 'newlyTrue', of: parts('newlyTrue', of)[0] })
function since(trigger: Condition, reset: Condition): Condition {
  parts('since', trigger, reset)
  return { kind: 'since', trigger, reset }
}

/** The same under a name of its own, by which it is shown. */
function label(name: string, condition: Condition): Condition {
  refuseWrongValue('The name that when.label() is handed', name, aText('handled'))
  parts('label', condition)
  return 'of' in condition || condition.kind === 'since' ? { ...condition, label: name } : { kind: 'all', label: name, of: [condition] }
}

const keysOf = ({ only, ignore }: DepsOptions) => ({
  ...(only === undefined ? {} : { only: only.map(keyOf) }),
  ...(ignore === undefined ? {} : { ignore: ignore.map(keyOf) }),
})
const windowOf = ({ lookbackMs }: WindowOptions): WindowOptions => (lookbackMs === undefined ? {} : { lookbackMs })
const zoneOf = ({ timeZone }: CronOptions): CronOptions => (timeZone === undefined ? {} : { timeZone })

function anyDepsMatch(of: Condition, deps: DepsOptions = {}): Condition {
  parts('anyDepsMatch', of)
  refuseWrong('A condition of any dependency', deps, depsShape)
  return { kind: 'anyDeps', of, ...keysOf(deps) }
}
function allDepsMatch(of: Condition, deps: DepsOptions = {}): Condition {
  parts('allDepsMatch', of)
  refuseWrong('A condition of all dependencies', deps, depsShape)
  return { kind: 'allDeps', of, ...keysOf(deps) }
}

const missing = (): Condition => ({ kind: 'missing' })
const newlyUpdated = (): Condition => ({ kind: 'newlyUpdated' })
const newlyRequested = (): Condition => ({ kind: 'newlyRequested' })
const willBeRequested = (): Condition => ({ kind: 'willBeRequested' })
const initialEvaluation = (): Condition => ({ kind: 'initialEvaluation' })
const inProgress = (): Condition => label('inProgress', any({ kind: 'runInProgress' }, { kind: 'backfillInProgress' }))
const newlyMissing = (): Condition => label('newlyMissing', newlyTrue(missing()))
const sinceLastHandled = (trigger: Condition): Condition => since(trigger, label('handled', any(newlyRequested(), newlyUpdated(), initialEvaluation())))

function inLatestTimeWindow(options: WindowOptions = {}): Condition {
  refuseWrong('A condition of the latest window', options, windowShape)
  const { lookbackMs } = options
  if (lookbackMs !== undefined && !(Number.isInteger(lookbackMs) && lookbackMs > 0))
    throw new DefinitionError(`The lookbackMs of a condition must be a whole number of milliseconds above 0, not ${String(lookbackMs)}.`)
  return { kind: 'latestWindow', ...(lookbackMs === undefined ? {} : { lookbackMs }) }
}

/** @throws DefinitionError for an expression or a time zone that is none */
function cronTickPassed(cron: string, options: CronOptions = {}): Condition {
  refuseWrongValue('The cron expression of a condition', cron, aText('0 6 * * *'))
  refuseWrong(`A condition of ${JSON.stringify(cron)}`, options, cronShape)
  const { timeZone = 'UTC' } = options
  try {
    Intl.DateTimeFormat('en', { timeZone })
  } catch {
    throw new DefinitionError(`There is no time zone ${JSON.stringify(timeZone)}, which a condition of ${JSON.stringify(cron)} names.`)
  }
  try {
    cronTimes([cron], timeZone).after(Date.now())
  } catch (error) {
    throw new DefinitionError(`${JSON.stringify(cron)} is no cron expression of a condition: ${error instanceof Error ? error.message : String(error)}.`)
  }
  return { kind: 'cronTickPassed', cron, timeZone }
}

const anyDepsUpdated = (deps?: DepsOptions): Condition =>
  label('anyDepsUpdated', anyDepsMatch(any(all(newlyUpdated(), not({ kind: 'updatedWithTarget' })), willBeRequested()), deps))
const anyDepsMissing = (deps?: DepsOptions): Condition => label('anyDepsMissing', anyDepsMatch(all(missing(), not(willBeRequested())), deps))
const anyDepsInProgress = (deps?: DepsOptions): Condition => label('anyDepsInProgress', anyDepsMatch(inProgress(), deps))
function allDepsUpdatedSinceCron(cron: string, options: CronOptions & DepsOptions = {}): Condition {
  refuseWrong(`A condition of ${JSON.stringify(cron)}`, options, { ...cronShape, ...depsShape })
  return label(
    `allDepsUpdatedSinceCron(${cron}, ${options.timeZone ?? 'UTC'})`,
    allDepsMatch(any(since(newlyUpdated(), cronTickPassed(cron, zoneOf(options))), willBeRequested()), keysOf(options)),
  )
}

/**
 * Starts an asset when something that it is made from was updated, and a partition when it comes into being or is wiped; not while a dependency is missing or being
 * made, nor while it is being made itself.
 */
export function eager(options: DepsOptions & WindowOptions = {}): Condition {
  refuseWrong('eager()', options, { ...depsShape, ...windowShape })
  const deps = keysOf(options)
  return label(
    'eager',
    all(
      inLatestTimeWindow(windowOf(options)),
      sinceLastHandled(any(newlyMissing(), anyDepsUpdated(deps))),
      not(anyDepsMissing(deps)),
      not(anyDepsInProgress(deps)),
      not(inProgress()),
    ),
  )
}

/**
 * Starts an asset once after each time of a cron expression, when all that it is made from was updated since that time.
 * @throws DefinitionError for an expression or a time zone that is none
 */
export function onCron(cron: string, options: CronOptions & DepsOptions & WindowOptions = {}): Condition {
  refuseWrong(`onCron(${JSON.stringify(cron)})`, options, { ...cronShape, ...depsShape, ...windowShape })
  const zone = zoneOf(options)
  return label(
    `onCron(${cron}, ${options.timeZone ?? 'UTC'})`,
    all(inLatestTimeWindow(windowOf(options)), sinceLastHandled(cronTickPassed(cron, zone)), allDepsUpdatedSinceCron(cron, { ...zone, ...keysOf(options) })),
  )
}

/** Makes what comes to be missing after the condition was set: a new partition, or what was wiped; not while a dependency is missing. */
export function onMissing(options: DepsOptions & WindowOptions = {}): Condition {
  refuseWrong('onMissing()', options, { ...depsShape, ...windowShape })
  return label('onMissing', all(inLatestTimeWindow(windowOf(options)), sinceLastHandled(newlyMissing()), not(anyDepsMissing(keysOf(options)))))
}

/** A condition without those of its parts that are equal to one: `when.without(eager(), when.anyDepsMissing())`, also where it is negated. */
function without(condition: Condition, part: Condition): Condition {
  parts('without', condition, part)
  const [gone, negated] = [JSON.stringify(part), JSON.stringify(not(part))]
  if (condition.kind !== 'all' && condition.kind !== 'any')
    throw new DefinitionError('Only what is joined by when.all(…) or when.any(…) has parts to leave out.')
  const of = condition.of.filter((one) => ![gone, negated].includes(JSON.stringify(one)))
  if (of.length === condition.of.length || of.length === 0) throw new DefinitionError('when.without(…) names no part of its condition, or the only one.')
  return { ...condition, of, ...(condition.label === undefined ? {} : { label: `${condition.label} without ${nameOf(part)}` }) }
}

/** What conditions are made of. Each of them is asked of an asset or, where it has partitions, of one partition. */
export const when = {
  /** All of them are true. */
  all,
  /** At least one is true. */
  any,
  not,
  /** The first was true after the second was true last. An update, as the second, counts from when it began: what came while it was made came after. */
  since,
  /** It is true, and was not at the evaluation before. */
  newlyTrue,
  /** It was true after the asset was last asked for or updated, and after the condition was set. */
  sinceLastHandled,
  label,
  without,
  /** True of at least one dependency (of partitions: of one of those that it is made from). */
  anyDepsMatch,
  /** True of each dependency. */
  allDepsMatch,
  /** True of another asset of the location. */
  asset(reference: AssetReference, of: Condition): Condition {
    refuseWrongValue('What when.asset() is handed', reference, referenceKind)
    return { kind: 'asset', key: keyOf(reference), of: parts('asset', of)[0] }
  },
  /** It was never materialized, or was wiped. */
  missing,
  newlyMissing,
  /** A run, or a backfill, that makes it is queued or under way. */
  inProgress,
  runInProgress: (): Condition => ({ kind: 'runInProgress' }),
  backfillInProgress: (): Condition => ({ kind: 'backfillInProgress' }),
  /** The last try to make it failed. */
  executionFailed: (): Condition => ({ kind: 'executionFailed' }),
  /** It was materialized since the evaluation before. */
  newlyUpdated,
  /** The evaluation before asked for it. */
  newlyRequested,
  /** This evaluation asks for it, in a run that could make the asset of the condition too. */
  willBeRequested,
  /** Its `codeVersion` is another than at the evaluation before. */
  codeVersionChanged: (): Condition => ({ kind: 'codeVersionChanged' }),
  /** It is the first evaluation of this condition. */
  initialEvaluation,
  inLatestTimeWindow,
  cronTickPassed,
  anyDepsUpdated,
  anyDepsMissing,
  anyDepsInProgress,
  allDepsUpdatedSinceCron,
} as const

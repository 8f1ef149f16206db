import type { CheckOutcome } from '../definitions/check-outcome.ts'
import type { FunctionAsset, Output } from '../definitions/function-asset.ts'
import type { CheckAnswer, CheckContext, CheckReport, FunctionCheck } from '../definitions/function-check.ts'
import type { JsonObject } from '../definitions/json.ts'
import { unmistakable } from '../definitions/metadata/fields.ts'
import { isMade } from '../definitions/metadata/made.ts'
import { MillraceError } from '../errors.ts'
import { createStepSignal } from './step-signal.ts'

/** What the checks of one value have in common. */
export interface CheckedValue {
  readonly asset: Pick<FunctionAsset, 'key' | 'checks'>
  readonly partition: string | undefined
  readonly answer: Output<unknown>
  readonly runId: string
  readonly log: (message: string, fields: JsonObject) => void
  readonly signal: AbortSignal
}

/**
 * Runs a function asset's checks on the value it answered, all at once, and takes in what it reported itself. A check that throws, takes too
 * long or answers no result is a check that failed. Rejects only when the step is to stop.
 */
export async function checkAnswer(checked: CheckedValue): Promise<CheckOutcome[]> {
  const { asset, answer } = checked
  const reports = reportsOf(answer.checks)
  const declared = await Promise.all(asset.checks.map((check) => runCheck(checked, check, reports.get(check.name))))
  const others = [...reports.values()].filter(({ name }) => !asset.checks.some((check) => check.name === name))
  return [...declared, ...others.map((report) => outcomeOf({ name: report.name, blocking: false }, report))]
}

/** By their names; where one was reported several times, it passed if it passed each time. */
function reportsOf(reported: readonly CheckReport[]): Map<string, CheckReport> {
  const reports = new Map<string, CheckReport>()
  for (const report of reported) {
    const name = typeof report.name === 'string' && report.name !== '' ? report.name : 'unnamed'
    if (reports.get(name)?.passed !== false) reports.set(name, { ...report, name })
  }
  return reports
}

type Settings = Pick<CheckOutcome, 'name' | 'blocking' | 'severity'>

async function runCheck(checked: CheckedValue, check: FunctionCheck<never>, report: CheckReport | undefined): Promise<CheckOutcome> {
  const { name, blocking, severity, run } = check
  const settings = { name, blocking, ...(severity === undefined ? {} : { severity }) }
  if (run === undefined) {
    return report === undefined
      ? failure(settings, 'the function did not report it.')
      : // What the asset declares of it holds, whatever the report says.
        outcomeOf(settings, {
          passed: report.passed,
          ...(report.message === undefined ? {} : { message: report.message }),
          ...(report.metadata === undefined ? {} : { metadata: report.metadata }),
        })
  }
  if (report !== undefined) return failure(settings, 'the function reported it, and the asset has a function for it: leave one of the two out.')
  return callCheck(checked, check, run, settings)
}

async function callCheck(
  { asset, partition, answer, runId, log, signal: outer }: CheckedValue,
  { name, timeoutMs }: FunctionCheck<never>,
  run: NonNullable<FunctionCheck<never>['run']>,
  settings: Settings,
): Promise<CheckOutcome> {
  const stop = createStepSignal(outer, timeoutMs, () => new MillraceError(`it took longer than ${String(timeoutMs / 1000)} s.`, { code: 'CHECK_TIMEOUT' }))
  const context: CheckContext = {
    value: answer.value,
    asset: asset.key,
    partition,
    runId,
    signal: stop.signal,
    log: (message, fields = {}) => log(message, { check: name, ...fields }),
  }
  try {
    return outcomeOf(settings, await stop.until(async () => run(context as CheckContext<never>)))
  } catch (error) {
    // The step is canceled, or took too long itself: that is no result of a check.
    if (outer.aborted) throw error
    if (error instanceof MillraceError && error.code === 'CHECK_TIMEOUT') return failure(settings, error.message)
    const { name: kind, message } = error instanceof Error ? error : { name: 'Error', message: String(error) }
    return failure(settings, `it threw ${kind}: ${message}`, { error: { name: kind, message } })
  } finally {
    stop.end()
  }
}

const failure = (settings: Settings, message: string, metadata: JsonObject = {}): CheckOutcome => ({ ...settings, passed: false, message, metadata })

/** An answer as a result. User code is not always typed, so nothing of it is taken on trust. */
function outcomeOf(settings: Settings, answer: CheckAnswer & Partial<CheckReport>): CheckOutcome {
  const given: Readonly<Partial<Record<keyof CheckReport, unknown>>> = typeof answer === 'object' && answer !== null ? answer : {}
  const { passed, message, metadata, blocking = settings.blocking, severity = settings.severity } = given
  if (typeof passed !== 'boolean') {
    return failure(settings, `it answered ${shown(answer)}, and not { passed: true } or { passed: false }.`)
  }
  const kept = keptMetadata(metadata)
  const text = typeof message === 'string' && message !== '' ? message : passed ? 'it passed.' : 'it gave no reason.'
  const warns = severity === 'warn'
  return {
    ...settings,
    blocking: blocking === true && !warns,
    ...(warns ? { severity: 'warn' as const } : {}),
    passed,
    message: text,
    ...(kept === undefined ? {} : { metadata: kept }),
  }
}

function shown(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, 100)
  } catch {
    return 'what JSON cannot say'
  }
}

const mostMetadata = 32 * 1024

function keptMetadata(metadata: unknown): JsonObject | undefined {
  if (metadata === undefined) return undefined
  try {
    const text = JSON.stringify(metadata, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))
    if (text.length > mostMetadata)
      return { omitted: `The metadata has ${String(text.length)} characters of JSON, more than the ${String(mostMetadata)} that are kept.` }
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return kindsKept(metadata as Readonly<Record<string, unknown>>, value as JsonObject)
    return { omitted: 'The metadata is no object.' }
  } catch (error) {
    return { omitted: `The metadata cannot be stored as JSON: ${String(error)}` }
  }
}

/** Values of `metadata.…` as they are; no other is taken for one. */
function kindsKept(given: Readonly<Record<string, unknown>>, plain: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(plain).map(([name, value]) => [name, isMade(given[name]) ? value : unmistakable(value)]))
}

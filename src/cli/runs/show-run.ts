import type { Wait } from '../../api/wait.ts'
import type { CheckResultRead } from '../../catalog/read/assets.ts'
import type { EventRead } from '../../catalog/read/events.ts'
import type { RunRead } from '../../catalog/read/runs.ts'
import type { StepRead } from '../../catalog/read/steps.ts'
import { checkStateOf } from '../../definitions/check-outcome.ts'
import { moment } from '../../definitions/moment.ts'
import { isSecretKey, redact, redacted } from '../../redact.ts'
import { count, describePartitions, duration } from '../../ui/format.ts'
import { harmless } from '../argument.ts'
import { metadataLines } from '../assets/metadata-lines.ts'
import { describeFailure } from '../describe-failure.ts'
import { formatTable } from '../table-output.ts'

/** A step, and why it does not go on. */
type ShownStep = Omit<StepRead, 'spoolWait'> & { readonly waitsFor: Wait | null }

export interface ShownRun {
  readonly run: RunRead
  /** Why it is still in the queue. */
  readonly waitsFor: Wait | null
  readonly steps: readonly ShownStep[]
  readonly checks: readonly CheckResultRead[]
  /** What it did to its tables, and what they did not take. */
  readonly schema: readonly EventRead[]
}

/** A run as `runs show` prints it. */
export function describeRun({ run, waitsFor, steps, checks, schema }: ShownRun, now: number): string {
  const facts = [
    ['Run', run.id],
    ...(run.job === null ? [] : [['Job', run.job]]),
    ['Status', `${run.status}${run.endedAt === null ? '' : `, ${moment(run.endedAt)}`}`],
    ['Location', `${run.location} (version ${run.version})`],
    ['Launched', `${moment(run.createdAt)} by ${run.launchedBy}`],
    ['Took', `${duration(run.createdAt, run.endedAt, now)}${run.endedAt === null ? ' so far' : ''}`],
    ['Rows', count(run.rows)],
    ...(run.partitions === null ? [] : [['Partitions', describePartitions(run.partitions)]]),
    ...(run.priority === 0 ? [] : [['Priority', String(run.priority)]]),
    ...(run.retries === 0 ? [] : [['Retries', `${String(run.retried)} of ${String(run.retries)}`]]),
    ...(run.retriedBy === null ? [] : [['Next', `tried again by the run ${run.retriedBy}`]]),
    ...(waitsFor === null ? [] : [['Waits', waitsFor.message]]),
    ...(run.error === null ? [] : [['Error', run.error.message]]),
    ...(run.cancelRequestedAt === null ? [] : [['Cancel', `asked for ${moment(run.cancelRequestedAt)}`]]),
    ...(Object.keys(run.config).length === 0 ? [] : [['Config', JSON.stringify(redact(run.config))]]),
    ...(Object.keys(run.tags).length === 0
      ? []
      : [
          [
            'Tags',
            Object.entries(run.tags)
              .map(([name, value]) => `${name}=${value}`)
              .join(', '),
          ],
        ]),
  ]
  const parts = [facts.map(([name = '', value = '']) => `${name.padEnd(10)} ${harmless(value)}\n`).join(''), stepTable(steps, now)]
  const waits = waitsFor !== null ? [] : steps.flatMap((step) => (step.waitsFor === null ? [] : [`${step.asset}: ${harmless(step.waitsFor.message)}\n`]))
  if (waits.length > 0) parts.push(waits.join(''))
  const skipped = steps.flatMap((step) => (step.skippedBecause === null ? [] : [`${step.asset}: skipped ${harmless(step.skippedBecause)}\n`]))
  if (skipped.length > 0) parts.push(skipped.join(''))
  parts.push(...steps.flatMap(metadataText))
  if (checks.length > 0) parts.push(checkTable(checks))
  if (schema.length > 0) parts.push(schema.map(schemaText).join(''))
  const errors = steps.flatMap((step) => (step.error === null ? [] : [`${step.asset}\n${harmless(describeFailure(step.error))}\n`]))
  return [...parts, ...errors].join('\n')
}

/** What a step said of what it made; how long it took stands in the table. */
function metadataText({ asset, metadata }: ShownStep): string[] {
  const entries = Object.entries(metadata ?? {}).filter(([name]) => name !== 'seconds')
  if (entries.length === 0) return []
  return [`${asset}\n${entries.map(([name, value]) => metadataLines(name, isSecretKey(name) ? redacted : redact(value))).join('')}`]
}

function schemaText({ message, data }: EventRead): string {
  const { ddl } = data
  const statements = Array.isArray(ddl) ? ddl.filter((one) => typeof one === 'string').map((one) => `  ${one.replaceAll('\n', '\n  ')};\n`) : []
  return harmless(`${message}\n${statements.join('')}`)
}

function stepTable(steps: readonly ShownStep[], now: number): string {
  const columns = [
    { name: 'step' },
    { name: 'status' },
    { name: 'attempt', align: 'right' as const },
    { name: 'rows', align: 'right' as const },
    { name: 'batches', align: 'right' as const },
    { name: 'took', align: 'right' as const },
  ]
  return formatTable(
    columns,
    steps.map((step) => [
      step.asset,
      step.status,
      String(step.attempt),
      step.startedAt === null ? '' : `${count(step.rows)}${step.quarantined === 0 ? '' : `, ${count(step.quarantined)} in quarantine`}`,
      step.recorded === 0 ? '' : `${count(step.loaded)}/${count(step.recorded)}`,
      duration(step.startedAt, step.endedAt, now),
    ]),
  )
}

function checkTable(checks: readonly CheckResultRead[]): string {
  return formatTable(
    [{ name: 'check' }, { name: 'asset' }, { name: 'result' }, { name: 'message' }],
    checks.map((check) => [check.name, check.asset, `${checkStateOf(check)}${!check.passed && check.blocking ? ', blocking' : ''}`, check.message]),
  )
}

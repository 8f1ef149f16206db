import { isFailedSince } from '../../api/assets.ts'
import type { Asset } from '../../api/assets.ts'
import type { AutomatedState } from '../../api/automation-state.ts'
import { checksOf } from '../../api/check-result.ts'
import type { AssetCheck, CheckResult } from '../../api/check-result.ts'
import type { CheckResultRead, MaterializationRead, ObservationRead } from '../../catalog/read/assets.ts'
import type { Freshness } from '../../catalog/freshness.ts'
import { describeFreshness } from '../../definitions/freshness.ts'
import type { AssetSpec } from '../../definitions/manifest.ts'
import { moment } from '../../definitions/moment.ts'
import { redact } from '../../redact.ts'
import { count } from '../../ui/format.ts'
import { harmless } from '../argument.ts'
import { formatTable, shortened } from '../table-output.ts'
import { metadataLines } from './metadata-lines.ts'

/** An asset as its manifest defines it, and what it was last. */
export interface AssetView {
  readonly location: string
  readonly spec: AssetSpec
  readonly last: MaterializationRead | null
  readonly seen: ObservationRead | null
  readonly checks: readonly CheckResultRead[]
  /** Undefined where it has no policy. */
  readonly freshness: Freshness | undefined
  /** When it was to be made last and was not; null where that never happened. */
  readonly failed: Asset['lastFailure']
  /** Undefined where it has no condition. */
  readonly automation: AutomatedState | undefined
}

/** Whether it was to be made since it was materialized last, and was not. */
export const isFailed = ({ last, failed }: AssetView): boolean =>
  isFailedSince({ lastFailure: failed, lastMaterialization: last === null ? null : { at: last.materializedAt, runId: last.runId } })

type InPostgres = Extract<AssetSpec, { kind: 'table' | 'sql' }>

export const isStored = (spec: AssetSpec): spec is InPostgres => spec.kind === 'table' || spec.kind === 'sql'

/** `schema.name` */
export function tableOf(spec: InPostgres): string {
  return spec.kind === 'table' ? `${spec.table.schema}.${spec.table.name}` : `${spec.schema}.${spec.name}`
}

/** The rows of the last materialization, where it counted them. */
export function rowsOf(last: MaterializationRead | null): number | null {
  const rows = last?.metadata['rows']
  return typeof rows === 'number' ? rows : null
}

/** An asset as `assets show` prints it. */
export function describeAsset(asset: AssetView, downstream: readonly string[]): string {
  const { location, spec, last, seen, checks, freshness, failed, automation } = asset
  const rows = rowsOf(last)
  const facts: [string, string][] = [
    ['Asset', spec.key],
    ...(spec.description === undefined ? [] : [['', spec.description] satisfies [string, string]]),
    ['Kind', kindOf(spec)],
    ['Location', location],
    ...factsOf(spec),
    ...(isStored(spec)
      ? [['Table', `${tableOf(spec)}${spec.destination === undefined ? '' : `, in ${spec.destination.name}`}`] satisfies [string, string]]
      : inputsOf(spec)),
    ['Upstream', spec.deps.join(', ') || 'none'],
    ['Downstream', downstream.join(', ') || 'none'],
    [
      'Last',
      last === null
        ? 'never materialized'
        : `${moment(last.materializedAt)}${rows === null ? '' : `, ${count(rows)} rows`}${last.runId === null ? '' : `, run ${last.runId}`}`,
    ],
    ...(failed === null ? [] : [['Failed', failureText(failed, isFailed(asset), spec.key)] satisfies [string, string]]),
    ...(seen === null ? [] : [['Seen', moment(seen.observedAt)] satisfies [string, string]]),
    ...(freshness === undefined ? [] : [['Freshness', freshnessText(freshness)] satisfies [string, string]]),
    ...(automation === undefined
      ? []
      : [['Automation', `${automation.message} \`millrace automation show ${spec.key}\` tells more.`] satisfies [string, string]]),
  ]
  const parts = [facts.map(([name, value]) => `${name.padEnd(10)} ${harmless(value)}\n`).join('')]
  if (spec.kind === 'table') parts.push(columnTable(spec.table.columns, spec.table.primaryKey))
  if (spec.kind === 'sql') parts.push(`${harmless(spec.select.trim())}\n`)
  if ('configSchema' in spec && spec.configSchema !== undefined) parts.push(`Run configuration\n${JSON.stringify(spec.configSchema, null, 2)}\n`)
  const all = checksOf(spec.checks, checks, last?.runId)
  if (all.length > 0) parts.push(checkTable(all))
  const told = [
    { what: 'Metadata', fields: spec.metadata },
    { what: 'Metadata of the last materialization', fields: last?.metadata },
    { what: 'Metadata of the last observation', fields: seen?.metadata },
  ]
  for (const { what, fields = {} } of told) {
    const entries = Object.entries(Object(redact(fields)) as Record<string, unknown>).filter(([name]) => !isStored(spec) || name !== 'preview')
    if (entries.length > 0) parts.push(`${what}\n${entries.map(([name, value]) => metadataLines(name, value)).join('')}`)
  }
  return parts.join('\n')
}

/** `2026-11-22 10:00:00 UTC, run 3f2a…: The shop answered 503.` */
function failureText({ at, runId, step, error }: NonNullable<Asset['lastFailure']>, since: boolean, key: string): string {
  return `${moment(at)}, run ${runId}${since ? '' : ' (it was materialized since)'}${step === key ? '' : `, ${step}`}${error === null ? '' : `: ${error.message}`}`
}

/** `overdue since 2026-11-22 10:00:00 UTC (within 26 hours); there is no 2026-11-21` */
function freshnessText({ policy, state, since, changesAt, missing }: Freshness): string {
  const next = changesAt === undefined || state === 'overdue' ? '' : `, until ${moment(changesAt.toISOString())} if nothing is materialized`
  return `${state} since ${moment(since.toISOString())} (${describeFreshness(policy)})${next}${missing.length === 0 ? '' : `; there is no ${missing.join(', ')}`}`
}

function kindOf(spec: AssetSpec): string {
  if (spec.kind === 'table') return `table asset, ${spec.table.disposition}`
  if (spec.kind === 'external') return 'external asset, made by something else'
  if (spec.kind === 'sql') return `SQL asset, ${spec.store.kind}`
  return spec.madeBy === undefined ? 'function asset' : `function asset, made by ${spec.madeBy.name}${spec.madeBy.subset ? '' : ' together with others'}`
}

/** What its definition says of it; nothing where it says nothing. */
function factsOf({ group, owners = [], kinds = [], tags, codeVersion }: AssetSpec): [string, string][] {
  const told: [string, string][] = [
    ['Group', group ?? ''],
    ['Owners', owners.join(', ')],
    ['Kinds', kinds.join(', ')],
    [
      'Tags',
      Object.entries(tags)
        .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
        .join(', '),
    ],
    ['Code', codeVersion ?? ''],
  ]
  return told.filter(([, value]) => value !== '')
}

function inputsOf(spec: AssetSpec): [string, string][] {
  const named = spec.kind === 'function' ? Object.entries(spec.inputs).map(([name, key]) => `${name} = ${key}`) : []
  return named.length === 0 ? [] : [['Inputs', named.join(', ')]]
}

type Columns = Extract<AssetSpec, { kind: 'table' }>['table']['columns']

function columnTable(columns: Columns, primaryKey: readonly string[]): string {
  return formatTable(
    [{ name: 'column' }, { name: 'type' }, { name: 'null' }, { name: 'description' }],
    columns.map((column) => [
      column.name,
      `${column.type}${column.array ? '[]' : ''}${primaryKey.includes(column.name) ? ', primary key' : ''}${column.allowed === undefined ? '' : `: ${column.allowed.join(' | ')}`}`,
      column.nullable ? 'allowed' : 'no',
      column.description ?? '',
    ]),
  )
}

function checkTable(checks: readonly AssetCheck[]): string {
  return formatTable(
    [{ name: 'check' }, { name: 'blocking' }, { name: 'last result' }, { name: 'message' }],
    checks.map(({ name, blocking, state, last }) => [
      name,
      blocking ? 'yes' : 'no',
      last === null ? state : `${state}, ${moment(last.at)}`,
      last === null ? '' : `${harmless(last.message)}${foundText(last.metadata)}`,
    ]),
  )
}

/** What a check found, on the same line: examples are the first that one looks for. */
function foundText({ examples }: CheckResult['metadata']): string {
  return Array.isArray(examples) && examples.length > 0 ? ` Examples: ${shortened(harmless(JSON.stringify(examples)), 300)}` : ''
}

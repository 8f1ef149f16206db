import { takeForRedriving, takenRecords } from '../catalog/quarantine.ts'
import type { KeptFormat, TakenRecord } from '../catalog/quarantine.ts'
import type { ClaimedStep } from '../catalog/claims.ts'
import type { TableSpec } from '../definitions/column-spec.ts'
import type { TableAssetSpec } from '../definitions/manifest.ts'
import type { Page, RawPage } from '../definitions/page.ts'
import type { WorkerContext } from './context.ts'
import { pageOfLine } from './line-page.ts'
import { untag } from './tagged-json.ts'

const pageRecords = 500

/** An asset as a redriving has it: its rows join what is in the table, and what still does not fit is kept anew, however much it is. */
export function redriveSpecOf(spec: TableAssetSpec): TableAssetSpec {
  const { eachBatch: _, by: __, ...table } = spec.table
  return { ...spec, quarantine: {}, table: { ...table, ...joining(table) } }
}

function joining({ disposition, primaryKey, scd2 }: TableSpec): Partial<TableSpec> {
  if (disposition === 'replace') return primaryKey.length === 0 ? { disposition: 'append' } : { disposition: 'merge', merge: {} }
  return scd2 === undefined ? {} : { scd2: { ...scd2, missing: 'keep' } }
}

/** The records that a step takes from quarantine, as pages. Of a table that is replaced only those of the run that it shows. */
export async function* quarantinedPages(context: WorkerContext, claimed: ClaimedStep, { table }: TableAssetSpec): AsyncGenerator<Page, void, undefined> {
  const { stepId, location, asset } = claimed
  await takeForRedriving(context.pool, { stepId, location, asset, newestRunOnly: table.disposition === 'replace' })
  for (let after = '0'; ;) {
    const taken = await takenRecords(context.pool, stepId, after, pageRecords)
    for (const group of groupsOf(taken)) yield pageOf(group)
    const last = taken.at(-1)
    if (last === undefined) return
    after = last.id
  }
}

/** Runs of records that came from alike pages. A line that is no record stands alone. */
function groupsOf(taken: readonly TakenRecord[]): TakenRecord[][] {
  const groups: TakenRecord[][] = []
  for (const one of taken) {
    const last = groups.at(-1)
    const [first] = last ?? []
    if (last !== undefined && first !== undefined && areAlike(first, one)) last.push(one)
    else groups.push([one])
  }
  return groups
}

function areAlike(one: TakenRecord, other: TakenRecord): boolean {
  return one.format === null && other.format === null && one.tagged === other.tagged && JSON.stringify(one.page) === JSON.stringify(other.page)
}

function pageOf(group: readonly TakenRecord[]): Page {
  const [first] = group
  const extra = first?.page === null || first === undefined ? {} : { extra: first.page }
  if (first !== undefined && first.format !== null) {
    return { ...lineOf(first.record, first.format), ...extra }
  }
  if (first?.tagged === true) return { records: group.map(({ record }) => untag(JSON.parse(record))), ...extra }
  return { body: `[${group.map(({ record }) => record).join(',')}]`, format: { kind: 'json' }, ...extra }
}

function lineOf(record: string, format: KeptFormat): RawPage {
  const kept = JSON.parse(record) as unknown
  if (format.kind !== 'bytes') return pageOfLine(String(kept), format)
  return pageOfLine(Buffer.from((kept as { readonly base64: string }).base64, 'base64'), format.of)
}

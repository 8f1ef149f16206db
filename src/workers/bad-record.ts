import type { BadRecord } from '../catalog/quarantine.ts'
import { DataError, storableText } from '../errors.ts'
import type { RecordFault } from '../sources/formats/record-fault.ts'
import type { ColumnIssue } from '../warehouse/encoder/row-encoder.ts'
import type { PageFrame } from './batch-file.ts'
import { recordJson } from './record-json.ts'
import { pageOfRecords } from './tagged-json.ts'
import type { OwnAsset } from './versions.ts'

/**
 * A record that somebody is about to change, as it came. A flat one is copied: that costs little, and each is asked of; of others the page is
 * read once more, if ever one is bad.
 */
export function copyBefore(record: unknown, readAgain: (() => unknown) | undefined): () => unknown {
  if (typeof record !== 'object' || record === null) return () => record
  if (!Array.isArray(record) && isFlat(record)) {
    const copy = { ...record }
    return () => copy
  }
  if (readAgain !== undefined) return readAgain
  const copy = cloneOf(record)
  return () => copy
}

function cloneOf(record: object): object {
  try {
    return structuredClone(record)
  } catch {
    // What cannot be copied (it nests too deep, for one) is kept as it is by then.
    return record
  }
}

function isFlat(record: object): boolean {
  for (const value of Object.values(record)) if (typeof value === 'object' && value !== null) return false
  return true
}

/** A record as quarantine keeps it. What came as JSON stays the JSON that it was; records of other formats may hold what JSON cannot say. */
export function keptRecord(record: unknown, { format, tagged }: PageFrame): Pick<BadRecord, 'record' | 'tagged'> {
  if (format.kind !== 'parquet' && format.kind !== 'pgcopy') return { record: recordJson(record), tagged }
  const page = pageOfRecords([record])
  return { record: page.body.slice(1, -1), tagged: page.tagged }
}

/** A line, row or element that is no record, as quarantine keeps it. */
export function keptLine(
  fault: RecordFault,
  { extra, format, firstLine = 1 }: PageFrame,
  { index, page, problem }: { readonly index: number; readonly page: string; readonly problem: string | undefined },
): BadRecord {
  const place = fault.place ?? `line ${String(firstLine + fault.line)}`
  const issues = [{ column: '(line)', message: storableText(fault.error.message), value: '' }]
  if (problem !== undefined) issues.push({ column: '(repairLine)', message: storableText(problem), value: '' })
  const of = fault.format ?? format
  const { text, bytes } = fault
  const kept =
    bytes === undefined
      ? { record: text, format: of }
      : { record: { text, base64: Buffer.from(bytes).toString('base64') }, format: { kind: 'bytes', of } as const }
  return { index, place: `${place} of ${page}`, tagged: false, page: extra, issues, record: JSON.stringify(kept.record), format: kept.format }
}

export function isFrozen(where: string, own: OwnAsset, issues: readonly ColumnIssue[]): DataError {
  const fields = issues.filter((issue) => issue.frozen === true).map((issue) => `${issue.column} (${issue.value})`)
  return new DataError(`${where} carries fields that the columns of ${own.asset.key} do not have, and its schema is frozen: ${fields.join(', ')}.`, {
    code: 'SCHEMA_FROZEN',
    hint: 'Give the asset the columns, leave the fields out in its transform, or let `unknownFields` of its `schemaContract` evolve. Nothing of this run was published.',
  })
}

export function doesNotFit(where: string, own: OwnAsset, issues: readonly ColumnIssue[]): DataError {
  const said = issues.map((issue) => `${issue.column}: ${issue.message}${issue.value === '' ? '' : ` (it is ${issue.value})`}`).join('; ')
  return new DataError(`${where} does not fit its table. ${said}.`, {
    code: 'RECORD_INVALID',
    hint: `Mend the source, or let the transform or the columns of ${own.asset.key} take it. Nothing of this run was published.`,
  })
}

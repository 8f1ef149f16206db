import type { BadRecord } from '../catalog/quarantine.ts'
import type { Json, JsonObject } from '../definitions/json.ts'
import type { Page } from '../definitions/page.ts'
import type { TableAsset } from '../definitions/table.ts'
import type { ColumnIssue, RowEncoder } from '../warehouse/encoder/row-encoder.ts'
import { anything } from '../definitions/option-kinds.ts'
import type { OptionShape } from '../definitions/option-shape.ts'
import { createBatchCutter } from '../workers/batch-cutter.ts'
import { encodeRecords } from '../workers/encode-records.ts'
import { borrowEncoder } from '../workers/encoders.ts'
import { untag } from '../workers/tagged-json.ts'
import { once } from './attempt.ts'
import { configOf, specsOf } from './known-assets.ts'
import { refuseOther, refuseWrong, testShape } from './refuse-wrong.ts'
import { withTestBed } from './test-bed.ts'
import type { TestOptions } from './test-bed.ts'

/** As a worker has it by default. */
const maxRecordBytes = 16 << 20

export interface TransformRecordsOptions extends Pick<TestOptions, 'config' | 'clock' | 'signal'> {
  /** What the page of the records hands to the transform as `page`. */
  readonly page?: Json
}

const shape: OptionShape<TransformRecordsOptions> = { config: testShape.config, clock: testShape.clock, signal: testShape.signal, page: anything('JSON') }

/** A record that goes to quarantine, and why. */
export interface QuarantinedRecord {
  /** As it came; a line that is no record as text. */
  readonly record: unknown
  /** Where it was, as a person finds it. */
  readonly place: string
  /** Every column that is wrong. */
  readonly issues: readonly ColumnIssue[]
}

export interface TransformedRecords {
  /** By the names of the columns, with the values that zod made of them; NULL is null. */
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  readonly quarantined: readonly QuarantinedRecord[]
  /** Records of which the transform made no row. */
  readonly filtered: number
}

/**
 * Sends records, or a page as an extractor yields it, through a table asset's transform, its columns and its encoder: what would be loaded, and what would go to quarantine.
 * Checks of the table and what quarantine allows at most are asked in Postgres, and not here.
 * @throws DataError `RECORD_INVALID` for the first record that does not fit, where the asset has no quarantine; what its transform throws then; MillraceError `CONFIG_INVALID`, `TEST_OPTIONS`
 */
export async function transformRecords(asset: TableAsset, records: Page, options: TransformRecordsOptions = {}): Promise<TransformedRecords> {
  refuseOther('transformRecords()', asset, 'a table, as table({ … }) answers it', 'table')
  refuseWrong('transformRecords()', options, shape)
  const { page } = options
  const config = configOf([asset], options.config)
  const [spec] = specsOf([asset])
  if (spec?.kind !== 'table') throw new TypeError(`${asset.key} is no table.`)
  return withTestBed(options, {}, async (bed) => {
    const own = { asset, spec, version: 'test' }
    const { encoder, rows } = recordingEncoder(borrowEncoder(own, []))
    const counts = { records: 0, filtered: 0 }
    const bad: BadRecord[] = []
    const claimed = { asset: asset.key, ordinal: 0, config, runId: bed.runId, runStartedAt: bed.runStartedAt }
    const raw = rawBytesOf(page === undefined ? records : { records: recordsOf(records), extra: page })
    const tooLong = (): Error => new Error(`The transform of ${asset.key} took too long.`)
    await once(bed, { timeoutMs: asset.timeoutMs, tooLong }, ({ signal, until }) =>
      until(() =>
        encodeRecords(raw, {
          limits: { maxRecordBytes },
          claimed,
          own,
          encoder,
          counts,
          tolerant: asset.quarantine !== undefined,
          bad,
          refused: [],
          // Tuples that would go through as they are cannot be shown.
          limited: true,
          signal,
          chunks: [],
        }),
      ),
    )
    return {
      rows: rows().map((row) => rowAsStored(asset, spec.table.columns, row)),
      quarantined: bad.map(({ record, tagged, place, issues }) => ({
        record: tagged ? untag(JSON.parse(record)) : (JSON.parse(record) as unknown),
        place,
        issues,
      })),
      filtered: counts.filtered,
    }
  })
}

function recordsOf(page: Page): readonly unknown[] {
  if (Array.isArray(page)) return page as readonly unknown[]
  if ('records' in page) return page.records
  throw new TypeError('`page` goes with records; of a page that is bytes or text, say `extra`.')
}

/** A page as it lies in a batch. */
function rawBytesOf(page: Page): Buffer {
  const cutter = createBatchCutter(Infinity, { take: (bytes) => Buffer.alloc(bytes), give: () => undefined })
  return cutter.add(page)?.bytes ?? cutter.rest()?.bytes ?? Buffer.alloc(0)
}

/** An encoder that notes the rows it takes; it is given objects alone, so that there is something to note. */
function recordingEncoder(real: RowEncoder): { readonly encoder: RowEncoder; readonly rows: () => readonly unknown[] } {
  let rows: unknown[] = []
  const note = (issues: readonly ColumnIssue[] | null, taken: readonly unknown[]) => {
    if (issues === null) rows.push(...taken)
    return issues
  }
  const encoder: RowEncoder = {
    ...real,
    readsBytes: false,
    get rows() {
      return real.rows
    },
    // Nothing is handed on: what is encoded is forgotten with the encoder.
    bufferedBytes: 0,
    encode: (row) => note(real.encode(row), [row]),
    encodeAll: (all) => note(real.encodeAll(all), all),
    back(mark) {
      rows = rows.slice(0, mark.rows)
      real.back(mark)
    },
  }
  return { encoder, rows: () => rows }
}

function rowAsStored(
  asset: TableAsset,
  columns: readonly { readonly name: string; readonly field: string }[],
  row: unknown,
): Readonly<Record<string, unknown>> {
  const parsed = asset.columns.parse(row) as JsonObject
  return Object.fromEntries(columns.map(({ name, field }) => [name, parsed[field] ?? null]))
}

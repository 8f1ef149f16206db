import { limitTable } from '../warehouse/column-limits.ts'
import type { ColumnLimit } from '../warehouse/column-limits.ts'
import { compileEncoder } from '../warehouse/encoder/compile-encoder.ts'
import { compileThrough } from '../warehouse/encoder/copy-through.ts'
import type { CountThrough } from '../warehouse/encoder/copy-through.ts'
import type { RowEncoder } from '../warehouse/encoder/row-encoder.ts'
import type { PageFormat } from '../definitions/page.ts'
import type { OwnAsset } from './versions.ts'

/** Encoders at rest, by asset: compiling one is worth many rows, and each serves one batch at a time. */
const idle = new WeakMap<OwnAsset['asset'], RowEncoder[]>()

/** An encoder for an asset's rows, as far as the table takes them. */
export function borrowEncoder(own: OwnAsset, limits: readonly ColumnLimit[]): RowEncoder {
  if (limits.length > 0) return encoderOf(own, limits)
  return idle.get(own.asset)?.pop() ?? encoderOf(own, [])
}

function encoderOf({ asset, spec: { table } }: OwnAsset, limits: readonly ColumnLimit[]): RowEncoder {
  return compileEncoder(limitTable(table, limits).columns, asset.columns, { limits, unknownFields: table.contract?.unknownFields ?? 'evolve' })
}

/** Gives an encoder back after it finished its stream. */
export function returnEncoder(own: OwnAsset, encoder: RowEncoder, limits: readonly ColumnLimit[]): void {
  encoder.rest()
  // What the table takes is found anew by each run.
  if (limits.length > 0) return
  const others = idle.get(own.asset)
  if (others === undefined) idle.set(own.asset, [encoder])
  else if (others.length < 4) others.push(encoder)
}

/** How the pages of a source's columns go through, by asset and by those columns; the next page of a batch mostly has the same. */
const through = new WeakMap<OwnAsset['asset'], Map<string, CountThrough | undefined>>()

/** Whether a page's tuples can go into the asset's table without being parsed, and how they are counted. Not where the user's code asks for records. */
export function throughOf(own: OwnAsset, format: PageFormat): CountThrough | undefined {
  if (format.kind !== 'pgcopy' || own.asset.transform !== undefined) return undefined
  let known = through.get(own.asset)
  if (known === undefined) through.set(own.asset, (known = new Map()))
  const key = JSON.stringify(format.columns)
  if (!known.has(key)) {
    // As many kinds of pages as an extractor makes up.
    if (known.size > 100) known.clear()
    known.set(key, compileThrough(own.spec.table.columns, own.asset.columns, format.columns))
  }
  return known.get(key)
}

import { limitTable } from '../warehouse/column-limits.ts'
import type { ColumnLimit } from '../warehouse/column-limits.ts'
import { compileEncoder } from '../warehouse/encoder/compile-encoder.ts'
import type { RowEncoder } from '../warehouse/encoder/row-encoder.ts'
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
  // What the table takes is found anew by each run.
  if (limits.length > 0) return
  const others = idle.get(own.asset)
  if (others === undefined) idle.set(own.asset, [encoder])
  else if (others.length < 4) others.push(encoder)
}

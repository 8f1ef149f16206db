import { compileEncoder } from '../warehouse/encoder/compile-encoder.ts'
import type { RowEncoder } from '../warehouse/encoder/row-encoder.ts'
import type { OwnAsset } from './versions.ts'

/** Encoders at rest, by asset: compiling one is worth many rows, and each serves one batch at a time. */
const idle = new WeakMap<OwnAsset['asset'], RowEncoder[]>()

export function borrowEncoder(own: OwnAsset): RowEncoder {
  return idle.get(own.asset)?.pop() ?? compileEncoder(own.spec.table.columns, own.asset.columns)
}

/** Gives an encoder back after it finished its stream. */
export function returnEncoder(own: OwnAsset, encoder: RowEncoder): void {
  const others = idle.get(own.asset)
  if (others === undefined) idle.set(own.asset, [encoder])
  else if (others.length < 4) others.push(encoder)
}

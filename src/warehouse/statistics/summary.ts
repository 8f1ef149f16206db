import type { ColumnStatistics } from '../../definitions/column-statistics.ts'
import type { BatchPart, PartColumn } from './batch-part.ts'
import { estimateDistinct, mergeSketch } from './distinct.ts'
import { orderRaw, showRaw } from './raw-value.ts'
import { kindOf } from './value-kind.ts'

interface Column {
  readonly of: PartColumn
  nulls: number
  least: Buffer | undefined
  greatest: Buffer | undefined
  readonly sketch: Uint8Array
}

/** Puts the parts of a step's batches together. */
export interface Summary {
  add(part: BatchPart): void
  /** The statistics of all rows of the parts, in the order of the columns. */
  columns(): ColumnStatistics[]
}

export function createSummary(): Summary {
  const columns = new Map<string, Column>()
  let rows = 0
  return {
    add(part) {
      rows += part.rows
      for (const one of part.columns) {
        const known = columns.get(one.name)
        if (known === undefined)
          columns.set(one.name, { of: one, nulls: one.nulls, least: one.least, greatest: one.greatest, sketch: Uint8Array.from(one.sketch) })
        else merge(known, one)
      }
    },
    columns: () => [...columns.values()].map((column) => statisticsOf(column, rows)),
  }
}

function merge(known: Column, { nulls, least, greatest, sketch }: PartColumn): void {
  const kind = kindOf(known.of)
  known.nulls += nulls
  if (least !== undefined && (known.least === undefined || orderRaw(kind, least, known.least) < 0)) known.least = least
  if (greatest !== undefined && (known.greatest === undefined || orderRaw(kind, greatest, known.greatest) > 0)) known.greatest = greatest
  mergeSketch(known.sketch, sketch)
}

function statisticsOf({ of, nulls, least, greatest, sketch }: Column, rows: number): ColumnStatistics {
  const values = rows - nulls
  const min = least && showRaw(of.type, least)
  const max = greatest && showRaw(of.type, greatest)
  const cut = [...(min?.cut === true ? ['min' as const] : []), ...(max?.cut === true ? ['max' as const] : [])]
  return {
    column: of.name,
    nulls,
    nullShare: rows === 0 ? 0 : Number((nulls / rows).toPrecision(6)),
    ...(sketch.length === 0 ? {} : { distinct: Math.min(values, Math.max(Math.round(estimateDistinct(sketch)), values === 0 ? 0 : 1)) }),
    ...(min === undefined ? {} : { min: min.value }),
    ...(max === undefined ? {} : { max: max.value }),
    ...(cut.length === 0 ? {} : { cut }),
  }
}

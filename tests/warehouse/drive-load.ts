import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import * as z from 'zod'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import type { TableAssetSpec } from '../../src/definitions/manifest.ts'
import { table } from '../../src/definitions/table.ts'
import type { TableOptions } from '../../src/definitions/table.ts'
import { limitTable } from '../../src/warehouse/column-limits.ts'
import type { ColumnLimit } from '../../src/warehouse/column-limits.ts'
import { compileEncoder } from '../../src/warehouse/encoder/compile-encoder.ts'
import type { ColumnIssue } from '../../src/warehouse/encoder/row-encoder.ts'
import { loadBatch } from '../../src/warehouse/load-batch.ts'
import { prepareLoad } from '../../src/warehouse/prepare-load.ts'
import { publish } from '../../src/warehouse/publish.ts'
import type { PublishResult } from '../../src/warehouse/publish.ts'
import type { RowNotes } from '../../src/warehouse/row-notes.ts'

type Definition = Omit<TableOptions<z.ZodObject, unknown>, 'extract'>

export interface Driven {
  /** What preparing and publishing ran on the target. */
  readonly ddl: readonly string[]
  readonly limits: readonly ColumnLimit[]
  readonly result: PublishResult
  readonly issues: readonly ColumnIssue[]
  readonly notes: RowNotes | undefined
}

/** An asset's spec, as its manifest has it. */
export function specOf(definition: Definition): TableAssetSpec {
  const [spec] = manifestOf(defineLocation({ name: 'driven', assets: [table({ ...definition, extract: () => [] })] })).assets
  if (spec?.kind !== 'table') throw new Error('not a table')
  return spec
}

/** One load of rows into the table of an asset, as workers do it, but without queues and catalogue. Rows that do not fit are left out. */
export async function drive(pool: pg.Pool, definition: Definition, rows: readonly unknown[], at = '2026-01-01T00:00:00Z'): Promise<Driven> {
  const spec = specOf(definition)
  const client = await pool.connect()
  const [stepId, generation] = [randomUUID(), 1]
  try {
    // Whatever the session's zone is, nothing may depend on it.
    await client.query(`SET TIME ZONE 'Pacific/Auckland'`)
    await client.query('BEGIN')
    const checked = spec.checks.flatMap((check) => ('columns' in check ? check.columns : []))
    const { ddl, limits } = await prepareLoad(client, { stepId, generation, table: spec.table, checked })
    await client.query('COMMIT')
    const limited = limitTable(spec.table, limits)
    const encoder = compileEncoder(limited.columns, definition.columns, { limits, unknownFields: spec.table.contract?.unknownFields ?? 'evolve' })
    const issues = rows.flatMap((row) => encoder.encode(row) ?? [])
    const counts = { records: rows.length, filtered: 0, rows: encoder.rows }
    const notes = encoder.notes()
    await loadBatch(client, { stepId, generation, ordinal: 0, ...counts, columns: limited.columns, format: encoder.format, bytes: encoder.finish() })
    const outcome = await publish(client, {
      stepId,
      generation,
      asset: spec.key,
      table: limited,
      checks: spec.checks,
      batches: 1,
      runStartedAt: at,
      signal: new AbortController().signal,
    })
    if (outcome.state !== 'published') throw new Error(outcome.state)
    return { ddl: [...ddl, ...(outcome.result.ddl ?? [])], limits, result: outcome.result, issues, notes }
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}

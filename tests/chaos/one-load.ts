import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import * as z from 'zod'
import type { TableSpec } from '../../src/definitions/column-spec.ts'
import { columnsOf } from '../../src/definitions/columns.ts'
import { backendOf } from '../../src/warehouse/backend.ts'
import type { LoadBackend } from '../../src/warehouse/backend.ts'
import { loadBatch } from '../../src/warehouse/load-batch.ts'
import type { DirectLoad, LoadOutcome } from '../../src/warehouse/load-batch.ts'
import { directLoadLock } from '../../src/warehouse/locks.ts'
import { prepareLoad } from '../../src/warehouse/prepare-load.ts'
import { publish } from '../../src/warehouse/publish.ts'
import type { PublishOutcome } from '../../src/warehouse/publish.ts'
import { stagingTable } from '../../src/warehouse/staging.ts'
import { expect, onTestFinished, waitFor } from '../support/test.ts'

let tables = 0

/** A table that no other test has: an id and a name. */
export function specOf(more: Partial<TableSpec> = {}): TableSpec {
  tables += 1
  const columns = columnsOf(z.object({ id: z.int32(), name: z.string() }))
  return { schema: 'rules', name: `t${String(tables)}`, columns, primaryKey: [], indexes: [], disposition: 'replace', ...more }
}

/** One step's load, driven by hand. */
export interface Load {
  readonly stepId: string
  readonly table: TableSpec
  prepare(generation?: number): Promise<string>
  batch(ordinal: number, ids: readonly number[], generation?: number, cursor?: DirectLoad['cursor']): Promise<LoadOutcome>
  publish(batches: number, generation?: number): Promise<PublishOutcome>
}

/** A session of its own, ended with the test. */
export async function connect(url: string): Promise<pg.PoolClient> {
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  pool.on('error', () => undefined)
  const client = await pool.connect()
  client.on('error', () => undefined)
  onTestFinished(async () => {
    client.release(true)
    await pool.end()
  })
  return client
}

/** A load into a table, of which nothing is prepared yet. */
export function loadOf(client: pg.PoolClient, table: TableSpec): Load {
  const stepId = randomUUID()
  return {
    stepId,
    table,
    async prepare(generation = 1) {
      await client.query('BEGIN')
      const { state } = await prepareLoad(client, { stepId, generation, table })
      await client.query('COMMIT')
      return state
    },
    batch: (ordinal, ids, generation = 1, cursor) =>
      loadBatch(client, {
        stepId,
        generation,
        ordinal,
        records: ids.length,
        filtered: 0,
        rows: ids.length,
        columns: table.columns,
        format: 'text',
        bytes: Buffer.from(ids.map((id) => `${String(id)}\tname ${String(id)}\n`).join('')),
        direct: table.eachBatch === true ? { table, cursor } : undefined,
      }),
    publish: (batches, generation = 1) =>
      publish(client, {
        stepId,
        generation,
        asset: 'rules/asset',
        table,
        checks: [],
        batches,
        runStartedAt: '2026-01-01T00:00:00Z',
        signal: new AbortController().signal,
      }),
  }
}

/** The ids that a table holds, in order. */
export async function idsOf(client: Pick<pg.ClientBase, 'query'>, table: TableSpec): Promise<number[]> {
  const { rows } = await client.query<{ id: number }>(`SELECT id FROM ${table.schema}.${table.name} ORDER BY id`)
  return rows.map((row) => row.id)
}

/** How a replace was done, or what became of it instead. */
export const howOf = (outcome: PublishOutcome): string => (outcome.state === 'published' ? (outcome.result.how ?? '') : outcome.state)

/** A target that holds the rows 1 and 2, and a load of 3 and 4 that is to replace them. */
export async function filled(url: string, more: Partial<TableSpec> = {}): Promise<{ client: pg.PoolClient; table: TableSpec; next: Load }> {
  const client = await connect(url)
  const table = specOf(more)
  const first = loadOf(client, table)
  await first.prepare()
  await first.batch(0, [1, 2])
  expect((await first.publish(1)).state).toBe('published')
  const next = loadOf(client, table)
  await next.prepare()
  return { client, table, next }
}

/** A loader that has begun its COPY and says nothing more. Answers its session once it copies. */
export async function stalledLoader(url: string, pool: pg.Pool, load: Load): Promise<LoadBackend> {
  const loader = await connect(url)
  const backend = await backendOf(loader)
  const direct = load.table.eachBatch === true
  const into = direct ? load.table : stagingTable(load.stepId, 1)
  await loader.query('BEGIN')
  if (direct) await loader.query(`SELECT pg_advisory_xact_lock(${directLoadLock})`, [load.stepId])
  await loader.query(`SELECT 1 FROM millrace_load.step WHERE step_id = $1 FOR SHARE`, [load.stepId])
  await loader.query(`INSERT INTO millrace_load.batch (step_id, generation, ordinal, records, filtered, rows) VALUES ($1, 1, 0, 1, 0, 1)`, [load.stepId])
  const copying = loader.query(copyFrom(`COPY ${into.schema}.${into.name} FROM STDIN`))
  copying.on('error', () => undefined)
  copying.write('1\thalf a')
  await waitFor(async () => (await pool.query(`SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND query LIKE 'COPY%'`, [backend.pid])).rowCount === 1, {
    what: 'the loader to copy',
  })
  return backend
}

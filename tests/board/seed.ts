import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import * as z from 'zod'
import { publishManifest } from '../../src/catalog/manifests.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import type { Manifest } from '../../src/definitions/manifest.ts'
import { notEmpty } from '../../src/definitions/check.ts'
import { fromEnv } from '../../src/definitions/destination.ts'
import { schedule } from '../../src/definitions/schedule.ts'
import { sqlAsset } from '../../src/definitions/sql-asset.ts'
import { table } from '../../src/definitions/table.ts'

/** The manifest of a shop: a table asset with a configuration, a SQL asset made from it, a schedule. */
export function shopManifest(name: string, description = 'What was sold'): Manifest {
  const sales = table({
    key: `${name}/sales`,
    description,
    group: 'retail',
    columns: z.object({ product: z.string().meta({ description: 'Its name' }), amount: z.int() }),
    config: z.object({ source_csv_path: z.url().default('http://localhost/stock.csv').meta({ description: 'Where the CSV is' }), limit: z.int().optional() }),
    write: { disposition: 'replace' },
    checks: [notEmpty()],
    // Never called: the board runs no user code.
    // oxlint-disable-next-line require-yield
    extract: async function* () {
      throw new Error('the board ran user code')
    },
    transform: (row: unknown) => row as { product: string; amount: number },
  })
  const totals = sqlAsset({
    key: `${name}/totals`,
    deps: [`${name}/sales`],
    select: `SELECT product, sum(amount) FROM ${name}.sales GROUP BY 1`,
    store: { kind: 'view' },
  })
  return manifestOf(
    defineLocation({
      name,
      assets: [sales, totals],
      schedules: [schedule({ name: `${name}_hourly`, cron: '0 * * * *', timeZone: 'Europe/Paris', assets: '*' })],
    }),
  )
}

/** The same shop, with its tables in another destination. */
export function shopElsewhere(name: string, destination: string): Manifest {
  const manifest = shopManifest(name)
  const spec = { name: destination, url: fromEnv('OTHER_DATABASE_URL') }
  return { ...manifest, assets: manifest.assets.map((asset) => ({ ...asset, destination: spec })) }
}

export async function seedLocation(pool: pg.Pool, name: string, manifest = shopManifest(name), notice?: string): Promise<void> {
  await publishManifest(pool, manifest, 'v1', notice)
}

export interface RunSeed {
  readonly location: string
  readonly status?: string
  readonly assets?: readonly string[]
  readonly createdAt?: string
  readonly config?: object
}

export async function seedRun(
  pool: pg.Pool,
  { location, status = 'started', assets = [`${location}/sales`], createdAt, config = {} }: RunSeed,
): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    `INSERT INTO millrace.run (location, version, status, assets, launched_by, config, created_at, ended_at)
     VALUES ($1, 'v1', $2, $3, 'cli', $4, coalesce($5, clock_timestamp()), CASE WHEN $2 IN ('started', 'canceling') THEN NULL ELSE clock_timestamp() END) RETURNING id`,
    [location, status, assets, JSON.stringify(config), createdAt ?? null],
  )
  return rows[0]?.id ?? ''
}

export interface StepSeed {
  readonly runId: string
  readonly location: string
  readonly asset: string
  readonly kind?: 'table' | 'sql'
  readonly status: string
  readonly upstream?: readonly string[]
  readonly error?: object
  readonly nextAttemptAt?: string
  readonly result?: object
}

export async function seedStep(pool: pg.Pool, step: StepSeed): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    `INSERT INTO millrace.step (run_id, location, version, asset, kind, status, upstream, error, next_attempt_at, result, started_at)
     VALUES ($1, $2, 'v1', $3, $4, $5, $6, $7, $8, $9, clock_timestamp()) RETURNING id`,
    [
      step.runId,
      step.location,
      step.asset,
      step.kind ?? 'table',
      step.status,
      step.upstream ?? [],
      step.error === undefined ? null : JSON.stringify(step.error),
      step.nextAttemptAt ?? null,
      step.result === undefined ? null : JSON.stringify(step.result),
    ],
  )
  return rows[0]?.id ?? ''
}

export async function seedBatches(pool: pg.Pool, stepId: string, statuses: readonly ('recorded' | 'encoded' | 'loaded')[]): Promise<void> {
  for (const [ordinal, status] of statuses.entries()) {
    await pool.query(
      `INSERT INTO millrace.batch (step_id, generation, ordinal, status, raw, records, rows) VALUES ($1, 1, $2, $3, '{"name":"x","bytes":1000,"crc":1}', 12, $4)`,
      [stepId, ordinal, status, status === 'recorded' ? null : 10],
    )
  }
}

/** A record in quarantine. Answers its id. */
export async function seedQuarantine(
  pool: pg.Pool,
  stepId: string,
  {
    index = 0,
    record = '{"id":"x"}',
    state = 'kept',
    daysAgo = 0,
    redrivenBy,
    place = 'record 0 of page 1 of batch 0',
    message = 'is no number',
  }: {
    readonly index?: number
    readonly record?: string
    readonly state?: 'kept' | 'discarded' | 'redriven'
    readonly daysAgo?: number
    readonly redrivenBy?: string
    readonly place?: string
    readonly message?: string
  } = {},
): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    `INSERT INTO millrace.quarantine (step_id, run_id, location, asset, version, generation, ordinal, record_index, place, record, tagged, issues, state, redriven_by, at)
     SELECT id, run_id, location, asset, version, 1, 0, $2, $3, $4, false, $5, $6, $7, clock_timestamp() - make_interval(days => $8) FROM millrace.step WHERE id = $1
     RETURNING id::text AS id`,
    [stepId, index, place, record, JSON.stringify([{ column: 'id', message, value: '"x"' }]), state, redrivenBy ?? null, daysAgo],
  )
  return rows[0]?.id ?? ''
}

export async function seedWorker(pool: pg.Pool, location: string, queues: readonly string[]): Promise<void> {
  await pool.query(
    `INSERT INTO millrace.process (id, role, host, pid, queues, versions, lease_until) VALUES ($1, 'worker', 'somewhere', 1, $2, $3, clock_timestamp() + interval '1 hour')`,
    [randomUUID(), queues, JSON.stringify({ [location]: 'v1' })],
  )
}

import type pg from 'pg'
import type { Manifest } from '../../src/definitions/manifest.ts'

const common = { tags: {}, retry: { retries: 2, delayMs: 1000, factor: 2, maxDelayMs: 60_000 }, timeoutMs: 3_600_000 }

/** A location of two assets, as a worker publishes it. */
const manifest = {
  location: 'shop',
  jobs: [],
  schedules: [],
  sensors: [],
  assets: [
    {
      kind: 'table',
      key: 'shop/orders',
      description: 'One row per order.',
      group: 'shop',
      deps: [],
      checks: [
        { kind: 'not-empty', name: 'not_empty', blocking: true },
        { kind: 'unique', name: 'unique_id', blocking: true, columns: ['id'] },
      ],
      ...common,
      table: {
        schema: 'shop',
        name: 'orders',
        primaryKey: ['id'],
        indexes: [],
        disposition: 'replace',
        columns: [
          { name: 'id', field: 'id', type: 'bigint', array: false, nullable: false },
          { name: 'tags', field: 'tags', type: 'text', array: true, nullable: true, description: 'What the shop calls it' },
        ],
      },
      fingerprint: 'f1',
      resumable: false,
      configSchema: { type: 'object', properties: { since: { type: 'string' } } },
    },
    {
      kind: 'sql',
      key: 'shop/totals',
      deps: ['shop/orders'],
      checks: [],
      ...common,
      schema: 'shop',
      name: 'totals',
      select: 'SELECT count(*) FROM shop.orders',
      store: { kind: 'view' },
    },
  ],
} satisfies Manifest

export async function insertLocation(pool: pg.Pool): Promise<void> {
  await pool.query(`INSERT INTO millrace.manifest (location, version, document) VALUES ('shop', 'v1', $1)`, [JSON.stringify(manifest)])
  await pool.query(`INSERT INTO millrace.location (name, version) VALUES ('shop', 'v1')`)
}

/** A run whose one step extracts, or has failed or succeeded; answers the run's id. */
export async function insertRun(pool: pg.Pool, id: string, status: 'started' | 'failed' | 'succeeded', createdAt = '2026-11-21T10:00:00Z'): Promise<void> {
  const ended = status === 'started' ? null : new Date(Date.parse(createdAt) + 4200).toISOString()
  const error =
    status === 'failed'
      ? {
          name: 'SourceError',
          code: 'SOURCE_HTTP_STATUS',
          message: 'The shop answered 503.',
          hint: 'Try again later.',
          cause: { name: 'Error', code: 'UNKNOWN', message: 'socket hang up' },
        }
      : null
  await pool.query(
    `INSERT INTO millrace.run (id, location, version, status, assets, launched_by, created_at, ended_at, config)
     VALUES ($1, 'shop', 'v1', $2, '{shop/orders}', 'test', $3, $4, '{"since": "2026", "api_key": "hush"}')`,
    [id, status, createdAt, ended],
  )
  await pool.query(
    `INSERT INTO millrace.step (run_id, location, asset, kind, upstream, status, version, attempt, started_at, ended_at, result, error)
     VALUES ($1, 'shop', 'shop/orders', 'table', '{}', $2, 'v1', 2, $3, $4, $5, $6)`,
    [id, status === 'started' ? 'extracting' : status, createdAt, ended, status === 'succeeded' ? { rows: 1234 } : null, error],
  )
}

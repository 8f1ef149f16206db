import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { describe, inject, test as base } from 'vitest'

export { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished } from 'vitest'
export { atFileEnd, temporaryFolder } from './cleanup.ts'
export { createDurablePostgres, type DurablePostgres } from './durable-postgres.ts'
export { freePort } from './free-port.ts'
export { startHttpServer, type TestHttpServer } from './http-server.ts'
export { findRedisServer, startRedisServer, type RedisServer } from './redis.ts'
export { spawnMillrace, type SpawnedMillrace } from './spawn-millrace.ts'
export { waitFor } from './wait-for.ts'

export type Backend = 'postgres' | 'redis'

export interface TestDatabase {
  readonly url: string
  readonly pool: pg.Pool
}

/** Where the tests' Redis is; undefined where the Redis half is left out. */
export const redisUrl: string | undefined = inject('redisUrl') || undefined

/** Unique per test file, so that files share one Redis. */
export const queuePrefix = `t-${randomBytes(5).toString('hex')}`

/** The queue backends of this run. */
export const backends: readonly Backend[] = redisUrl === undefined ? ['postgres'] : ['postgres', 'redis']

/** Runs a group of tests once per queue backend; one that is not there counts as skipped. */
export function describeBackends(title: string, body: (backend: Backend) => void): void {
  for (const backend of ['postgres', 'redis'] as const) {
    describe.skipIf(!backends.includes(backend))(`${title} (${backend})`, () => {
      body(backend)
    })
  }
}

/** A new database on the test cluster, with our schemas in it, or with nothing (`template0`). The caller ends the pool. */
export async function createDatabase(template: 'template_millrace' | 'template0' = 'template_millrace'): Promise<TestDatabase> {
  const url = new URL(inject('postgresUrl'))
  const name = `t_${randomBytes(6).toString('hex')}`
  const admin = new pg.Client(url.href)
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`)
  await admin.end()
  url.pathname = `/${name}`
  const pool = new pg.Pool({ connectionString: url.href, max: 10 })
  pool.on('error', () => undefined) // a test may cut connections; whoever uses one next is told
  pool.on('connect', (client) => client.on('error', () => undefined))
  return { url: url.href, pool }
}

/** `test` with the fixture `database`: one per file, made when a test first asks for it. It goes with the cluster. */
export const test = base.extend('database', { scope: 'file' }, async ({}, { onCleanup }) => {
  const database = await createDatabase()
  onCleanup(() => database.pool.end())
  return database
})

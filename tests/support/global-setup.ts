import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { migrate } from '../../src/catalog/migrate.ts'
import { createEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts'
import { prepareRedis, startRedisServer, withoutRedis } from './redis.ts'
import { createSessionFolder } from './session.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The test cluster; each file clones its database from `template_millrace`. */
    postgresUrl: string
    /** Empty where the Redis half is left out. */
    redisUrl: string
    /** Where temporary folders go: what a killed run leaves behind is found and removed by the next. */
    sessionFolder: string
  }
}

/** Starts the database and Redis once for all files. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const session = await createSessionFolder()
  const postgres = await createEmbeddedPostgres({ folder: join(session.folder, 'cluster'), durable: false })
  await createTemplate(postgres.url)
  const redis = await provideRedis(join(session.folder, 'redis'))
  project.provide('postgresUrl', postgres.url)
  project.provide('redisUrl', redis.url)
  project.provide('sessionFolder', session.folder)
  return async () => {
    await redis.stop()
    await postgres.close()
    await session.remove()
  }
}

async function createTemplate(url: string): Promise<void> {
  const admin = new pg.Client(url)
  await admin.connect()
  await admin.query('CREATE DATABASE template_millrace')
  await admin.end()
  const template = new URL(url)
  template.pathname = '/template_millrace'
  await migrate({ databaseUrl: template.href, queuesInPostgres: true })
}

async function provideRedis(folder: string): Promise<{ url: string; stop(): Promise<void> }> {
  const none = { url: '', stop: async () => undefined }
  if (withoutRedis()) return none
  if (process.env['REDIS_URL']) return { ...none, url: process.env['REDIS_URL'] }
  const missing = prepareRedis()
  if (missing === null) return startRedisServer(folder)
  if (process.env['CI']) throw new Error(missing)
  console.error(missing)
  return none
}

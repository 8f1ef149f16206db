import pg from 'pg'
import type { Config } from '../config.ts'
import { MillraceError } from '../errors.ts'
import { driverUrl, placeOf, reasonOf } from '../postgres.ts'
import { requireInstallation } from './installation.ts'

/**
 * Connects, uses and disconnects.
 * @throws MillraceError `DATABASE_UNAVAILABLE` when it does not answer within 10 s
 */
export async function withClient<T>(url: string, name: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: driverUrl(url), application_name: `millrace ${name}`, connectionTimeoutMillis: 10_000 })
  // A connection cut in the middle makes the query fail, which is what is reported.
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    throw new MillraceError(`The database ${placeOf(url)} does not answer: ${reasonOf(error)}`, {
      code: 'DATABASE_UNAVAILABLE',
      retryable: true,
      hint: '`millrace doctor` looks at the whole installation.',
      cause: error,
    })
  }
  try {
    return await use(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/**
 * Uses the catalogue.
 * @throws MillraceError `SCHEMA_MISSING` when the database has none
 */
export async function withCatalog<T>(config: Config, name: string, use: (client: pg.Client, databaseUrl: string) => Promise<T>): Promise<T> {
  const { databaseUrl } = await requireInstallation(config)
  return withClient(databaseUrl, name, async (client) => {
    try {
      return await use(client, databaseUrl)
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || (error.code !== '42P01' && error.code !== '3F000')) throw error
      throw new MillraceError(`The database ${placeOf(databaseUrl)} has no catalogue of this version: ${error.message}.`, {
        code: 'SCHEMA_MISSING',
        hint: 'Run `millrace migrate`, or look whether DATABASE_URL names the right database.',
        cause: error,
      })
    }
  })
}

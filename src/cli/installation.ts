import { join } from 'node:path'
import pg from 'pg'
import type { Config } from '../config.ts'
import { embeddedPostgresUrl } from '../embedded/embedded-postgres.ts'
import { ConfigError, MillraceError } from '../errors.ts'
import { driverUrl } from '../postgres.ts'

/** Where an installation's databases are. */
export interface Installation {
  readonly databaseUrl: string
  readonly destinationUrl: string
  /** Whether the database is the embedded one. */
  readonly embedded: boolean
}

/** The folder of the embedded Postgres. */
export function embeddedFolder(config: Config): string {
  return join(config.home, 'database')
}

/** The installation that the environment names, or the embedded one if it is running; undefined when there is neither. */
export async function findInstallation(config: Config): Promise<Installation | undefined> {
  const embedded = config.databaseUrl === undefined
  const databaseUrl = config.databaseUrl ?? (await embeddedPostgresUrl(embeddedFolder(config))) ?? undefined
  if (databaseUrl === undefined) return undefined
  return { databaseUrl, destinationUrl: config.destinationUrl ?? databaseUrl, embedded }
}

/**
 * The installation to talk to.
 * @throws ConfigError `NOT_RUNNING` when DATABASE_URL is not set and no embedded database runs here
 */
export async function requireInstallation(config: Config): Promise<Installation> {
  const found = await findInstallation(config)
  if (found !== undefined) return found
  throw new ConfigError(`No database is named by DATABASE_URL, and no embedded one is running in ${config.home}.`, {
    code: 'NOT_RUNNING',
    hint: 'Start one with `npm start` (or `npx millrace dev`), or set DATABASE_URL.',
  })
}

/**
 * Waits until a database answers: whoever starts together with it would else begin with broken connections.
 * @throws MillraceError `DATABASE_UNAVAILABLE` after the deadline
 */
export async function waitForDatabase(url: string, deadlineMs: number): Promise<void> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    const client = new pg.Client({ connectionString: driverUrl(url), connectionTimeoutMillis: 5000, application_name: 'millrace start' })
    client.on('error', () => undefined)
    try {
      await client.connect()
      await client.query('SELECT 1')
      return
    } catch (error) {
      if (performance.now() > deadline) {
        const { host, pathname } = new URL(url)
        throw new MillraceError(`The database ${host}${pathname} does not answer: ${error instanceof Error ? error.message || String(error) : String(error)}`, {
          code: 'DATABASE_UNAVAILABLE',
          retryable: true,
          hint: 'Start it, or mend DATABASE_URL. `millrace doctor` looks at the whole installation.',
          cause: error,
        })
      }
      await new Promise((resolve) => setTimeout(resolve, 250))
    } finally {
      await client.end().catch(() => undefined)
    }
  }
}

import type { ConnectionOptions } from 'node:tls'
import pg from 'pg'
import { decodedUrlPart, redactUrl } from '../redact.ts'

/** How a Postgres is reached, for where one URL does not say it all. What is left out is taken from PGHOST and the like, as libpq does. */
export interface PostgresConnection {
  readonly host?: string
  readonly port?: number
  readonly database?: string
  readonly user?: string
  /** A function is asked at each connection, so that a token can be renewed. */
  readonly password?: string | (() => string | Promise<string>)
  /** Off by default. `true`: the server's certificate is verified; an object goes to Node's TLS as it is (`ca`, `cert`, `key`, `servername`). A `sslmode` in the URL comes first. */
  readonly ssl?: boolean | ConnectionOptions
}

/** Where rows come from. Of both, what the URL says comes first. */
export type PostgresOrigin =
  | { readonly url: string; readonly connection?: PostgresConnection }
  | { readonly url?: undefined; readonly connection: PostgresConnection }

/** Milliseconds until a connection that nobody answers is given up. */
const connectTimeoutMs = 10_000

/** What the driver is told. */
export function clientConfig({ url, connection = {} }: PostgresOrigin): pg.ClientConfig {
  return {
    ...connection,
    ...(url === undefined ? {} : { connectionString: url }),
    application_name: 'millrace source',
    // A server that vanished without a word is noticed by the kernel.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: connectTimeoutMs,
  }
}

/** The server and its database, for messages: without user and password. */
export function nameOfPostgres({ url, connection = {} }: PostgresOrigin): string {
  if (url !== undefined) return redactUrl(url)
  const { host = process.env['PGHOST'] ?? 'localhost', port, database = process.env['PGDATABASE'] ?? '' } = connection
  return `postgres://${host}${port === undefined ? '' : `:${String(port)}`}/${database}`
}

/** What must not come back in the text of an error. */
export function secretsOfPostgres({ url, connection = {} }: PostgresOrigin): string[] {
  const { password } = connection
  const given = typeof password === 'string' ? [password] : []
  const parsed = url === undefined ? null : URL.parse(url)
  if (parsed !== null) given.push(parsed.password, decodedUrlPart(parsed.password), parsed.searchParams.get('password') ?? '')
  // Shorter ones would hide parts of ordinary words.
  return given.filter((secret) => secret.length >= 4)
}

import type { Json } from '../definitions/json.ts'
import type { RawPage } from '../definitions/page.ts'
import { defaultMaxRecordBytes } from './formats/record-too-large.ts'
import type { PostgresOrigin } from './postgres/connection.ts'
import type { PostgresValue } from './postgres/literal.ts'
import { optionError } from './postgres/postgres-error.ts'
import { queryRows } from './postgres/query-rows.ts'
import { openSession } from './postgres/session.ts'
import type { Session } from './postgres/session.ts'
import { tableRows } from './postgres/table-rows.ts'
import type { KeyedTuples } from './postgres/table-rows.ts'

/** About 1 MiB: enough to keep a transform worker busy, little enough to keep many in flight. */
const defaultPageBytes = 1024 * 1024
/** Some MiB of an ordinary table. */
const defaultChunkRows = 20_000

/** What every way of reading takes. */
export interface PostgresCommonOptions {
  readonly signal?: AbortSignal
  /** Handed to `transform` with every page. */
  readonly extra?: Json
  /** Bytes of a page, about. Default 1 MiB. */
  readonly pageBytes?: number
  /** Default 16 MiB. */
  readonly maxRecordBytes?: number
  /** The longest silence of the server while it is asked, in milliseconds. Default 600,000. */
  readonly idleTimeoutMs?: number
  /** `statement_timeout` in milliseconds; 0 for none. Default: what the server has for this user. */
  readonly statementTimeoutMs?: number
}

/** The rows of a query. */
export interface PostgresQuery {
  /** One that only reads: SELECT, WITH, VALUES or TABLE. */
  readonly query: string
  /** Of $1, $2 and so on. */
  readonly values?: readonly PostgresValue[]
}

/** The rows of a table. */
export interface PostgresTable {
  /** As SQL writes it: `sales.orders`, `"Orders"`. */
  readonly table: string
  /** Which columns, in which order. Default: all. Those of the key come besides. */
  readonly columns?: readonly string[]
  /** The columns to read it in order by; they have a unique index and are never NULL. Default: the primary key. */
  readonly chunkBy?: readonly string[]
  /** Rows that are asked for at once. Default 20,000. */
  readonly chunkRows?: number
  /** Connections that read at once, 1 to 16, and one more beside them where it is more than one. Default 1. */
  readonly parallel?: number
  /** Where to go on: `context.position`. */
  readonly position?: Json | undefined
}

export type PostgresOptions = PostgresCommonOptions & PostgresOrigin & (PostgresQuery | PostgresTable)

/**
 * Reads a query or a table of a Postgres database, in one snapshot, as raw pages of binary COPY tuples that nobody parses on their way.
 * A table that has a key is read in its order, and each page carries the position after it. Memory stays flat, whatever the number of rows.
 * @throws SourceError `POSTGRES_UNREACHABLE`, `POSTGRES_AUTH`, `POSTGRES_TLS`, `POSTGRES_LOST`, `POSTGRES_BUSY`, `POSTGRES_TIMEOUT`, `POSTGRES_SILENT`,
 * `POSTGRES_QUERY`, `POSTGRES_TABLE_MISSING`; DataError `RECORD_TOO_LARGE`; ConfigError `POSTGRES_VALUES`, `POSTGRES_NO_KEY`, `POSTGRES_PARALLEL`, and others of options.
 */
export async function* postgres(options: PostgresOptions): AsyncGenerator<RawPage, void, undefined> {
  const { extra } = options
  const session = await openSession(sessionOptions(options))
  try {
    for await (const page of tuplesOf(session, options)) {
      yield {
        body: page.body,
        format: { kind: 'pgcopy', columns: page.columns },
        ...(page.position === undefined ? {} : { position: page.position }),
        ...(extra === undefined ? {} : { extra }),
      }
    }
  } finally {
    await session.close()
  }
}

function sessionOptions(options: PostgresOptions): Parameters<typeof openSession>[0] {
  const { signal, idleTimeoutMs, statementTimeoutMs } = options
  return {
    origin: options,
    ...(signal === undefined ? {} : { signal }),
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
    ...(statementTimeoutMs === undefined ? {} : { statementTimeoutMs }),
  }
}

function tuplesOf(session: Session, options: PostgresOptions): AsyncGenerator<KeyedTuples, void, undefined> {
  const sizes = { pageBytes: options.pageBytes ?? defaultPageBytes, maxRecordBytes: options.maxRecordBytes ?? defaultMaxRecordBytes }
  if ('query' in options) return queryRows(session, { query: options.query, values: options.values ?? [] }, sizes)
  const { table, columns, chunkBy, chunkRows = defaultChunkRows, parallel = 1, position } = options
  if (!Number.isInteger(parallel) || parallel < 1 || parallel > 16 || !Number.isInteger(chunkRows) || chunkRows < 1) {
    throw optionError(
      'POSTGRES_PARALLEL',
      `The table ${table} cannot be read in chunks of ${String(chunkRows)} rows by ${String(parallel)} connections.`,
      'Take whole numbers: 1 to 16 connections, at least one row.',
    )
  }
  return tableRows(session, () => openSession(sessionOptions(options)), { ...sizes, table, columns, chunkBy, chunkRows, parallel, position })
}

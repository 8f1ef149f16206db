import type { Json } from '../definitions/json.ts'
import type { RawPage, RecordPage } from '../definitions/page.ts'
import { SourceError } from '../errors.ts'
import { defaultMaxRecordBytes } from './formats/record-too-large.ts'
import { lsnText, lsnValue } from './postgres/changes/lsn.ts'
import { createChangeReader } from './postgres/changes/pgoutput.ts'
import type { Change } from './postgres/changes/pgoutput.ts'
import { findPublished, needLogicalLog } from './postgres/changes/published.ts'
import type { Published } from './postgres/changes/published.ts'
import { confirm, createWithSnapshot, dropSlot, openOrCreate } from './postgres/changes/slot.ts'
import type { OpenSlot, PostgresSlotReport } from './postgres/changes/slot.ts'
import type { PostgresOrigin } from './postgres/connection.ts'
import { describe } from './postgres/describe.ts'
import { quoteName, quoteText } from './postgres/literal.ts'
import { optionError } from './postgres/postgres-error.ts'
import { beginReading } from './postgres/query-rows.ts'
import { openSession } from './postgres/session.ts'
import type { Session } from './postgres/session.ts'
import { tuplePages } from './postgres/tuple-pages.ts'
import { fieldsOf } from './postgres/tuple.ts'

/** Of the log, about 1 MiB; records of a page. */
const pageBytes = 1024 * 1024
const pageRecords = 5000

export type PostgresChangesOptions = PostgresOrigin & {
  /** A publication at the source, which its owner makes: `CREATE PUBLICATION … FOR TABLE …`. */
  readonly publication: string
  /** The slot, one for each asset; it is made when it is not there. */
  readonly slot: string
  /** Which tables of the publication, as `schema.name`. Default: all. */
  readonly tables?: readonly string[]
  /** What the last page of the run before carried, once its rows are published. Undefined: the first run. */
  readonly cursor?: Json | undefined
  /** What the first run gives: `initial`, the default: all rows as they are when the slot begins; `none`: nothing, only what changes from then on. */
  readonly snapshot?: 'initial' | 'none'
  readonly signal?: AbortSignal
  readonly idleTimeoutMs?: number
  /** Default 16 MiB. */
  readonly maxRecordBytes?: number
  /** Told at each run how much of its log the server keeps for the slot. */
  readonly report?: (report: PostgresSlotReport) => void
}

/** Pages of changes; what each carries as `cursor` holds once the rows up to it are published. */
export type PostgresChangePage = (RawPage | RecordPage) & { readonly cursor: string }

/**
 * What changed in tables of a Postgres since the run before, up to the moment at which this one begins (logical replication, `pgoutput`). Each record is the row,
 * with `changeTable`, `changeDeleted` and `changeLsn`, a bigint that grows with each change of a key. The slot is told only at the *next* run, by its cursor, that rows are published: what fails is read again.
 * @throws SourceError as `postgres` does, and `POSTGRES_WAL_LEVEL`, `POSTGRES_SLOT_LOST`, `POSTGRES_SLOT_BUSY`, `POSTGRES_TRUNCATED`, `POSTGRES_UNCHANGED_VALUE`;
 * ConfigError `POSTGRES_PUBLICATION`, `POSTGRES_CHANGE_TYPE`, `POSTGRES_SLOT`, `POSTGRES_CURSOR`
 */
export async function* postgresChanges(options: PostgresChangesOptions): AsyncGenerator<PostgresChangePage, void, undefined> {
  const { cursor, slot, publication, signal, idleTimeoutMs } = options
  if (cursor !== undefined && (typeof cursor !== 'string' || !/^[0-9A-F]+\/[0-9A-F]+$/i.test(cursor))) {
    throw optionError('POSTGRES_CURSOR', `The cursor of the slot ${slot} is no place in a log.`, 'Hand on what the last page of the run before carried.')
  }
  const limits = { ...(signal === undefined ? {} : { signal }), ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }) }
  const session = await openSession({ origin: options, ...limits })
  try {
    await needLogicalLog(session)
    const published = await findPublished(session, publication, options.tables)
    if (cursor === undefined && options.snapshot !== 'none') {
      const lsn = await beginWithSnapshot(session, () => openSession({ origin: options, replication: true, ...limits }), slot)
      yield* initialRows(session, lsn, published, options)
      return
    }
    const open = cursor === undefined ? await openOrCreate(session, slot) : await confirm(session, slot, cursor)
    options.report?.(open.report)
    yield* changedRows(session, open, published, options)
  } finally {
    await session.close()
  }
}

/** Drops a slot that is no longer used: until then its server keeps all of its log. Whether there was one. @throws SourceError as `postgres` does, and `POSTGRES_SLOT_BUSY` */
export async function dropPostgresSlot(options: PostgresOrigin & { readonly slot: string }): Promise<boolean> {
  const session = await openSession({ origin: options })
  try {
    return await dropSlot(session, options.slot)
  } finally {
    await session.close()
  }
}

/** Makes the slot, and begins a transaction that sees what was there just before it. Where it begins. */
async function beginWithSnapshot(session: Session, openReplication: () => Promise<Session>, slot: string): Promise<string> {
  const replication = await openReplication()
  try {
    const { lsn, snapshot } = await createWithSnapshot(session, replication, slot)
    await session.query(`${beginReading}; SET TRANSACTION SNAPSHOT ${quoteText(snapshot)}`)
    return lsn
  } finally {
    await replication.close()
  }
}

async function* initialRows(
  session: Session,
  lsn: string,
  { tables }: Published,
  options: PostgresChangesOptions,
): AsyncGenerator<PostgresChangePage, void, undefined> {
  for (const { name, sql, columns, where } of tables) {
    const query = `SELECT ${columns.map(quoteName).join(', ')}, ${quoteText(name)}::text AS "changeTable", false AS "changeDeleted", ${String(lsnValue(lsn))}::bigint AS "changeLsn"
      FROM ${sql}${where === null ? '' : ` WHERE ${where}`}`
    const { columns: described, select } = await describe(session, query, quoteName)
    const pages = tuplePages(session, `SELECT ${select} FROM (${query}) AS q`, described, {
      pageBytes,
      maxRecordBytes: options.maxRecordBytes ?? defaultMaxRecordBytes,
    })
    for await (const { body } of pages) yield { body, format: { kind: 'pgcopy', columns: described }, cursor: lsn }
  }
  await session.query('COMMIT')
  // Of empty tables, too, it is known from where their changes count.
  yield { records: [], cursor: lsn }
}

const logColumns = [
  { name: 'lsn', type: 'bigint', oid: 20 },
  { name: 'data', type: 'bytea', oid: 17 },
]

async function* changedRows(
  session: Session,
  { confirmed }: OpenSlot,
  published: Published,
  options: PostgresChangesOptions,
): AsyncGenerator<PostgresChangePage, void, undefined> {
  const { rows } = await session.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn')
  const upTo = rows[0]?.lsn ?? confirmed
  const read = createChangeReader(published)
  const tables = new Set(published.tables.map(({ name }) => name))
  const messages = `SELECT (lsn - '0/0'::pg_lsn)::int8, data FROM pg_logical_slot_peek_binary_changes(${quoteText(options.slot)}, ${quoteText(upTo)}, NULL,
    'proto_version', '1', 'publication_names', ${quoteText(quoteName(options.publication))}, 'binary', 'true')`
  let end = lsnValue(confirmed)
  let records: unknown[] = []
  for await (const page of tuplePages(session, messages, logColumns, { pageBytes, maxRecordBytes: options.maxRecordBytes ?? defaultMaxRecordBytes })) {
    for (const { lsn, data } of messagesOf(Buffer.concat(page.body))) {
      const change = read(data)
      if (change === undefined) continue
      if (change.kind === 'commit') end = change.end
      else records.push(...recordsOf(change, lsn, tables))
    }
    for (; records.length >= pageRecords; records = records.slice(pageRecords)) yield { records: records.slice(0, pageRecords), cursor: lsnText(end) }
  }
  const last = lsnValue(upTo)
  yield { records, cursor: lsnText(end > last ? end : last) }
}

function* messagesOf(tuples: Buffer): Generator<{ readonly lsn: bigint; readonly data: Buffer }> {
  for (let at = 0; at < tuples.length;) {
    const [lsn, data] = fieldsOf(tuples.subarray(at))
    if (lsn === undefined || data === undefined) return
    yield { lsn: tuples.readBigInt64BE(at + lsn.at), data: tuples.subarray(at + data.at, at + data.at + data.length) }
    at += data.at + data.length
  }
}

function recordsOf(change: Exclude<Change, { kind: 'commit' }>, lsn: bigint, tables: ReadonlySet<string>): unknown[] {
  if (change.kind === 'truncate') {
    const table = change.tables.find((one) => tables.has(one))
    if (table === undefined) return []
    throw new SourceError(`${table} was truncated at the source, which no change of a row says.`, {
      code: 'POSTGRES_TRUNCATED',
      retryable: false,
      hint: 'Load the table anew from its beginning, without a cursor; or delete rows at the source rather than truncate it.',
    })
  }
  const { table, row } = change
  if (!tables.has(table)) return []
  const mark = (deleted: boolean, of: bigint) => ({ changeTable: table, changeDeleted: deleted, changeLsn: of })
  if (change.kind === 'delete') return [{ ...row, ...mark(true, lsn) }]
  // Under another key it is another row: the one before is gone.
  const moved = change.before === undefined ? [] : [{ ...change.before, ...mark(true, lsn) }]
  return [...moved, { ...row, ...mark(false, lsn) }]
}

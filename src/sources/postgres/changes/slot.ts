import { SourceError } from '../../../errors.ts'
import { quoteName } from '../literal.ts'
import { optionError } from '../postgres-error.ts'
import type { Session } from '../session.ts'
import { lsnValue } from './lsn.ts'

/** How a slot stands. */
export interface PostgresSlotReport {
  readonly slot: string
  /** Bytes of the log that the server keeps for it: they grow until the next run has been published. */
  readonly retainedBytes: number
  /** Bytes between what was confirmed and now. */
  readonly lagBytes: number
  /** As `pg_replication_slots.wal_status`: `reserved`, `extended`, `unreserved`, `lost`. */
  readonly walStatus: string
}

interface SlotRow {
  readonly plugin: string
  readonly active: boolean
  readonly here: boolean
  readonly confirmed: string | null
  readonly report: PostgresSlotReport
}

/** A slot that changes can be read from. */
export interface OpenSlot {
  /** Up to where its changes are ours already. */
  readonly confirmed: string
  readonly report: PostgresSlotReport
}

async function findSlot(session: Session, slot: string): Promise<SlotRow | undefined> {
  const { rows } = await session.query<Omit<SlotRow, 'report'> & { retained: number; lag: number; status: string | null }>(
    `SELECT coalesce(plugin, '') AS plugin, active, database = current_database() AS here, confirmed_flush_lsn::text AS confirmed, wal_status AS status,
       coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::float8 AS retained, coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn), 0)::float8 AS lag
     FROM pg_replication_slots WHERE slot_name = $1`,
    [slot],
  )
  const [row] = rows
  if (row === undefined) return undefined
  if (row.plugin !== 'pgoutput' || !row.here) {
    throw optionError(
      'POSTGRES_SLOT',
      `The slot ${slot} in ${session.place.name} is another database's or of the plugin ${row.plugin || 'none'}.`,
      'Name another: it is made when it is not there.',
    )
  }
  return { ...row, report: { slot, retainedBytes: row.retained, lagBytes: row.lag, walStatus: row.status ?? 'lost' } }
}

function slotBusy(session: Session, slot: string): SourceError {
  return new SourceError(`The slot ${slot} in ${session.place.name} is being read by another.`, {
    code: 'POSTGRES_SLOT_BUSY',
    hint: 'Give each asset a slot of its own. A reader that was ended frees it within seconds.',
  })
}

/**
 * Opens the slot after a run before: tells the server that all up to `cursor` is published, so that it may forget it.
 * @throws SourceError `POSTGRES_SLOT_LOST`: changes behind the cursor are gone; `POSTGRES_SLOT_BUSY`
 */
export async function confirm(session: Session, slot: string, cursor: string): Promise<OpenSlot> {
  const found = await findSlot(session, slot)
  const lost = (why: string): SourceError =>
    new SourceError(`The slot ${slot} in ${session.place.name} ${why}: changes since the last run are lost.`, {
      code: 'POSTGRES_SLOT_LOST',
      retryable: false,
      hint: 'Load the table anew from its beginning, without a cursor. See that max_slot_wal_keep_size is enough for the time between two runs.',
    })
  if (found === undefined) throw lost('is gone')
  if (found.confirmed === null || found.report.walStatus === 'lost') throw lost('fell behind what the server keeps of its log')
  if (found.active) throw slotBusy(session, slot)
  if (lsnValue(found.confirmed) > lsnValue(cursor)) throw lost(`was moved to ${found.confirmed} by another, beyond ${cursor}`)
  if (lsnValue(found.confirmed) < lsnValue(cursor)) await session.query('SELECT pg_replication_slot_advance($1, $2::pg_lsn)', [slot, cursor])
  return { confirmed: cursor, report: found.report }
}

/** The slot as it is, or a new one that begins now. */
export async function openOrCreate(session: Session, slot: string): Promise<OpenSlot> {
  const found = await findSlot(session, slot)
  if (found?.confirmed != null) return { confirmed: found.confirmed, report: found.report }
  const { rows } = await session.query<{ lsn: string }>(`SELECT lsn::text AS lsn FROM pg_create_logical_replication_slot($1, 'pgoutput')`, [slot])
  return { confirmed: rows[0]?.lsn ?? '0/0', report: { slot, retainedBytes: 0, lagBytes: 0, walStatus: 'reserved' } }
}

/**
 * Makes the slot anew, with a snapshot of the moment at which it begins. One of that name that a first run left behind is dropped.
 * @param replication a session of the replication protocol; the snapshot lives until it is asked the next thing or closed
 */
export async function createWithSnapshot(session: Session, replication: Session, slot: string): Promise<{ readonly lsn: string; readonly snapshot: string }> {
  await dropSlot(session, slot)
  const { rows } = await replication.query<{ consistent_point: string; snapshot_name: string }>(
    `CREATE_REPLICATION_SLOT ${quoteName(slot)} LOGICAL pgoutput EXPORT_SNAPSHOT`,
  )
  return { lsn: rows[0]?.consistent_point ?? '0/0', snapshot: rows[0]?.snapshot_name ?? '' }
}

/** Drops a slot, so that its server keeps no more of its log for it. Whether there was one. @throws SourceError `POSTGRES_SLOT_BUSY` while it is read */
export async function dropSlot(session: Session, slot: string): Promise<boolean> {
  const found = await findSlot(session, slot)
  if (found === undefined) return false
  if (found.active) throw slotBusy(session, slot)
  await session.query('SELECT pg_drop_replication_slot($1)', [slot])
  return true
}

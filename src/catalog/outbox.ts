import { redact } from '../redact.ts'
import { storableJson } from './events.ts'
import type { Database } from './database.ts'
import { isForgottenSql } from './forgotten.ts'

export const outboxStatuses = ['waiting', 'working', 'done', 'failed'] as const
export type OutboxStatus = (typeof outboxStatuses)[number]
export const outboxKinds = ['hook', 'notification'] as const
export type OutboxKind = (typeof outboxKinds)[number]

/** What causes notifications. */
export interface OutboxOrigin {
  readonly location: string
  /** `sensor NAME`, `hook NAME`. */
  readonly causedBy: string
  readonly runId?: string | undefined
  readonly stepId?: string | undefined
}

/** Keeps notifications in the transaction of what causes them; without secrets, by key and by form. */
export async function keepNotifications(
  client: Database,
  { location, causedBy, runId, stepId }: OutboxOrigin,
  notifications: readonly { readonly through: string; readonly content: unknown }[],
): Promise<void> {
  if (notifications.length === 0) return
  await client.query(
    `INSERT INTO millrace.outbox (location, kind, target, content, caused_by, run_id, step_id)
     SELECT $1, 'notification', n.target, n.content, $2, $3, $4 FROM jsonb_to_recordset($5::jsonb) AS n(target text, content jsonb)`,
    [
      location,
      causedBy,
      runId ?? null,
      stepId ?? null,
      storableJson(notifications.map(({ through, content }) => ({ target: through, content: redact(content) }))),
    ],
  )
}

export interface ClaimedOutbox {
  readonly id: string
  readonly location: string
  readonly kind: OutboxKind
  readonly target: string
  readonly content: unknown
  readonly runId: string | null
  readonly stepId: string | null
  readonly attempt: number
  readonly claim: number
  readonly createdAt: Date
}

export interface OutboxClaim {
  readonly locations: readonly string[]
  readonly session: string
  /** What this session works on. What else it has is claimed anew: the answer to that claim was lost. */
  readonly inHand: readonly string[]
  readonly limit: number
}

/**
 * Claims rows for one try each, those first that have been due the longest: what waits, and what a worker had whose lease is over.
 * Nobody else gets them while this session's lease goes on.
 */
export async function claimOutbox(database: Database, { locations, session, inHand, limit }: OutboxClaim): Promise<ClaimedOutbox[]> {
  const { rows } = await database.query<ClaimedOutbox>(
    `UPDATE millrace.outbox SET status = 'working', claim = claim + 1, attempt = attempt + 1, claimed_by = $2, claimed_at = clock_timestamp()
     WHERE id IN (SELECT id FROM millrace.outbox o
         WHERE location = ANY($1) AND status IN ('waiting', 'working') AND due_at <= clock_timestamp()
           AND (status = 'waiting' OR (claimed_by = $2 AND NOT id = ANY($4)) OR NOT EXISTS (SELECT FROM millrace.process h WHERE h.id = o.claimed_by AND h.lease_until > clock_timestamp()))
         ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED)
       AND EXISTS (SELECT FROM millrace.process me WHERE me.id = $2 AND me.lease_until > clock_timestamp())
     RETURNING id, location, kind, target, content, run_id AS "runId", step_id AS "stepId", attempt, claim, created_at AS "createdAt"`,
    [locations, session, limit, inHand],
  )
  return rows
}

type Claim = Pick<ClaimedOutbox, 'id' | 'claim'>

const isMine = `id = $1 AND claim = $2 AND status = 'working'`

/** Whether the claim is the current one, and its session's lease goes on. */
export async function holdsOutbox(database: Database, { id, claim }: Claim): Promise<boolean> {
  const { rows } = await database.query(
    `SELECT FROM millrace.outbox o WHERE ${isMine} AND EXISTS (SELECT FROM millrace.process h WHERE h.id = o.claimed_by AND h.lease_until > clock_timestamp())`,
    [id, claim],
  )
  return rows.length === 1
}

/** It was taken. False when the claim is no longer the current one. */
export async function markDone(client: Database, { id, claim }: Claim): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE millrace.outbox SET status = 'done', claimed_by = NULL, error = NULL, ended_at = clock_timestamp() WHERE ${isMine}`,
    [id, claim],
  )
  return rowCount === 1
}

/** A try came to nothing: the next one is due after the delay, or none is. False when the claim is no longer the current one. */
export async function markFailed(client: Database, { id, claim }: Claim, error: unknown, delayMs: number | undefined): Promise<boolean> {
  const { rowCount } = await client.query(
    `UPDATE millrace.outbox SET claimed_by = NULL, error = $3, status = CASE WHEN $4::float8 IS NULL THEN 'failed' ELSE 'waiting' END,
       due_at = clock_timestamp() + coalesce($4, 0) * interval '1 ms', ended_at = CASE WHEN $4 IS NULL THEN clock_timestamp() END WHERE ${isMine}`,
    [id, claim, storableJson(redact(error)), delayMs ?? null],
  )
  return rowCount === 1
}

/** Gives a row back as if it had not been tried, due again after so many ms. */
export async function releaseOutbox(database: Database, { id, claim }: Claim, delayMs = 1000): Promise<void> {
  await database.query(
    `UPDATE millrace.outbox SET status = 'waiting', attempt = attempt - 1, claimed_by = NULL, due_at = clock_timestamp() + $3 * interval '1 ms' WHERE ${isMine}`,
    [id, claim, delayMs],
  )
}

/** A person wants what was given up tried again, from the first try: one, or all of a location or of everywhere, less of what was forgotten. Answers which. */
export async function retryOutbox(database: Database, which: { readonly id: string } | { readonly location: string | undefined }): Promise<string[]> {
  const [id, location] = 'id' in which ? [which.id, undefined] : [undefined, which.location]
  const { rows } = await database.query<{ id: string }>(
    `UPDATE millrace.outbox SET status = 'waiting', attempt = 0, due_at = clock_timestamp(), ended_at = NULL
     WHERE status = 'failed' AND ($1::uuid IS NULL OR id = $1) AND ($2::text IS NULL OR location = $2) AND NOT ${isForgottenSql('outbox.location')} RETURNING id`,
    [id ?? null, location ?? null],
  )
  return rows.map((row) => row.id)
}

/** Removes what ended so many days ago, a batch at a time. */
export async function forgetOutbox(database: Database, days: number): Promise<number> {
  if (days === 0) return 0
  const { rowCount } = await database.query(
    `DELETE FROM millrace.outbox WHERE id IN (
       SELECT id FROM millrace.outbox WHERE ended_at < clock_timestamp() - make_interval(days => $1) ORDER BY ended_at LIMIT 1000 FOR UPDATE SKIP LOCKED)`,
    [days],
  )
  return rowCount ?? 0
}

import type { Json } from '../definitions/json.ts'
import type { Database } from './database.ts'

/** A batch that goes to the next stage: its id and the delivery that may claim it. */
export interface BatchPointer {
  readonly batchId: string
  readonly enqueued: number
}

export interface RecordBatchRequest {
  readonly stepId: string
  readonly claim: number
  readonly raw: unknown
  readonly position: Json | undefined
  readonly cursor?: Json | undefined
  /** What fetching its pages took, without waiting for room. Whole milliseconds. */
  readonly extractMs?: number
}

/** Records the next batch of an extraction, after its bytes are durable. Undefined when the claim is no longer the current one. */
export async function recordBatch(database: Database, request: RecordBatchRequest): Promise<BatchPointer | undefined> {
  const { rows } = await database.query<{ id: string; enqueued: number }>(
    `WITH s AS (UPDATE millrace.step SET batches = batches + 1, position = $4, cursor = coalesce($5, cursor), lost_claims = 0
                WHERE id = $1 AND claim = $2 AND status = 'extracting' RETURNING id, generation, batches)
     INSERT INTO millrace.batch (step_id, generation, ordinal, raw, position, cursor, extract_ms)
     SELECT id, generation, batches - 1, $3, $4, $5, $6::int FROM s RETURNING id, enqueued`,
    [request.stepId, request.claim, JSON.stringify(request.raw), jsonOrNull(request.position), jsonOrNull(request.cursor), request.extractMs ?? null],
  )
  return rows[0] === undefined ? undefined : { batchId: rows[0].id, enqueued: rows[0].enqueued }
}

const jsonOrNull = (value: Json | undefined): string | null => (value === undefined ? null : JSON.stringify(value))

/** How many batches of a step's generation are on their way between extract and load. */
export async function countInFlight(database: Database, stepId: string, generation: number): Promise<number> {
  const { rows } = await database.query<{ n: number }>(
    `SELECT count(*)::int AS n FROM millrace.batch WHERE step_id = $1 AND generation = $2 AND status <> 'loaded'`,
    [stepId, generation],
  )
  return rows[0]?.n ?? 0
}

export interface EncodedBatch {
  readonly batchId: string
  readonly claim: number
  readonly encoded: unknown
  readonly records: number
  readonly filtered: number
  readonly rows: number
  /** Of its records. */
  readonly quarantined: number
  /** From its claim on. Whole milliseconds. */
  readonly transformMs: number
  /** What is known of its columns' values; absent where nobody asks. */
  readonly statistics?: Uint8Array | undefined
}

/** Hands a batch on to load. Undefined when the claim is no longer the current one; then the encoded bytes are nobody's. */
export async function markEncoded(database: Database, batch: EncodedBatch): Promise<BatchPointer | undefined> {
  const { rows } = await database.query<{ enqueued: number }>(
    `WITH done AS (UPDATE millrace.batch SET status = 'encoded', claimed_by = NULL, enqueued = enqueued + 1, enqueued_at = clock_timestamp(),
        encoded = $3, records = $4, filtered = $5, rows = $6, quarantined = $7, transform_ms = $8, statistics = $9, encoded_at = clock_timestamp()
     WHERE id = $1 AND claim = $2 AND status = 'recorded' RETURNING step_id, enqueued),
     moved AS (UPDATE millrace.step SET lost_claims = 0 WHERE id = (SELECT step_id FROM done) AND lost_claims > 0)
     SELECT enqueued FROM done`,
    [
      batch.batchId,
      batch.claim,
      JSON.stringify(batch.encoded),
      batch.records,
      batch.filtered,
      batch.rows,
      batch.quarantined,
      batch.transformMs,
      batch.statistics ?? null,
    ],
  )
  return rows[0] === undefined ? undefined : { batchId: batch.batchId, enqueued: rows[0].enqueued }
}

/** What transform noted of a generation's batches, where it noted something. */
export async function readNotes(database: Database, stepId: string, generation: number): Promise<unknown[]> {
  const { rows } = await database.query<{ notes: unknown }>(
    `SELECT encoded -> 'notes' AS notes FROM millrace.batch WHERE step_id = $1 AND generation = $2 AND encoded ? 'notes' ORDER BY ordinal`,
    [stepId, generation],
  )
  return rows.map((row) => row.notes)
}

/** Marks a batch as loaded. The ledger in the destination is the truth, so this needs no claim: it only ever says what is so. @param loadMs undefined: it was loaded before */
export async function markLoaded(database: Database, batchId: string, loadMs?: number): Promise<boolean> {
  const { rowCount } = await database.query(
    `UPDATE millrace.batch SET status = 'loaded', claimed_by = NULL, loaded_at = clock_timestamp(), load_ms = $2 WHERE id = $1 AND status = 'encoded'`,
    [batchId, loadMs ?? null],
  )
  return rowCount === 1
}

/** The batch after one that is loaded now, where it may not be loaded before it and is encoded already. Asked after that one's own change has committed. */
export async function nextInOrder(database: Database, batchId: string): Promise<BatchPointer | undefined> {
  const { rows } = await database.query<{ id: string; enqueued: number }>(
    `UPDATE millrace.batch n SET enqueued = n.enqueued + 1, enqueued_at = clock_timestamp()
     FROM millrace.batch b JOIN millrace.step s ON s.id = b.step_id
     WHERE b.id = $1 AND s.each_batch AND n.step_id = b.step_id AND n.generation = b.generation AND n.ordinal = b.ordinal + 1 AND n.status = 'encoded' AND n.claimed_by IS NULL
     RETURNING n.id, n.enqueued`,
    [batchId],
  )
  return rows[0] === undefined ? undefined : { batchId: rows[0].id, enqueued: rows[0].enqueued }
}

/** Sends a batch back to transform: its encoded bytes were lost, or Postgres refused some of its rows. @param found about those, written down beside its raw bytes */
export async function takeBackToRecorded(database: Database, batchId: string, claim: number, found?: object): Promise<BatchPointer | undefined> {
  const { rows } = await database.query<{ enqueued: number }>(
    `UPDATE millrace.batch SET status = 'recorded', claimed_by = NULL, encoded = NULL, statistics = NULL, enqueued = enqueued + 1, enqueued_at = clock_timestamp(),
        raw = raw || coalesce($3::jsonb, '{}')
     WHERE id = $1 AND claim = $2 AND status = 'encoded' RETURNING enqueued`,
    [batchId, claim, found === undefined ? null : JSON.stringify(found)],
  )
  return rows[0] === undefined ? undefined : { batchId, enqueued: rows[0].enqueued }
}

import * as z from 'zod'
import { readLimits, countOpenRuns } from '../run-limits.ts'
import type { Limited, RunLimit } from '../run-limits.ts'
import { readPools } from '../pools.ts'
import type { PoolRead } from '../pools.ts'
import { readPauses } from '../pauses.ts'
import type { Pause } from '../pauses.ts'
import { queueOrder } from '../run-queue.ts'
import { holdsSlotsSql, openRunsInSql } from '../step-states.ts'
import { readLocationStandings } from './locations.ts'
import type { LocationStanding } from './locations.ts'
import { readOutages } from './outages.ts'
import type { OutageRead } from './outages.ts'
import { readLiveProcesses } from './processes.ts'
import type { ProcessRead } from './processes.ts'
import { readRows, time } from './row.ts'
import type { Queryable } from './row.ts'

const HolderRow = z.object({
  location: z.string(),
  pool: z.string(),
  slots: z.int(),
  runId: z.uuid(),
  stepId: z.uuid(),
  asset: z.string(),
  since: time,
})
/** A step that holds slots of a pool. */
export type HolderRead = z.output<typeof HolderRow>

const ClaimRow = z.object({
  stepId: z.uuid(),
  /** Null where its session is no longer known. */
  host: z.string().nullable(),
  pid: z.int().nullable(),
  silentSeconds: z.number().nullable(),
  leaseSeconds: z.number(),
  /** Negative: it ran out that long ago. */
  leaseLeftSeconds: z.number().nullable(),
})
/** Who holds a step, and whether it is still heard of. */
export type ClaimRead = z.output<typeof ClaimRow>

/** Where a run stands in the queue. */
export interface QueuePlace {
  /** From 1. */
  readonly place: number
  /** How many wait. */
  readonly waiting: number
  /** Where it is to be tried again: when. ISO. */
  readonly retryAt: string | null
  readonly retried: number
  readonly retries: number
}

/** What may stand in the way of runs and steps of a location, besides what their own rows say. */
export interface Surroundings {
  readonly locations: readonly LocationStanding[]
  readonly processes: readonly ProcessRead[]
  readonly outages: readonly OutageRead[]
  readonly pauses: readonly Pause[]
  readonly pools: readonly PoolRead[]
  readonly holders: readonly HolderRead[]
  readonly claims: readonly ClaimRead[]
}

/** Reads what may stand in the way of a run's steps. */
export async function readSurroundings(db: Queryable, runId: string): Promise<Surroundings> {
  const [locations, processes, outages, pauses, pools, holders, claims] = [
    await readLocationStandings(db),
    await readLiveProcesses(db),
    await readOutages(db),
    await readPauses(db),
    await readPools(db),
    await readHolders(db, runId),
    await readClaims(db, runId),
  ]
  return { locations, processes, outages, pauses, pools, holders, claims }
}

function readHolders(db: Queryable, runId: string): Promise<HolderRead[]> {
  return readRows(
    db,
    HolderRow,
    `SELECT h.location, h.pool, h.slots, h.run_id AS "runId", h.id AS "stepId", h.asset, coalesce(h.held_at, h.started_at, clock_timestamp()) AS since
     FROM millrace.step h WHERE ${holdsSlotsSql('h')} AND (h.location, h.pool) IN (SELECT location, pool FROM millrace.step WHERE run_id = $1 AND pool IS NOT NULL)
     ORDER BY since LIMIT 50`,
    [runId],
  )
}

function readClaims(db: Queryable, runId: string): Promise<ClaimRead[]> {
  return readRows(
    db,
    ClaimRow,
    `SELECT s.id AS "stepId", p.host, p.pid, coalesce(p.lease_ms, 8000) / 1000.0::float8 AS "leaseSeconds",
            extract(epoch FROM p.lease_until - clock_timestamp())::float8 AS "leaseLeftSeconds",
            extract(epoch FROM clock_timestamp() - p.lease_until)::float8 + coalesce(p.lease_ms, 8000) / 1000.0::float8 AS "silentSeconds"
     FROM millrace.step s LEFT JOIN millrace.process p ON p.id = s.claimed_by WHERE s.run_id = $1 AND s.claimed_by IS NOT NULL AND s.ended_at IS NULL`,
    [runId],
  )
}

const PlaceRow = z.object({ place: z.coerce.number(), waiting: z.coerce.number(), retryAt: time.nullable(), retried: z.int(), retries: z.int() })
const OpenRow = z.object({ id: z.uuid(), location: z.string(), tags: z.record(z.string(), z.string()), since: time })
/** A run that goes on, and counts against limits. */
export type OpenRunRead = z.output<typeof OpenRow>

/** What keeps a queued run where it is. */
export interface QueueRead {
  readonly place: QueuePlace
  readonly limits: readonly RunLimit[]
  readonly counts: readonly (Limited & { readonly runs: number })[]
  /** The runs that go on, the oldest first. */
  readonly open: readonly OpenRunRead[]
}

/** Reads the queue as one run sees it; undefined where it is not in it. */
export async function readQueue(db: Queryable, runId: string): Promise<QueueRead | undefined> {
  const [place] = await readRows(
    db,
    PlaceRow,
    `SELECT place, waiting, retry_at AS "retryAt", retried, retries FROM (
       SELECT id, retry_at, retried, retries, row_number() OVER (ORDER BY ${queueOrder}) AS place, count(*) OVER () AS waiting FROM millrace.run WHERE status = 'queued') q WHERE id = $1`,
    [runId],
  )
  if (place === undefined) return undefined
  const open = await readRows(
    db,
    OpenRow,
    `SELECT id, location, tags, coalesce(started_at, created_at) AS since FROM millrace.run WHERE status IN ${openRunsInSql} ORDER BY since LIMIT 200`,
  )
  return { place, limits: await readLimits(db), counts: await countOpenRuns(db), open }
}

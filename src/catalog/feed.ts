import * as z from 'zod'
import type { RunEnd } from '../definitions/sensor.ts'
import { MaterializationFacts, RunFacts } from '../definitions/run-facts.ts'
import { redact } from '../redact.ts'
import { readRows } from './read/row.ts'
import type { Queryable } from './read/row.ts'
import { readSettled } from './read/settled.ts'
import type { Settled } from './read/settled.ts'

/** How far somebody has got with the log of what was materialized and which runs have ended. */
export interface FeedPlace {
  /** The number of the last event that was seen or passed. */
  readonly event: string
  /** When it was logged, or passed, as Postgres says it. */
  readonly at: string
}

export interface FeedPage<One> {
  /** The oldest first. */
  readonly found: readonly One[]
  /** Where to go on. */
  readonly next: FeedPlace
  /** There may be more at once. */
  readonly more: boolean
}

interface FeedRequest {
  readonly after: FeedPlace
  readonly limit: number
  /** What runs of this location that were launched so did is left out. */
  readonly except: { readonly location: string; readonly launchedBy: string }
  /** How long to wait for somebody who writes events and does not finish, in ms. */
  readonly patienceMs?: number
}

/** What a look through the log found: an event, where there is one, and how far it went. */
const Look = z.object({
  event: z.string().nullable(),
  at: z.string().nullable(),
  facts: z.unknown(),
  lastEvent: z.string().nullable(),
  lastAt: z.string().nullable(),
  full: z.boolean(),
})

/** So many events are looked through at once, whatever is sought among them: a sensor that is far behind costs a few ms a look. */
const eventsAtOnce = 1000

const location = `coalesce(r.location, e.data ->> 'location')`

/** What was materialized of some assets of a location, by runs or as somebody reported. */
export function readMaterializations(
  db: Queryable,
  request: FeedRequest & { readonly location: string; readonly assets: readonly string[] },
): Promise<FeedPage<MaterializationFacts>> {
  return readFeed(db, MaterializationFacts, request, {
    // What was reported is of no run: then the event itself says where, which partition, and the metadata.
    facts: `jsonb_build_object('event', e.id::text, 'asset', e.asset, 'location', ${location}, 'runId', r.id, 'at', millrace.iso_time(e.at),
      'partitions', CASE WHEN e.run_id IS NOT NULL THEN to_jsonb(s.partitions) WHEN e.data ? 'partition' THEN jsonb_build_array(e.data -> 'partition') END,
      'metadata', CASE WHEN e.run_id IS NOT NULL THEN e.data ELSE e.data -> 'metadata' END)`,
    from: 'LEFT JOIN millrace.step s ON s.id = e.step_id',
    kind: 'materialization',
    where: `${location} = $9 AND e.asset = ANY($10)`,
    values: [request.location, request.assets],
  })
}

/** Runs that have ended, as they were then. */
export function readEndedRuns(
  db: Queryable,
  request: FeedRequest & {
    readonly ends: readonly RunEnd[]
    readonly jobs?: readonly string[] | undefined
    readonly locations?: readonly string[] | undefined
  },
): Promise<FeedPage<RunFacts>> {
  const end = `coalesce(e.data ->> 'status', r.status)`
  return readFeed(db, RunFacts, request, {
    // The row may be in the queue again by now.
    facts: `millrace.run_facts(r) || jsonb_build_object('status', ${end}, 'endedAt', millrace.iso_time(e.at)) || (e.data - 'status')`,
    from: '',
    kind: 'run ended',
    where: `${end} = ANY($9) AND ($10::text[] IS NULL OR r.job = ANY($10)) AND ($11::text[] IS NULL OR r.location = ANY($11))`,
    values: [request.ends, request.jobs ?? null, request.locations ?? null],
  })
}

interface FeedSql {
  readonly kind: string
  readonly facts: string
  readonly from: string
  readonly where: string
  readonly values: readonly unknown[]
}

const feed = `kind IN ('materialization', 'run ended')`

/**
 * Reads on by number, and never past an event that is yet to be committed. Only days from the place on are looked at, with one to spare for clocks that were set back.
 * What a run did that is forgotten by now is left out.
 */
async function readFeed<One extends z.ZodType>(db: Queryable, one: One, request: FeedRequest, sql: FeedSql): Promise<FeedPage<z.output<One>>> {
  const { after, limit, patienceMs } = request
  const [began] = await readRows(db, z.object({ at: z.string() }), `SELECT clock_timestamp()::text AS at`)
  const settled = await readSettled(db, patienceMs)
  for (let from = after; ;) {
    const { found, last, full } = await look(db, { ...request, after: from }, settled, sql)
    const facts = z.array(one).parse(redact(found.map((row) => row.facts)))
    if (found.length === limit) return { found: facts, next: found.at(-1)?.place ?? from, more: true }
    if (full && last !== undefined) {
      if (found.length > 0) return { found: facts, next: last, more: true }
      from = last
      continue
    }
    // Where somebody who writes stands still, what comes after the last that was seen may yet have lower numbers.
    return { found: facts, next: settled.before === null ? passed(from, settled.last, began?.at) : (last ?? from), more: false }
  }
}

interface Looked {
  readonly found: readonly { readonly facts: unknown; readonly place: FeedPlace }[]
  /** The last event that was looked at. */
  readonly last: FeedPlace | undefined
  /** There may be more behind it. */
  readonly full: boolean
}

/** Looks through the next events for what is sought. Each run is looked up by itself (OFFSET 0): to join them, Postgres would read all runs there are. */
async function look(db: Queryable, { after, limit, except }: FeedRequest, settled: Settled, sql: FeedSql): Promise<Looked> {
  const days = `at >= least($2::timestamptz, now()) - interval '1 day'`
  const rows = await readRows(
    db,
    Look,
    `WITH seen AS MATERIALIZED (
       SELECT id, at, run_id, step_id, asset, data FROM millrace.event WHERE retention = 'history' AND ${feed} AND kind = $8 AND ${days} AND id > $1::bigint AND id <= $3::bigint
         AND ($4::timestamptz IS NULL OR id < (SELECT coalesce(min(id), $3::bigint + 1) FROM millrace.event
           WHERE retention = 'history' AND ${feed} AND ${days} AND id > $1::bigint AND at >= $4))
       ORDER BY id LIMIT ${String(eventsAtOnce)}),
     passed AS (SELECT (array_agg(id::text ORDER BY id DESC))[1] AS last, (array_agg(at::text ORDER BY id DESC))[1] AS at, count(*) = ${String(eventsAtOnce)} AS full FROM seen),
     sought AS MATERIALIZED (
       SELECT e.* FROM seen e LEFT JOIN LATERAL (SELECT location, launched_by, status, job FROM millrace.run WHERE id = e.run_id OFFSET 0) r ON true
       WHERE (r.location IS NOT NULL OR e.run_id IS NULL) AND (r.location = $5 AND r.launched_by = $6) IS NOT TRUE AND ${sql.where} ORDER BY e.id LIMIT $7),
     found AS (SELECT e.id, e.at, ${sql.facts} AS facts FROM sought e LEFT JOIN millrace.run r ON r.id = e.run_id ${sql.from})
     SELECT f.id::text AS event, f.at::text AS at, f.facts, p.last AS "lastEvent", p.at AS "lastAt", p.full FROM passed p LEFT JOIN found f ON true ORDER BY f.id`,
    [after.event, after.at, settled.last, settled.before, except.location, except.launchedBy, limit, sql.kind, ...sql.values],
  )
  const [first] = rows
  return {
    found: rows.flatMap(({ event, at, facts }) => (event === null || at === null ? [] : [{ facts, place: { event, at } }])),
    last: first === undefined || first.lastEvent === null || first.lastAt === null ? undefined : { event: first.lastEvent, at: first.lastAt },
    full: first?.full ?? false,
  }
}

function passed(after: FeedPlace, event: string, at: string | undefined): FeedPlace {
  return BigInt(event) > BigInt(after.event) ? { event, at: at ?? after.at } : after
}

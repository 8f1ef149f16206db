import { ConfigError } from 'millrace'
import pg from 'pg'
import * as z from 'zod'
import { DeviceRow } from './rows.ts'

/** What is pushed to a device. */
export interface PushTarget {
  readonly id: string
  readonly organization: string
  readonly fleet: string
  readonly userId: string | null
  readonly userName: string | null
  /** Empty: none. */
  readonly configuration: string
  /** Whether it was ever listed, and so can be pushed to. */
  readonly synced: boolean
  readonly deleted: boolean
}

/** A device of a snapshot. */
export interface SnapshotDevice {
  readonly id: string
  readonly organization: string
  readonly fleet: string
}

/** The table `tinymdm.device`, and `tinymdm.device_config`, in which people and other programs say what a device is to be given. */
export interface DeviceStore {
  /** All that is stored; of what is deleted without the raw device. */
  readonly known: () => Promise<DeviceRow[]>
  /**
   * The devices of each organization's latest snapshot within the day before a time (ISO 8601): that of the run's own sync where the organization answered it. In the order
   * of their ids, each once; undefined where no snapshot was ever stored. A later sync changes nothing.
   */
  readonly snapshot: (noLater: string) => Promise<SnapshotDevice[] | undefined>
  readonly targets: (which: { readonly ids: readonly string[] } | { readonly organization: string }) => Promise<PushTarget[]>
  readonly close: () => Promise<void>
}

const time = (column: string): string => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

/** Without it nothing is configured; made here, so that it can be written before anything was pushed. */
const makeConfig = `CREATE TABLE IF NOT EXISTS tinymdm.device_config (
  device_id text PRIMARY KEY,
  user_name text,
  configuration text
)`

const Snapshot = z.object({ id: z.string(), organization: z.string(), fleet: z.string() })

const Target = z.object({
  id: z.string(),
  organization: z.string(),
  fleet: z.string(),
  userId: z.string().nullable(),
  userName: z.string().nullable(),
  configuration: z.string(),
  synced: z.boolean(),
  deleted: z.boolean(),
})

/**
 * Opens nothing yet.
 * @throws ConfigError where the environment does not say where tables are stored
 */
export function openDeviceStore(env: Readonly<Record<string, string | undefined>>): DeviceStore {
  const connectionString = env['DESTINATION_URL']
  if (connectionString === undefined || connectionString === '') {
    throw new ConfigError('DESTINATION_URL is not set', { code: 'DESTINATION_UNSET', hint: 'Workers set it; elsewhere, set it in the environment.' })
  }
  const pool = new pg.Pool({
    connectionString: asPsqlReadsIt(connectionString),
    max: 4,
    idleTimeoutMillis: 10_000,
    connectionTimeoutMillis: 10_000,
    query_timeout: 60_000,
  })
  // One that breaks while nobody uses it is dropped; without a listener that would end the process.
  pool.on('error', () => undefined)

  const isThere = async (table: string): Promise<boolean> => {
    const { rows } = await pool.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [table])
    return rows[0]?.there === true
  }

  async function prepare(): Promise<void> {
    if (await isThere('tinymdm.device_config')) return
    // Two at once would stand in each other's way, IF NOT EXISTS or not.
    await pool.query(`DO $$ BEGIN
      PERFORM pg_advisory_xact_lock(hashtextextended('tinymdm.device_config', 0));
      CREATE SCHEMA IF NOT EXISTS tinymdm;
      ${makeConfig};
    END $$`)
  }

  return {
    async known() {
      await prepare()
      if (!(await isThere('tinymdm.device'))) return []
      const { rows } = await pool.query(
        `SELECT id, organization, fleet, name, serial_number AS "serialNumber", user_id AS "userId", user_name AS "userName",
           CASE WHEN deleted_at IS NULL THEN raw END AS raw, ${time('first_listed_at')} AS "firstListedAt",
           ${time('last_listed_at')} AS "lastListedAt", ${time('deleted_at')} AS "deletedAt"
         FROM tinymdm.device`,
      )
      return z.array(DeviceRow).parse(rows)
    },
    async snapshot(noLater) {
      if (!(await isThere('tinymdm.device_snapshot'))) return undefined
      // A loose index scan: of millions of rows it looks at one for each organization.
      const { rows } = await pool.query(
        `WITH RECURSIVE o AS (
           (SELECT organization FROM tinymdm.device_snapshot ORDER BY organization LIMIT 1)
           UNION ALL
           SELECT (SELECT s.organization FROM tinymdm.device_snapshot s WHERE s.organization > o.organization ORDER BY s.organization LIMIT 1)
           FROM o WHERE o.organization IS NOT NULL)
         SELECT DISTINCT ON (s.id) s.id, s.organization, s.fleet FROM o
         CROSS JOIN LATERAL (SELECT max(synced_at) AS synced_at FROM tinymdm.device_snapshot
           WHERE organization = o.organization AND synced_at <= $1::timestamptz AND synced_at > $1::timestamptz - interval '1 day') latest
         JOIN tinymdm.device_snapshot s ON s.organization = o.organization AND s.synced_at = latest.synced_at
         ORDER BY s.id, s.synced_at DESC`,
        [noLater],
      )
      return z
        .array(Snapshot)
        .parse(rows)
        .toSorted((one, other) => (one.id < other.id ? -1 : 1))
    },
    async targets(which) {
      await prepare()
      if (!(await isThere('tinymdm.device'))) return []
      const [condition, value] = 'ids' in which ? ['d.id = ANY($1)', which.ids] : ['d.organization = $1', which.organization]
      const { rows } = await pool.query(
        `SELECT d.id, d.organization, d.fleet, d.user_id AS "userId", coalesce(c.user_name, d.user_name) AS "userName",
           coalesce(c.configuration, '') AS configuration, d.raw IS NOT NULL AS synced, d.deleted_at IS NOT NULL AS deleted
         FROM tinymdm.device d LEFT JOIN tinymdm.device_config c ON c.device_id = d.id WHERE ${condition} ORDER BY d.id`,
        [value],
      )
      return z.array(Target).parse(rows)
    },
    close: () => pool.end(),
  }
}

/** With `sslmode` meaning what it means to psql and to Millrace; the driver alone takes `require` for `verify-full`. */
function asPsqlReadsIt(address: string): string {
  const url = new URL(address)
  if (url.searchParams.has('sslmode')) url.searchParams.set('uselibpqcompat', 'true')
  return url.href
}

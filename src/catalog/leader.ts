import type { Database } from './database.ts'

/**
 * Takes or keeps the lead. Leases and their ends are the database's time.
 * @returns the epoch led, or undefined while another leads
 */
export async function lead(database: Database, name: string, holder: string, leaseMs: number): Promise<string | undefined> {
  const { rows } = await database.query<{ epoch: string }>(
    `INSERT INTO millrace.leader AS l (name, holder, epoch, lease_until) VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 ms')
     ON CONFLICT (name) DO UPDATE SET
       epoch = CASE WHEN l.holder = $2 AND l.lease_until > clock_timestamp() THEN l.epoch ELSE l.epoch + 1 END,
       holder = $2, lease_until = excluded.lease_until
     WHERE l.holder = $2 OR l.lease_until <= clock_timestamp()
     RETURNING epoch`,
    [name, holder, leaseMs],
  )
  return rows[0]?.epoch
}

/** Gives the lead up, so that a standby need not wait for the lease to run out. */
export async function resignLead(database: Database, name: string, holder: string): Promise<void> {
  await database.query(`UPDATE millrace.leader SET lease_until = clock_timestamp() WHERE name = $1 AND holder = $2`, [name, holder])
}

/** Locks the leader's row and says whether this epoch still leads: what a leader writes in the same transaction is refused under an older one. */
export async function holdsLead(database: Database, name: string, epoch: string): Promise<boolean> {
  const { rows } = await database.query(`SELECT 1 FROM millrace.leader WHERE name = $1 AND epoch = $2 FOR SHARE`, [name, epoch])
  return rows.length === 1
}

import type { Database } from './database.ts'

/** What time it is by the database, whose clock all processes share. */
export async function databaseTime(database: Database): Promise<Date> {
  const { rows } = await database.query<{ now: Date }>('SELECT clock_timestamp() AS now')
  return rows[0]?.now ?? new Date()
}

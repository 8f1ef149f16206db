import * as z from 'zod'
import type { Database } from './database.ts'

const BoardAddress = z.object({ url: z.url(), machine: z.string() })
/** Where a board listens, and on which machine. */
export type BoardAddress = z.output<typeof BoardAddress>

/** Writes down where a board is: its port may be another than the settings say. The last one that started counts. */
export async function tellBoardAddress(database: Database, address: BoardAddress): Promise<void> {
  await database.query(`INSERT INTO millrace.setting (name, value) VALUES ('board', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, [
    JSON.stringify(address),
  ])
}

/** Where the board is that started last; undefined where none has. It may have ended since. */
export async function readBoardAddress(database: Database): Promise<BoardAddress | undefined> {
  const { rows } = await database.query<{ value: unknown }>(`SELECT value FROM millrace.setting WHERE name = 'board'`)
  return BoardAddress.safeParse(rows[0]?.value).data
}

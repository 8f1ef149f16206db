import pg from 'pg'
import { reasonOf } from '../../postgres.ts'
import { storeDown, storeRefused } from '../store-error.ts'

/** A statement names a table that is not there. */
export class TableMissingError extends Error {
  override readonly name = 'TableMissingError'
}

/** Lost connections, conflicts with others, no room, a lock or an object in the way, an operator, the system; and a server that takes no writes. */
const passing = /^(08...|40...|53...|55...|57...|58...|25006)$/

/** What an error of the driver means. */
export function explainPostgres(error: unknown, store: string): Error {
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : undefined
  if (code === '42P01') return new TableMissingError(reasonOf(error), { cause: error })
  if (code === undefined || passing.test(code)) return error instanceof TableMissingError ? error : storeDown(store, reasonOf(error), error)
  return storeRefused(store, reasonOf(error), hintOf(code), error)
}

function hintOf(code: string): string {
  if (code === '42501')
    return 'Let the role of the destination’s URL create the schema and the table, or make them beforehand and grant SELECT, INSERT, UPDATE and DELETE.'
  if (code.startsWith('28') || code === '3D000') return 'Mend the URL of the destination.'
  if (code === '42703' || code === '42P10' || code === '42804')
    return 'The table has other columns or another key than the I/O manager makes: name another table, or mend it.'
  return 'See what the message says; the value before was left as it is.'
}

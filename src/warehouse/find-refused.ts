import pg from 'pg'
import { storableText } from '../errors.ts'
import { copy } from './copy.ts'
import { rowsOf } from './encoded-rows.ts'
import { findUnreadable } from './find-unreadable.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'
import type { LoadBatchRequest } from './load-batch.ts'
import type { Refusal } from './refusal.ts'
import { stagingTable } from './staging.ts'

/** What is about the server, the connection or the transaction, though a COPY was under way. */
const ofTheServer = /^(08|25|40|53|55|57|58|XX)/

/** Whether a COPY failed because of what one of its rows holds: then Postgres says which. The codes of types' input functions are of any class. */
export function isRefusal(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && !ofTheServer.test(error.code ?? '') && /^COPY \S+\D+\d/.test(error.where ?? '')
}

// A failed COPY costs a round trip and what was sent after its row: few rows at first, twice as many each time that all of them are good.
const firstWindow = 64

const probe = 'millrace_probe'

/**
 * All the rows of a stream that Postgres does not take: types that only it can read (`interval`, an extension's, a domain) are checked
 * nowhere before.
 * @throws what COPY throws where that is not about a row
 */
export async function findRefused(client: pg.ClientBase, request: LoadBatchRequest): Promise<Refusal[]> {
  const unreadable = await findUnreadable(client, request)
  // Where no value is, it is something else of the rows.
  return unreadable === undefined || unreadable.length === 0 ? tryAll(client, request) : unreadable
}

/** Tries the rows on a table like theirs, which goes with its transaction; each row is read about twice. */
async function tryAll(client: pg.ClientBase, request: LoadBatchRequest): Promise<Refusal[]> {
  const into = quoteTable(request.direct?.table ?? stagingTable(request.stepId, request.generation))
  const rows = rowsOf(request)
  const refused: Refusal[] = []
  await client.query('BEGIN')
  try {
    await client.query(`CREATE TEMP TABLE ${probe} (LIKE ${into} INCLUDING CONSTRAINTS INCLUDING DEFAULTS) ON COMMIT DROP`)
    for (let from = 0, window = firstWindow; from < rows.count;) {
      const to = Math.min(from + window, rows.count)
      const refusal = await tryRows(client, request, rows.bytes(from, to))
      if (refusal === undefined) {
        from = to
        window *= 2
      } else {
        refused.push({ ...refusal, row: from + refusal.row })
        from += refusal.row + 1
        window = firstWindow
      }
    }
  } finally {
    await client.query('ROLLBACK')
  }
  return refused
}

async function tryRows(client: pg.ClientBase, { columns, format }: LoadBatchRequest, bytes: Uint8Array): Promise<Refusal | undefined> {
  await client.query('SAVEPOINT rows')
  try {
    const names = columns.map((column) => quoteIdentifier(column.name)).join(', ')
    await copy(client, `COPY ${probe} (${names}) FROM STDIN (FORMAT ${format})`, bytes)
    return undefined
  } catch (error) {
    if (!isRefusal(error)) throw error
    // `COPY millrace_probe, line 17, column wait: "soon"`, in the server's language.
    const found = new RegExp(`${probe}\\D+(\\d+)(?:, \\S+ ([^:]+?) ?: "(.*)"$)?`, 's').exec(error.where ?? '')
    if (found === null) throw error
    const [, line, column, value = ''] = found
    const known = columns.find((one) => one.name === column)
    await client.query('ROLLBACK TO SAVEPOINT rows')
    return {
      row: Number(line) - 1,
      column: known?.name ?? '(row)',
      message: storableText(error.message),
      value: known === undefined ? '' : JSON.stringify(value.slice(0, 200).toWellFormed()),
    }
  }
}

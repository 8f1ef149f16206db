import pg from 'pg'
import * as z from 'zod'
import { storableText } from '../errors.ts'
import { copy } from './copy.ts'
import type { LoadBatchRequest } from './load-batch.ts'
import { quoteIdentifier, quoteTable } from './identifier.ts'
import { stagingTable } from './staging.ts'

/** A row that Postgres does not take. */
export const Refusal = z.object({
  /** In its stream, from 0. */
  row: z.int(),
  /** `(row)` where Postgres does not say. */
  column: z.string(),
  message: z.string(),
  /** The value as Postgres quotes it. */
  value: z.string(),
})
export type Refusal = z.output<typeof Refusal>

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
 * nowhere before. Tries them on a table like theirs, which goes with its transaction; each row is read about twice.
 * @throws what COPY throws where that is not about a row
 */
export async function findRefused(client: pg.ClientBase, request: LoadBatchRequest): Promise<Refusal[]> {
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

interface EncodedRows {
  readonly count: number
  /** A stream of some of them. */
  bytes(from: number, to: number): Uint8Array
}

const signature = 19

function rowsOf({ bytes, format, rows }: LoadBatchRequest): EncodedRows {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const ends = format === 'text' ? textEnds(view, rows) : binaryEnds(view, rows)
  const head = format === 'text' ? 0 : signature
  return {
    count: rows,
    bytes(from, to) {
      const some = view.subarray(from === 0 ? head : ends[from - 1], ends[to - 1])
      return format === 'text' ? some : Buffer.concat([view.subarray(0, signature), some, Buffer.from([0xff, 0xff])])
    },
  }
}

/** The encoder escapes line ends, so that each one is a row's. */
function textEnds(view: Buffer, rows: number): number[] {
  const ends: number[] = []
  for (let at = view.indexOf(10); at >= 0 && ends.length < rows; at = view.indexOf(10, at + 1)) ends.push(at + 1)
  return ends
}

function binaryEnds(view: Buffer, rows: number): number[] {
  const ends: number[] = []
  for (let at = signature; ends.length < rows;) {
    const cells = view.readInt16BE(at)
    at += 2
    for (let cell = 0; cell < cells; cell += 1) at += 4 + Math.max(0, view.readInt32BE(at))
    ends.push(at)
  }
  return ends
}

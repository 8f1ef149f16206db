import { Readable } from 'node:stream'
import type { Json } from '../../definitions/json.ts'
import { readerOf } from '../formats/pgcopy-values.ts'
import { describe } from './describe.ts'
import type { Described } from './describe.ts'
import { quoteName, quoteText, textOf } from './literal.ts'
import type { PostgresValue } from './literal.ts'
import { optionError } from './postgres-error.ts'
import { beginReading } from './query-rows.ts'
import type { Session } from './session.ts'
import { findTable } from './table-key.ts'
import { tuplePages } from './tuple-pages.ts'
import type { PagedTuples, TuplePagesOptions } from './tuple-pages.ts'
import { fieldsOf } from './tuple.ts'

export interface TableRows extends TuplePagesOptions {
  readonly table: string
  readonly columns: readonly string[] | undefined
  readonly chunkBy: readonly string[] | undefined
  readonly chunkRows: number
  /** Connections that read. */
  readonly parallel: number
  /** Of the last page of an attempt before. */
  readonly position: Json | undefined
}

/** A page, and the key of its last row; without one where the table has no key. */
export interface KeyedTuples extends PagedTuples {
  readonly position?: Json
}

/** A key's values, as text. */
type Key = readonly string[]

/** Pages that are read ahead of each chunk but the first. With pages of 1 MiB a chunk of 20,000 rows is there whole. */
const pagesAhead = 4

interface Plan extends Described {
  readonly name: string
  readonly key: readonly string[]
  readonly rows: TableRows
}

/** The rows of a table: in the order of its key, chunk by chunk, where it has one; `open` makes one more connection. */
export async function* tableRows(session: Session, open: () => Promise<Session>, rows: TableRows): AsyncGenerator<KeyedTuples, void, undefined> {
  await session.query(beginReading)
  const { name, key } = await findTable(session, rows.table, rows.chunkBy)
  // A key's columns are asked for, if need be beside the others: the position is read from them.
  const asked = rows.columns === undefined ? undefined : [...rows.columns, ...key.filter((column) => rows.columns?.includes(column) === false)]
  const described = await describe(session, `SELECT ${asked?.map(quoteName).join(', ') ?? '*'} FROM ${name}`, columnOf)
  const plan: Plan = { ...described, name, key, rows }
  const after = afterPosition(session, plan)
  if (key.length === 0) yield* tuplePages(session, `SELECT ${plan.select} FROM ${name} AS t`, plan.columns, rows)
  else if (rows.parallel === 1) yield* oneByOne(session, plan, after)
  else yield* sideBySide(session, open, plan, after)
  await session.query('COMMIT')
}

/** @throws ConfigError `POSTGRES_POSITION`: the position is of another key. */
function afterPosition(session: Session, { key, rows: { position, table } }: Plan): Key | undefined {
  if (position === undefined) return undefined
  if (typeof position === 'object' && position !== null && 'key' in position && 'after' in position) {
    const { key: names, after } = position
    if (Array.isArray(after) && JSON.stringify(names) === JSON.stringify(key)) return after.map(String)
  }
  throw optionError(
    'POSTGRES_POSITION',
    `The table ${table} in ${session.place.name} is read by ${key.join(', ') || 'no key'}, and the position to go on from is of another key.`,
    'Launch a new run.',
  )
}

const tupleOf = (parts: readonly string[]): string => (parts.length === 1 ? (parts[0] ?? '') : `(${parts.join(', ')})`)
/** Behind the table's alias: by its bare name a column that is asked for as text would be sorted as text. */
const columnOf = (name: string): string => `t.${quoteName(name)}`
const columnsOf = (key: readonly string[]): string => tupleOf(key.map(columnOf))
/** Literals without a type, which take that of the column they are compared with. */
const literalsOf = (key: Key): string => tupleOf(key.map(quoteText))

function selectChunk({ select, name, key, rows }: Plan, after: Key | undefined, upTo: Key | undefined): string {
  const bounds = [
    ...(after === undefined ? [] : [`${columnsOf(key)} > ${literalsOf(after)}`]),
    ...(upTo === undefined ? [] : [`${columnsOf(key)} <= ${literalsOf(upTo)}`]),
  ]
  const where = bounds.length === 0 ? '' : ` WHERE ${bounds.join(' AND ')}`
  return `SELECT ${select} FROM ${name} AS t${where} ORDER BY ${key.map(columnOf).join(', ')} LIMIT ${String(rows.chunkRows)}`
}

/** The index in its order, for every chunk: a sort of the whole table for each would be the table squared. */
async function readByIndex(session: Session): Promise<void> {
  await session.query('SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off')
}

function lastKeyOf({ key, columns }: Plan, tuple: Buffer): Key {
  const fields = fieldsOf(tuple)
  return key.map((name) => {
    const index = columns.findIndex((column) => column.name === name)
    const { at, length } = fields[index] ?? { at: 0, length: 0 }
    const value = readerOf(columns[index]?.oid ?? 25)?.(tuple, at, length)
    return textOf(value as Exclude<PostgresValue, null>)
  })
}

async function* chunkPages(session: Session, plan: Plan, after: Key | undefined, upTo: Key | undefined): AsyncGenerator<KeyedTuples & { readonly after: Key }> {
  for await (const page of tuplePages(session, selectChunk(plan, after, upTo), plan.columns, plan.rows)) {
    const last = lastKeyOf(plan, page.lastTuple)
    yield { ...page, after: last, position: { key: plan.key, after: last } }
  }
}

async function* oneByOne(session: Session, plan: Plan, from: Key | undefined): AsyncGenerator<KeyedTuples, void, undefined> {
  await readByIndex(session)
  for (let after = from; ;) {
    let rows = 0
    for await (const page of chunkPages(session, plan, after, undefined)) {
      rows += page.rows
      after = page.after
      yield page
    }
    if (rows < plan.rows.chunkRows) return
  }
}

/** Where chunks end: the key of every `chunkRows`th row; undefined of the last chunk. */
async function* chunkEnds(session: Session, { key, name, rows }: Plan, from: Key | undefined): AsyncGenerator<Key | undefined, void, undefined> {
  const columns = key.map(columnOf)
  for (let after = from; ;) {
    const where = after === undefined ? '' : `WHERE ${columnsOf(key)} > ${literalsOf(after)}`
    const { rows: found } = await session.query<{ key: string[] }>(
      `SELECT ARRAY[${columns.map((column) => `${column}::text`).join(', ')}] AS key FROM ${name} AS t ${where}
       ORDER BY ${columns.join(', ')} OFFSET ${String(rows.chunkRows - 1)} LIMIT 1`,
    )
    after = found[0]?.key
    yield after
    if (after === undefined) return
  }
}

/**
 * Chunks read by several connections under the snapshot of the first, and handed on in the key's order. What is read ahead of its turn
 * is bounded by pages, so memory is, whatever a chunk's size.
 */
async function* sideBySide(session: Session, open: () => Promise<Session>, plan: Plan, from: Key | undefined): AsyncGenerator<KeyedTuples, void, undefined> {
  await readByIndex(session)
  const { rows } = await session.query<{ snapshot: string }>('SELECT pg_export_snapshot() AS snapshot')
  const ends = chunkEnds(session, plan, from)
  const ahead: { readonly reader: Session; readonly pages: Readable }[] = []
  const readers: Session[] = []
  let after = from
  const start = async (reader: Session): Promise<void> => {
    const end = await ends.next()
    if (end.done === true) return
    const pages = Readable.from(chunkPages(reader, plan, after, end.value), { objectMode: true, highWaterMark: pagesAhead })
    // Its error is thrown to whoever reads it, in its turn.
    pages.on('error', () => undefined)
    pages.read(0)
    ahead.push({ reader, pages })
    after = end.value
  }
  try {
    for (let index = 0; index < plan.rows.parallel; index += 1) {
      const reader = await open()
      readers.push(reader)
      await reader.query(`${beginReading}; SET TRANSACTION SNAPSHOT ${quoteText(rows[0]?.snapshot ?? '')}`)
      await readByIndex(reader)
      await start(reader)
    }
    for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
      for await (const page of next.pages) yield page as KeyedTuples
      await start(next.reader)
    }
  } finally {
    for (const { pages } of ahead) pages.destroy()
    await Promise.all(readers.map((reader) => reader.close()))
  }
}

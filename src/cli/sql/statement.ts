import pg from 'pg'
import { MillraceError } from '../../errors.ts'

// pg reads the mode, but its types do not know it. One statement only, by the protocol itself: "select 1; drop table x" is refused by the server.
interface TextQuery extends pg.QueryArrayConfig {
  readonly queryMode: 'extended'
}

const asText = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig

function textQuery(text: string): TextQuery {
  return { text, rowMode: 'array', types: asText, queryMode: 'extended' }
}

export interface ResultField {
  readonly name: string
  /** The type's oid. */
  readonly type: number
}

/** Rows of a statement, every value as Postgres prints it; null is NULL. */
export interface ResultPage {
  readonly fields: readonly ResultField[]
  readonly rows: readonly (readonly (string | null)[])[]
}

export interface StatementOptions {
  readonly text: string
  /** Without, the server refuses whatever would change anything. */
  readonly write: boolean
  /** Rows fetched at a time. */
  readonly pageRows: number
}

/** What a statement did: `SELECT`, `INSERT`. */
export interface StatementSummary {
  readonly command: string
  readonly rowCount: number | null
}

/**
 * Runs one statement. A query is read through a cursor of the server's, a page at a time, so that memory stays flat.
 * @param take handed each page; answers false when it wants no more
 * @throws MillraceError `SQL_FAILED` with the place under the statement
 */
export async function runStatement(client: pg.Client, options: StatementOptions, take: (page: ResultPage) => Promise<boolean>): Promise<StatementSummary> {
  const text = options.text.replace(/[\s;]+$/, '')
  if (text === '') throw new MillraceError('There is no statement to run.', { code: 'SQL_EMPTY', hint: "Give one: millrace sql 'select 1'." })
  try {
    if (await openCursor(client, text, options)) return await readCursor(client, options.pageRows, take)
    if (!options.write) await client.query('BEGIN READ ONLY')
    const result = await client.query(textQuery(text))
    await take(pageOf(result))
    if (!options.write) await client.query('ROLLBACK')
    return { command: result.command, rowCount: result.rowCount }
  } catch (error) {
    throw error instanceof pg.DatabaseError ? sqlFailed(text, error) : error
  }
}

/** Whether the statement is one that a cursor can read. Whatever is wrong with it is left for the plain statement to say, whose positions are right. */
async function openCursor(client: pg.Client, text: string, { write }: StatementOptions): Promise<boolean> {
  if (!/^(\s|--.*\n|\/\*[^]*?\*\/|\()*(select|values|table|with)\b/i.test(text)) return false
  await client.query(write ? 'BEGIN' : 'BEGIN READ ONLY')
  try {
    await client.query(textQuery(`DECLARE millrace_sql NO SCROLL CURSOR FOR ${text}`))
    return true
  } catch (error) {
    await client.query('ROLLBACK')
    if (error instanceof pg.DatabaseError) return false
    throw error
  }
}

async function readCursor(client: pg.Client, pageRows: number, take: (page: ResultPage) => Promise<boolean>): Promise<StatementSummary> {
  let count = 0
  for (;;) {
    const result = await client.query<(string | null)[]>(textQuery(`FETCH ${String(pageRows)} FROM millrace_sql`))
    count += result.rows.length
    const wanted = await take(pageOf(result))
    if (!wanted || result.rows.length < pageRows) break
  }
  await client.query('COMMIT')
  return { command: 'SELECT', rowCount: count }
}

function pageOf(result: pg.QueryArrayResult): ResultPage {
  return { fields: result.fields.map((field) => ({ name: field.name, type: field.dataTypeID })), rows: result.rows as (string | null)[][] }
}

function sqlFailed(text: string, error: pg.DatabaseError): MillraceError {
  const several = error.code === '42601' && error.message.includes('multiple commands')
  const readOnly = error.code === '25006'
  const hint = several ? 'Give one statement at a time.' : readOnly ? 'Add --write to change something.' : error.hint
  const detail = error.detail === undefined ? '' : `\n${error.detail}`
  return new MillraceError(`${error.message}${detail}${error.position === undefined ? '' : `\n${pointAt(text, Number(error.position))}`}`, {
    code: 'SQL_FAILED',
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  })
}

/** The line of the statement that holds a position (in characters, from 1), with a caret under it. */
export function pointAt(text: string, position: number): string {
  const before = [...text].slice(0, position - 1).join('')
  const start = before.lastIndexOf('\n') + 1
  const end = text.indexOf('\n', before.length)
  const line = text.slice(start, end === -1 ? undefined : end)
  const number = before.split('\n').length
  const label = text.includes('\n') ? `line ${String(number)}: ` : ''
  // Tabs stay tabs, so that the caret stands where the terminal puts the character.
  const indent = [...label, ...before.slice(start)].map((one) => (one === '\t' ? '\t' : ' ')).join('')
  return `  ${label}${line}\n  ${indent}^`
}

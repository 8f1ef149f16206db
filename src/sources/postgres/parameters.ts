import { literalOf } from './literal.ts'
import type { PostgresValue } from './literal.ts'
import { optionError } from './postgres-error.ts'
import type { Session } from './session.ts'

/** What may hold a `$1` that is none: comments, quoted names and texts, dollar quotes; else a parameter, or a name with a dollar in it. */
const tokens = /--[^\n]*|\/\*|"(?:[^"]|"")*"|\b[eE]'(?:[^'\\]|\\[^]|'')*'|'(?:[^']|'')*'|\$([\p{L}_][\p{L}\p{N}_]*)?\$|[\p{L}_][\p{L}\p{N}_$]*|\$(\d+)/gu

/** Where a query's parameters stand. */
function parametersOf(query: string): { readonly at: number; readonly length: number; readonly number: number }[] {
  const found: { at: number; length: number; number: number }[] = []
  tokens.lastIndex = 0
  for (let token = tokens.exec(query); token !== null; token = tokens.exec(query)) {
    const [text, , number] = token
    if (number !== undefined) found.push({ at: token.index, length: text.length, number: Number(number) })
    else if (text === '/*') tokens.lastIndex = endOfComment(query, token.index)
    else if (text.startsWith('$')) {
      const end = query.indexOf(text, tokens.lastIndex)
      tokens.lastIndex = end < 0 ? query.length : end + text.length
    }
  }
  return found
}

/** Comments nest. */
function endOfComment(query: string, start: number): number {
  const edges = /\/\*|\*\//g
  edges.lastIndex = start
  for (let depth = 0, edge = edges.exec(query); edge !== null; edge = edges.exec(query)) {
    depth += edge[0] === '/*' ? 1 : -1
    if (depth === 0) return edges.lastIndex
  }
  return query.length
}

/**
 * A query with its parameters written out, each as a literal of the type that Postgres gives it: `COPY` takes no parameters.
 * @throws ConfigError `POSTGRES_VALUES`, where their number is not the query's; SourceError as the session does.
 */
export async function withValues(session: Session, query: string, values: readonly PostgresValue[]): Promise<string> {
  const places = parametersOf(query)
  const most = Math.max(0, ...places.map(({ number }) => number))
  if (most !== values.length) {
    throw optionError(
      'POSTGRES_VALUES',
      `The query for ${session.place.name} has ${String(most)} parameters, and ${String(values.length)} values.`,
      'Give one value for each of $1, $2 and so on.',
    )
  }
  if (most === 0) return query
  await session.query(`PREPARE millrace_values AS ${query}`)
  const { rows } = await session.query<{ types: string[] }>(
    `SELECT array(SELECT format_type(t, NULL) FROM unnest(parameter_types) WITH ORDINALITY p (t, n) ORDER BY n) AS types
     FROM pg_prepared_statements WHERE name = 'millrace_values'`,
  )
  await session.query('DEALLOCATE millrace_values')
  const literals = values.map((value, index) => `(${literalOf(value)}::${rows[0]?.types[index] ?? 'text'})`)
  let written = ''
  let from = 0
  for (const { at, length, number } of places) {
    written += query.slice(from, at) + (literals[number - 1] ?? '')
    from = at + length
  }
  return written + query.slice(from)
}

import { describe } from './describe.ts'
import type { PostgresValue } from './literal.ts'
import { withValues } from './parameters.ts'
import { tuplePages } from './tuple-pages.ts'
import type { PagedTuples, TuplePagesOptions } from './tuple-pages.ts'
import type { Session } from './session.ts'

/** The transaction in which everything is read: one snapshot, and no way to write. */
export const beginReading = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'

export interface QueryRows {
  readonly query: string
  readonly values: readonly PostgresValue[]
}

/** The rows of a query, as pages of binary COPY tuples, in the query's order. */
export async function* queryRows(session: Session, { query, values }: QueryRows, options: TuplePagesOptions): AsyncGenerator<PagedTuples, void, undefined> {
  await session.query(beginReading)
  const plain = await withValues(session, query.replace(/[\s;]+$/, ''), values)
  const column = (index: number): string => `c${String(index + 1)}`
  const { columns, select } = await describe(session, plain, (_, index) => column(index))
  const names = columns.map((_, index) => column(index)).join(', ')
  yield* tuplePages(session, `SELECT ${select} FROM (\n${plain}\n) AS q (${names})`, columns, options)
  await session.query('COMMIT')
}

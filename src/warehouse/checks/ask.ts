import pg from 'pg'
import type { Verdict } from './rows.ts'

/** Where in the query that was sent Postgres found fault, as it says it: from 1, in characters. */
export type Explain = (error: pg.DatabaseError) => string

// Of these the next try may know nothing: lost connections, deadlocks, want of memory, locks, an operator's cancel, faults of the server itself.
const passing = /^(08|40|53|55|57|58|XX)/

/**
 * Asks Postgres something under a savepoint. What it refuses, because of the question or of the values, is a check that failed, and the
 * transaction goes on; what may pass by itself is thrown.
 */
export async function ask(
  client: pg.ClientBase,
  question: () => Promise<Verdict>,
  { explain = (error) => error.message, limitMs }: { readonly explain?: Explain; readonly limitMs?: number } = {},
): Promise<Verdict> {
  const began = performance.now()
  await client.query('SAVEPOINT before_check')
  try {
    const verdict = await question()
    await client.query('ROLLBACK TO SAVEPOINT before_check')
    await client.query('RELEASE SAVEPOINT before_check')
    return verdict
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error
    const tooLong = error.code === '57014' && limitMs !== undefined && performance.now() - began >= limitMs
    if (!tooLong && passing.test(error.code ?? 'XX')) throw error
    await client.query('ROLLBACK TO SAVEPOINT before_check')
    await client.query('RELEASE SAVEPOINT before_check')
    const message = tooLong ? `it took longer than ${String(limitMs / 1000)} s.` : `Postgres refuses its query: ${explain(error)}`
    return { passed: false, message, metadata: { error: { code: error.code ?? '', message: error.message } } }
  }
}

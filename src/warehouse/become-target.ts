import type pg from 'pg'
import { quoteTable } from './identifier.ts'
import { hasKeyIndex, hasKeysTwice } from './keys.ts'
import { buildIndexes, replaceTarget } from './replace.ts'
import type { BuiltIndex, ReplaceRequest } from './replace.ts'
import { isSwappable } from './swap-obstacles.ts'

/**
 * Replaces the target by a load, inside the caller's transaction, where no two of its records have one key. Answers how;
 * undefined where a key comes twice: nothing is changed then.
 * @throws what `replaceTarget` throws
 */
export async function becomeTarget(client: pg.ClientBase, request: ReplaceRequest): Promise<string | undefined> {
  const { table, staging } = request
  if (table.primaryKey.length === 0) return replaceTarget(client, request)
  if (!(await isSwappable(client, table, staging)) || !(await hasKeyIndex(client, table))) {
    return (await hasKeysTwice(client, table, quoteTable(staging))) ? undefined : replaceTarget(client, request)
  }
  const built = await buildUnlessTwice(client, request)
  return built === undefined ? undefined : replaceTarget(client, { ...request, built })
}

/** Builds staging's indexes. The key's is refused where a key comes twice: to ask that beforehand would take as long again, or longer. */
async function buildUnlessTwice(client: pg.ClientBase, request: ReplaceRequest): Promise<readonly BuiltIndex[] | undefined> {
  await client.query('SAVEPOINT before_indexes')
  try {
    const built = await buildIndexes(client, request)
    await client.query('RELEASE SAVEPOINT before_indexes')
    return built
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === '23505')) throw error
    await client.query('ROLLBACK TO SAVEPOINT before_indexes; RELEASE SAVEPOINT before_indexes')
    // It may be another index than the key's.
    if (await hasKeysTwice(client, request.table, quoteTable(request.staging))) return undefined
    throw error
  }
}

import type { RawPage } from '../../../src/definitions/page.ts'
import { parsePage } from '../../../src/sources/parse-page.ts'
import { postgres } from '../../../src/sources/postgres.ts'
import type { PostgresOptions } from '../../../src/sources/postgres.ts'
import { bytesOf } from '../../support/page-body.ts'
import { collect } from '../failure.ts'

/** The records of a page, as the transform worker is handed them. */
export function recordsOf(page: RawPage): readonly unknown[] {
  return parsePage({ ...page, body: bytesOf(page.body) }).records
}

/** All records of a source. */
export async function readAll(options: PostgresOptions): Promise<readonly unknown[]> {
  return (await collect(postgres(options))).flatMap(recordsOf)
}

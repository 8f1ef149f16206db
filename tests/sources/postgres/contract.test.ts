import { postgres } from '../../../src/sources/postgres.ts'
import type { PostgresTable } from '../../../src/sources/postgres.ts'
import { secret, sourceContract } from '../../contracts/source.ts'
import type { ServedSource, SourceFault, SourceRecord } from '../../contracts/source.ts'
import { beforeAll, createDatabase } from '../../support/test.ts'
import type { TestDatabase } from '../../support/test.ts'
import { startTcpProxy } from '../../support/tcp-proxy.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase('template0')
  // r2 before r10.
  await database.pool.query(`CREATE COLLATION counted (provider = icu, locale = 'en-u-kn')`)
  return () => database.pool.end()
})

/** Beyond what is said before the first row, within the rows. */
const afterBytes = 6000

let tables = 0

async function serve(
  records: readonly SourceRecord[],
  fault: SourceFault | undefined,
  more: Pick<PostgresTable, 'chunkRows' | 'parallel'>,
): Promise<ServedSource> {
  tables += 1
  const table = `served_${String(tables)}`
  await database.pool.query(`CREATE TABLE ${table} (id text COLLATE counted PRIMARY KEY, text text)`)
  await database.pool.query(`INSERT INTO ${table} SELECT * FROM unnest($1::text[], $2::text[])`, [records.map(({ id }) => id), records.map(({ text }) => text)])
  const { port, username, pathname } = new URL(database.url)
  const proxy = await startTcpProxy(Number(port), fault === 'cut' || fault === 'stall' ? { fault, after: afterBytes } : {})
  const url = `postgres://${username}:${secret}@127.0.0.1:${String(proxy.port)}${fault === 'refuse' ? '/nowhere' : pathname}`
  return {
    ...proxy,
    async *read(options) {
      for await (const page of postgres({ ...more, ...options, url, table })) yield page
    },
  }
}

const common = { faults: ['cut', 'stall', 'refuse'], resumable: true, measured: true } as const

sourceContract('postgres, a table', { ...common, serve: (records, fault) => serve(records, fault, { chunkRows: 40 }) })
sourceContract('postgres, a table by several connections', { ...common, serve: (records, fault) => serve(records, fault, { chunkRows: 40, parallel: 2 }) })

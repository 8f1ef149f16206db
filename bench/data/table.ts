import { join } from 'node:path'
import { startCluster } from '../cluster.ts'
import type { Cluster } from '../cluster.ts'
import { oneEach } from '../roles.ts'
import type { Contender, Reference } from './contender.ts'
import { measureInTurn } from './measure.ts'
import { millrace } from './millrace.ts'
import { orderColumns, ordersOf, writeOrders } from './order.ts'
import type { DataPart } from './part.ts'
import { installPeers, peer } from './peers.ts'
import { runProcess } from './run-process.ts'
import type { Effort } from './run-process.ts'

// Another database of the same server: what is read costs everybody the same.
const originDatabase = 'bench_origin'

const originOf = (cluster: Cluster): string => {
  const url = new URL(cluster.postgres.url)
  url.pathname = `/${originDatabase}`
  return url.href
}
const tableOf = (rows: number): string => `public.orders_${String(rows)}`

const psql = (url: string, ...commands: readonly string[]): Promise<Effort> =>
  runProcess('psql', [url, '-q', '-v', 'ON_ERROR_STOP=1', ...commands.flatMap((command) => ['-c', command])])

/** What pg_dump of one table, piped into psql, does; each of the two with its COPY. */
function copyThrough(cluster: Cluster, rows: number, table: string, format: 'text' | 'binary'): Promise<Effort> {
  const pipe = `psql "$FROM" -q -c "COPY $FROM_TABLE TO STDOUT (FORMAT $FORMAT)" | psql "$INTO" -q -v ON_ERROR_STOP=1 -c "COPY $INTO_TABLE FROM STDIN (FORMAT $FORMAT)"`
  return runProcess('sh', ['-c', pipe], { FROM: originOf(cluster), FROM_TABLE: tableOf(rows), INTO: cluster.postgres.url, INTO_TABLE: table, FORMAT: format })
}

function reference(cluster: Cluster): Reference {
  return {
    name: 'psql COPY TO \\| psql COPY FROM, text',
    columns: orderColumns,
    async prepare(rows) {
      const file = join(cluster.folder, 'orders.csv')
      await writeOrders(file, rows)
      await psql(
        originOf(cluster),
        `CREATE TABLE ${tableOf(rows)} (${orderColumns}, PRIMARY KEY (id))`,
        `\\copy ${tableOf(rows)} FROM '${file}' CSV HEADER`,
        `VACUUM ANALYZE ${tableOf(rows)}`,
      )
    },
    load: (rows, table) => copyThrough(cluster, rows, table, 'text'),
  }
}

function peers(cluster: Cluster): readonly Contender[] {
  const env = (rows: number): Readonly<Record<string, string>> => ({ BENCH_ORIGIN_URL: originOf(cluster), BENCH_ORIGIN_TABLE: tableOf(rows) })
  return [
    {
      name: 'psql COPY TO \\| psql COPY FROM, binary',
      table: 'peer_psql.moved',
      columns: orderColumns,
      ours: false,
      load: (rows) => copyThrough(cluster, rows, 'peer_psql.moved', 'binary'),
    },
    peer(cluster, { name: 'DuckDB, postgres to postgres', id: 'duckdb', script: 'table_duckdb.py', columns: orderColumns, env }),
    peer(cluster, { name: 'ingestr', id: 'ingestr', script: 'table_ingestr.py', query: ordersOf(), env }),
    peer(cluster, { name: 'dlt, tuned: sql_database, Arrow, Parquet, ADBC', id: 'dlt_arrow', script: 'table_dlt.py', query: ordersOf(), env }),
    peer(cluster, { name: 'sling', id: 'sling', script: 'table_sling.py', query: ordersOf(), env }),
  ]
}

/** A table of another database. */
export const tablePart: DataPart = {
  name: 'table',
  about: '1,000,000 rows of 12 typed columns from one Postgres database to another',
  async measure({ tries, backend, only, rows = 1_000_000 }, say) {
    installPeers(say)
    const cluster = await startCluster({ backend, rows: 0, roles: oneEach })
    try {
      await cluster.pool.query(`CREATE DATABASE ${originDatabase}`)
      const ours = millrace(cluster, 'bench/orders_of_table', { config: (count) => ({ database: originDatabase, table: tableOf(count) }) })
      await measureInTurn({ cluster, rows, tries, reference: reference(cluster), contenders: [ours, ...peers(cluster)], only, say })
    } finally {
      await cluster.close()
    }
  },
}

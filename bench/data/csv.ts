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

const fileOf = (cluster: Cluster, rows: number): string => join(cluster.folder, `orders-${String(rows)}.csv`)

function reference(cluster: Cluster): Reference {
  return {
    name: 'psql \\copy of the CSV',
    columns: orderColumns,
    prepare: (rows) => writeOrders(fileOf(cluster, rows), rows),
    load: (rows, table) => runProcess('psql', [cluster.postgres.url, '-q', '-c', `\\copy ${table} FROM '${fileOf(cluster, rows)}' CSV HEADER`]),
  }
}

function peers(cluster: Cluster): readonly Contender[] {
  const env = (rows: number): Readonly<Record<string, string>> => ({ BENCH_FILE: fileOf(cluster, rows) })
  return [
    peer(cluster, { name: 'DuckDB, read_csv', id: 'duckdb', script: 'csv_duckdb.py', columns: orderColumns, env }),
    peer(cluster, { name: 'ingestr', id: 'ingestr', script: 'csv_ingestr.py', query: ordersOf(), env }),
    peer(cluster, { name: 'dlt, tuned: Arrow, Parquet, ADBC', id: 'dlt_arrow', script: 'csv_dlt.py', query: ordersOf(), env }),
    peer(cluster, { name: 'sling', id: 'sling', script: 'csv_sling.py', query: ordersOf({ zoneless: true }), env }),
  ]
}

/** A CSV file of this machine. */
export const csvPart: DataPart = {
  name: 'csv',
  about: '1,000,000 rows of 12 typed columns of a CSV file',
  async measure({ tries, backend, only, rows = 1_000_000 }, say) {
    installPeers(say)
    const cluster = await startCluster({ backend, rows: 0, roles: oneEach })
    try {
      const ours = millrace(cluster, 'bench/orders_of_file', { config: (count) => ({ path: fileOf(cluster, count) }) })
      await measureInTurn({ cluster, rows, tries, reference: reference(cluster), contenders: [ours, ...peers(cluster)], only, say })
    } finally {
      await cluster.close()
    }
  },
}

import { join } from 'node:path'
import { startCluster } from '../cluster.ts'
import type { Cluster } from '../cluster.ts'
import { columnsSql, writeCopyText } from '../psql-copy.ts'
import { oneEach } from '../roles.ts'
import type { Contender, Reference } from './contender.ts'
import { measureInTurn } from './measure.ts'
import { millrace } from './millrace.ts'
import type { DataPart } from './part.ts'
import { installPeers, peer } from './peers.ts'
import { runProcess } from './run-process.ts'

const assets = ['bench/replaced', 'bench/appended', 'bench/grown', 'bench/merged']
// Tools that take minutes for all 500,000 are given a tenth.
const slow = 0.1

interface Names {
  readonly lastSeen: string
  readonly addresses: string
  readonly tags: string
  /** What makes a moment of a column. */
  readonly moment?: (column: string) => string
}

const cast = (column: string): string => `${column}::timestamptz`
// sling makes timestamps without a zone of texts that end in Z.
const inUtc = (column: string): string => `${column} AT TIME ZONE 'UTC'`

/** The twelve columns as psql has them, of a table that calls and holds some of them otherwise. */
const columnsOf = ({ lastSeen, addresses, tags, moment = cast }: Names): string =>
  `id::uuid, hostname, ${addresses} AS addresses, authorized::boolean, ${moment('created')}, ${moment('expires')}, ${moment(lastSeen)}, name, os, ${tags} AS tags, "user", bytes::bigint`

const arrayOf = (column: string): string =>
  `CASE WHEN jsonb_typeof(${column}::jsonb) = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(${column}::jsonb)) END`
const withJson =
  (names: Pick<Names, 'lastSeen' | 'moment'>) =>
  (table: string): string =>
    `SELECT ${columnsOf({ ...names, addresses: arrayOf('addresses'), tags: arrayOf('tags') })} FROM ${table}`

/** dlt makes a table of each list, and a row of each of its elements. */
const listOf = (table: string, list: string): string =>
  `LEFT JOIN (SELECT _dlt_parent_id, array_agg(value ORDER BY _dlt_list_idx) AS list FROM ${table}__${list} GROUP BY 1) ${list} ON ${list}._dlt_parent_id = t._dlt_id`
const withChildren = (table: string): string =>
  `SELECT ${columnsOf({ lastSeen: 'last_seen', addresses: 'addresses.list', tags: 'tags.list' })} FROM ${table} t ${listOf(table, 'addresses')} ${listOf(table, 'tags')}`

function reference(cluster: Cluster): Reference {
  const file = (rows: number): string => join(cluster.folder, `rows-${String(rows)}.txt`)
  return {
    name: 'psql \\copy, text ready-made',
    columns: columnsSql,
    prepare: (rows) => writeCopyText(file(rows), rows),
    load: (rows, table) => runProcess('psql', [cluster.postgres.url, '-q', '-c', `\\copy ${table} FROM '${file(rows)}'`]),
  }
}

function peers(cluster: Cluster): readonly Contender[] {
  return [
    peer(cluster, { name: 'hand-written Node, one process, COPY of text', id: 'node', script: 'json_node.ts', columns: columnsSql }),
    peer(cluster, { name: 'hand-written Python, orjson and psycopg COPY', id: 'psycopg', script: 'json_psycopg.py', columns: columnsSql }),
    peer(cluster, { name: 'DuckDB, read_json over HTTP', id: 'duckdb', script: 'json_duckdb.py', columns: columnsSql }),
    peer(cluster, { name: 'ingestr, JSON lines over HTTP', id: 'ingestr', script: 'json_ingestr.py', query: withJson({ lastSeen: 'last_seen' }) }),
    peer(cluster, {
      name: 'sling, JSON lines over HTTP, flattened',
      id: 'sling',
      script: 'json_sling.py',
      query: withJson({ lastSeen: '"lastSeen"', moment: inUtc }),
    }),
    peer(cluster, {
      name: 'dlt, tuned: Arrow, Parquet, ADBC',
      id: 'dlt_arrow',
      script: 'json_dlt.py',
      args: ['arrow'],
      query: withJson({ lastSeen: 'last_seen' }),
    }),
    peer(cluster, { name: 'dlt, csv files, COPY', id: 'dlt_csv', script: 'json_dlt.py', args: ['csv'], share: slow, query: withChildren }),
    peer(cluster, { name: 'dlt, as it comes', id: 'dlt', script: 'json_dlt.py', args: ['default'], share: slow, query: withChildren }),
    peer(cluster, {
      name: 'pandas to_sql',
      id: 'pandas',
      script: 'json_pandas.py',
      share: slow,
      query: (table) => `SELECT ${columnsOf({ lastSeen: '"lastSeen"', addresses: 'addresses', tags: 'tags' })} FROM ${table}`,
    }),
  ]
}

/** JSON records over HTTP, in pages of 1,000. */
export const jsonPart: DataPart = {
  name: 'json',
  about: '500,000 JSON records of 12 fields over HTTP into a typed table',
  async measure({ tries, backend, only, rows = 500_000 }, say) {
    installPeers(say)
    const cluster = await startCluster({ backend, rows, roles: oneEach })
    try {
      const contenders = [...assets.map((asset) => millrace(cluster, asset)), ...peers(cluster)]
      await measureInTurn({ cluster, rows, tries, reference: reference(cluster), contenders, only, say })
    } finally {
      await cluster.close()
    }
  },
}

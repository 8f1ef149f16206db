import type pg from 'pg'
import { tableNameOf } from '../definitions/asset-key.ts'
import type { DestinationSpec } from '../definitions/destination.ts'
import type { IoManager } from '../definitions/io-manager.ts'
import { resource } from '../definitions/resource.ts'
import type { ResourceDefinition } from '../definitions/resource.ts'
import { DataError } from '../errors.ts'
import { quoteTable } from '../warehouse/identifier.ts'
import { dateOf, numericText } from './postgres/series-value.ts'
import { createPostgresStore } from './postgres/store.ts'
import type { PostgresStore } from './postgres/store.ts'
import { unlessMissing, withTable } from './postgres/with-table.ts'
import type { OwnTable } from './postgres/with-table.ts'
import { valueMissing } from './value-missing.ts'

export interface PostgresSeriesOptions {
  /** Default: the one that tables are stored in when they name none. */
  readonly destination?: DestinationSpec
  /** The schema of all its tables. Default: as for tables, all parts of the asset's key but the last. */
  readonly schema?: string
}

const before = 'Values of the asset '
const behind = ', one a day, stored by Millrace.'

/**
 * Stores the numbers of assets that are partitioned by day: a table for each asset, `(date date primary key, value numeric)`, named by its key as tables are (`retail/revenue` is
 * `retail.revenue`). A value is a bigint, a decimal number as text, or a number of at most 15 digits; null is stored as NULL: a day that has none. Nothing is rounded,
 * and it is loaded as exact decimal text (`"14567.3222"`) or null, whatever was stored: let the asset answer text where others take it as input.
 * Throws DataError `VALUE_NOT_NUMERIC`, `PARTITION_NOT_A_DATE`, `TABLE_OF_ANOTHER`, and `VALUE_MISSING` where a day was never stored;
 * MillraceError `STORE_UNAVAILABLE`, which is tried again, and `STORE_REFUSED`; ConfigError where the environment does not say where the destination is.
 */
export function postgresSeries({ destination, schema }: PostgresSeriesOptions = {}): ResourceDefinition<IoManager> {
  const tableOf = (asset: string): OwnTable => {
    const table = tableNameOf(asset)
    return { ...table, ...(schema === undefined ? {} : { schema }), columns: 'date date PRIMARY KEY, value numeric', comment: `${before}${asset}${behind}` }
  }
  const stores = new WeakMap<IoManager, PostgresStore>()
  return resource({
    start({ env }) {
      const store = createPostgresStore(destination, env)
      const io: IoManager = {
        async store(place, value, { signal }) {
          signal.throwIfAborted()
          const table = tableOf(place.asset)
          const date = dateOf(place)
          const text = numericText(place, value)
          await withTable(store, table, signal, async (client) => {
            await client.query(
              `INSERT INTO ${quoteTable(table)} (date, value) VALUES ($1::date, $2::numeric) ON CONFLICT (date) DO UPDATE SET value = excluded.value`,
              [date, text],
            )
            await expectOwn(client, table, place.asset)
          })
          return { destination: store.destination, table: `${table.schema}.${table.name}`, date, value: text }
        },
        async load(place, { signal }) {
          const table = tableOf(place.asset)
          const date = dateOf(place)
          const found = store.transaction(signal, async (client) => {
            const { rows } = await client.query<{ value: string | null }>(`SELECT value::text AS value FROM ${quoteTable(table)} WHERE date = $1::date`, [date])
            await expectOwn(client, table, place.asset)
            return rows[0]
          })
          const row = await unlessMissing(found, undefined)
          if (row === undefined) throw valueMissing(place, `the table ${table.schema}.${table.name} has no row of ${date}`)
          return row.value
        },
        async remove(place, { signal }) {
          const table = tableOf(place.asset)
          const date = dateOf(place)
          const removed = store.transaction(signal, async (client) => {
            await client.query(`DELETE FROM ${quoteTable(table)} WHERE date = $1::date`, [date])
            await expectOwn(client, table, place.asset)
          })
          await unlessMissing(removed, undefined)
        },
      }
      stores.set(io, store)
      return io
    },
    stop: (io) => stores.get(io)?.close(),
  })
}

/**
 * `a-b/c` and `a_b/c` are one table, and so are `a/c` and `b/c` in a schema that was given: one would write over the other.
 * To be asked behind the statement, in its transaction: once that holds the table, nobody else can have made it in between.
 */
async function expectOwn(client: pg.ClientBase, table: OwnTable, asset: string): Promise<void> {
  const { rows } = await client.query<{ comment: string | null }>(`SELECT obj_description(to_regclass($1), 'pg_class') AS comment`, [quoteTable(table)])
  const comment = rows[0]?.comment ?? ''
  if (!comment.startsWith(before) || !comment.endsWith(behind) || comment === table.comment) return
  const other = comment.slice(before.length, -behind.length)
  throw new DataError(`${asset} cannot be stored in the table ${table.schema}.${table.name}, which has the values of the asset ${other}.`, {
    code: 'TABLE_OF_ANOTHER',
    hint: 'Rename one of the two assets, or give them I/O managers with schemas of their own.',
  })
}

import type { DestinationSpec } from '../definitions/destination.ts'
import type { IoManager, ValuePlace } from '../definitions/io-manager.ts'
import { resource } from '../definitions/resource.ts'
import type { ResourceDefinition } from '../definitions/resource.ts'
import { quoteTable } from '../warehouse/identifier.ts'
import { readJson } from './json-text.ts'
import { jsonbText } from './postgres/jsonb-text.ts'
import { createPostgresStore } from './postgres/store.ts'
import type { PostgresStore } from './postgres/store.ts'
import { unlessMissing, withTable } from './postgres/with-table.ts'
import { valueMissing } from './value-missing.ts'

export interface PostgresJsonOptions {
  /** Default: the one that tables are stored in when they name none. */
  readonly destination?: DestinationSpec
  /** Default `public`. */
  readonly schema?: string
  /** Default `asset_value`. Made with its schema when something is stored first. */
  readonly table?: string
}

/** A partition key is never empty. */
const keyOf = ({ asset, partition }: ValuePlace): [asset: string, partition: string] => [asset, partition ?? '']

/**
 * Stores values as jsonb in one table `(asset, partition, value, updated_at)`; the partition of an asset without is the empty text.
 * Throws DataError `VALUE_NOT_JSON` for a value that JSON cannot hold, `VALUE_NOT_JSONB` for text that jsonb cannot, `VALUE_MISSING` where there is none;
 * MillraceError `STORE_UNAVAILABLE`, which is tried again, and `STORE_REFUSED`; ConfigError where the environment does not say where the destination is.
 */
export function postgresJson({ destination, schema = 'public', table = 'asset_value' }: PostgresJsonOptions = {}): ResourceDefinition<IoManager> {
  const quoted = quoteTable({ schema, name: table })
  const own = {
    schema,
    name: table,
    columns: `asset text NOT NULL, partition text NOT NULL, value jsonb NOT NULL, updated_at timestamptz NOT NULL, PRIMARY KEY (asset, partition)`,
    comment: 'Values of assets, stored by Millrace. The partition of an asset without is the empty text.',
  }
  const stores = new WeakMap<IoManager, PostgresStore>()
  return resource({
    start({ env }) {
      const store = createPostgresStore(destination, env)
      const io: IoManager = {
        async store(place, value, { signal }) {
          signal.throwIfAborted()
          const text = jsonbText(place, value)
          await withTable(store, own, signal, (client) =>
            client.query(
              `INSERT INTO ${quoted} (asset, partition, value, updated_at) VALUES ($1, $2, $3::jsonb, clock_timestamp())
               ON CONFLICT (asset, partition) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at`,
              [...keyOf(place), text],
            ),
          )
          return { destination: store.destination, table: `${schema}.${table}`, asset: place.asset, bytes: Buffer.byteLength(text) }
        },
        async load(place, { signal }) {
          const found = store.transaction(signal, async (client) => {
            const { rows } = await client.query<{ value: string }>(
              `SELECT value::text AS value FROM ${quoted} WHERE asset = $1 AND partition = $2`,
              keyOf(place),
            )
            return rows[0]?.value
          })
          const text = await unlessMissing(found, undefined)
          if (text === undefined) throw valueMissing(place, `the table ${schema}.${table} has no row of it`)
          return readJson(place, text, `What ${schema}.${table} has of ${place.asset}`)
        },
        async remove(place, { signal }) {
          const removed = store.transaction(signal, async (client) => {
            await client.query(`DELETE FROM ${quoted} WHERE asset = $1 AND partition = $2`, keyOf(place))
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

import { decimal, fromText, table } from 'millrace'
import type { ExtractContext } from 'millrace'
import { csv, postgres } from 'millrace/sources'
import * as z from 'zod'

const columns = {
  key: z.uuid(),
  customer: z.string(),
  quantity: z.int32(),
  price: decimal(12, 2),
  weight: z.number(),
  paid: z.boolean(),
  placed: z.iso.date(),
  updated: z.iso.datetime(),
  note: z.string(),
  coupon: z.string().nullable(),
  discount: decimal(5, 2).nullable(),
}
const FileOrder = z.object({ id: z.int(), ...columns })
// Asks for no more than the types of the source's table, so that its tuples go from COPY to COPY unparsed.
const TableOrder = z.object({ id: z.bigint(), ...columns })

const ofFile = {
  columns: FileOrder,
  config: z.object({ path: z.string() }),
  resumable: true,
  write: { disposition: 'replace' as const },
  extract: ({ config: { path }, signal, position }: ExtractContext<{ path: string }>) => csv({ path, columns: Object.keys(FileOrder.shape), signal, position }),
  transform: fromText(FileOrder),
}

/** 12 typed columns of a CSV file. */
export const ordersOfFile = table({ ...ofFile, key: 'bench/orders_of_file' })
export const unwatchedOrders = table({ ...ofFile, key: 'bench/unwatched_orders', statistics: false })

function origin(database: string): string {
  const url = new URL(process.env['DATABASE_URL'] ?? 'postgres://localhost')
  url.pathname = `/${database}`
  return url.href
}

/** The same of a table, in another database of the same server. */
export const ordersOfTable = table({
  key: 'bench/orders_of_table',
  columns: TableOrder,
  config: z.object({ database: z.string(), table: z.string() }),
  resumable: true,
  write: { disposition: 'replace' },
  extract: ({ config, signal, position }) => postgres({ url: origin(config.database), table: config.table, signal, position }),
})

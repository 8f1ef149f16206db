import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { hex, scramble } from '../record.ts'

/** The columns of the CSV file and of the copied table: a type each. */
export const orderColumns = `id bigint NOT NULL, key uuid NOT NULL, customer text NOT NULL, quantity integer NOT NULL, price numeric(12,2) NOT NULL, weight double precision NOT NULL,
  paid boolean NOT NULL, placed date NOT NULL, updated timestamptz NOT NULL, note text NOT NULL, coupon text, discount numeric(5,2)`

const header = 'id,key,customer,quantity,price,weight,paid,placed,updated,note,coupon,discount'

/** Every tenth note has commas and quotes. */
function note(n: number, a: number): string {
  return n % 10 === 0 ? `"leave it at number ${String(a % 90)}, ""second"" door, not with the neighbour"` : `ring twice and wait ${String(a % 9)} minutes`
}

/** The line of a number, without its end. */
function orderLine(n: number): string {
  const a = scramble(n)
  const b = scramble(n + 7)
  const updated = new Date(1_700_000_000_000 + (b % 60_000_000) * 1000 + (a % 1000)).toISOString()
  const placed = new Date(1_600_000_000_000 + (a % 1_800) * 86_400_000).toISOString().slice(0, 10)
  const price = `${String(a % 100_000)}.${String(b % 100).padStart(2, '0')}`
  const coupon = a % 3 === 0 ? '' : `SAVE${String(a % 50)}`
  const discount = b % 4 === 0 ? '' : `${String(b % 60)}.${String(a % 100).padStart(2, '0')}`
  const key = `${hex(n)}-${hex(n + 11).slice(0, 4)}-4${hex(n + 11).slice(5)}-8${hex(n + 13).slice(0, 3)}-${hex(n + 17)}${hex(n + 19).slice(0, 4)}`
  return `${String(n + 1)},${key},customer ${String(a % 5000)} of ${String(b % 90)},${String(1 + (b % 500))},${price},${String((a % 1_000_000) / 1000)},${a % 7 === 0 ? 'false' : 'true'},${placed},${updated},${note(n, a)},${coupon},${discount}`
}

/** Writes orders as RFC 4180 with a header; what is NULL is empty. About 165 bytes a row. */
export async function writeOrders(path: string, rows: number): Promise<void> {
  const file = createWriteStream(path)
  file.write(`${header}\n`)
  const together = 1000
  for (let first = 0; first < rows; first += together) {
    const lines = Array.from({ length: Math.min(together, rows - first) }, (_, index) => `${orderLine(first + index)}\n`)
    if (!file.write(lines.join(''))) await once(file, 'drain')
  }
  file.end()
  await once(file, 'finish')
}

/** The query of a peer's own table of orders, with the types of the reference. */
export const ordersOf =
  ({ zoneless = false }: { zoneless?: boolean } = {}) =>
  (table: string): string =>
    `SELECT id::bigint, key::uuid, customer::text, quantity::integer, price::numeric(12,2), weight::double precision, paid::boolean, placed::date,
      ${zoneless ? "updated AT TIME ZONE 'UTC'" : 'updated::timestamptz'} AS updated, note::text, coupon::text, discount::numeric(5,2) FROM ${table}`

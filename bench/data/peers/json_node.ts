// Written by hand: one process that fetches the next page while it makes text for COPY of this one.
import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import pg from 'pg'
import { from } from 'pg-copy-streams'
import type { BenchRecord } from '../../record.ts'

const setting = (name: string): string => process.env[name] ?? ''
const rows = Number(setting('BENCH_ROWS'))
const pageRows = 1000

const special = /[\\\t\n\r]/
const escaped: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }
const text = (value: string): string => (special.test(value) ? value.replaceAll(/[\\\t\n\r]/g, (found) => escaped[found] ?? found) : value)
const list = (values: readonly string[] | null): string =>
  values === null ? '\\N' : text(`{${values.map((value) => `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`).join(',')}}`)

const line = (r: BenchRecord): string =>
  `${r.id}\t${text(r.hostname)}\t${list(r.addresses)}\t${r.authorized ? 't' : 'f'}\t${r.created}\t${r.expires}\t${r.lastSeen}\t${text(r.name)}\t${text(r.os)}\t${list(r.tags)}\t${text(r.user)}\t${String(r.bytes)}\n`

const page = async (n: number): Promise<readonly BenchRecord[]> => {
  const answer = await fetch(`${setting('BENCH_SOURCE_URL')}/?rows=${String(rows)}&page=${String(n)}`)
  return (await answer.json()) as readonly BenchRecord[]
}

const client = new pg.Client({ connectionString: setting('BENCH_TARGET_URL') })
await client.connect()
const copy = client.query(from(`COPY ${setting('BENCH_TARGET_SCHEMA')}.${setting('BENCH_TARGET_TABLE')} FROM STDIN`))
let next = page(0)
for (let n = 0; n * pageRows < rows; n += 1) {
  const records = await next
  next = page(n + 1)
  if (!copy.write(records.map(line).join(''))) await once(copy, 'drain')
}
copy.end()
await finished(copy)
await next
await client.end()

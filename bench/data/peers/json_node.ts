// Written by hand: one process that fetches the next page while it makes text for COPY of this one.
import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { finished } from 'node:stream/promises'
import type { IncomingMessage } from 'node:http'
import pg from 'pg'
import { from } from 'pg-copy-streams'
import type { BenchRecord } from '../../record.ts'

const setting = (name: string): string => process.env[name] ?? ''
const rows = Number(setting('BENCH_ROWS'))
const pageRows = 1000

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }
const escaped = (value: string): string => value.replaceAll(/[\\\t\n\r]/g, (found) => escapes[found] ?? found)
const asIs = (value: string): string => value

type Text = (value: string) => string

function list(values: readonly string[] | null, text: Text): string {
  if (values === null) return '\\N'
  if (text === asIs) return `{"${values.join('","')}"}`
  return text(`{${values.map((value) => `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`).join(',')}}`)
}

function linesOf(page: Buffer): string {
  // Whatever COPY wants escaped, JSON has escaped as well: a page without a backslash has none of it.
  const text: Text = page.includes(0x5c) ? escaped : asIs
  let lines = ''
  for (const r of JSON.parse(page.toString()) as readonly BenchRecord[]) {
    lines += `${r.id}\t${text(r.hostname)}\t${list(r.addresses, text)}\t${r.authorized ? 't' : 'f'}\t${r.created}\t${r.expires}\t${r.lastSeen}\t${text(r.name)}\t${text(r.os)}\t${list(r.tags, text)}\t${text(r.user)}\t${String(r.bytes)}\n`
  }
  return lines
}

const agent = new Agent({ keepAlive: true })
const fetchPage = async (n: number): Promise<Buffer> => {
  const url = `${setting('BENCH_SOURCE_URL')}/?rows=${String(rows)}&page=${String(n)}`
  const answer = await new Promise<IncomingMessage>((resolve, reject) => get(url, { agent }, resolve).once('error', reject))
  return buffer(answer)
}

const client = new pg.Client({ connectionString: setting('BENCH_TARGET_URL') })
await client.connect()
const copy = client.query(from(`COPY ${setting('BENCH_TARGET_SCHEMA')}.${setting('BENCH_TARGET_TABLE')} FROM STDIN`))
let next = fetchPage(0)
for (let n = 0; n * pageRows < rows; n += 1) {
  const page = await next
  next = fetchPage(n + 1)
  if (!copy.write(linesOf(page))) await once(copy, 'drain')
}
copy.end()
await finished(copy)
await next
await client.end()
agent.destroy()

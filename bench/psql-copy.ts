import { execFileSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { benchRecord } from './record.ts'
import type { BenchRecord } from './record.ts'

/** The columns of the measured table, in the order of the record. */
export const columnsSql = `id uuid NOT NULL, hostname text NOT NULL, addresses text[] NOT NULL, authorized boolean NOT NULL, created timestamptz NOT NULL,
  expires timestamptz NOT NULL, last_seen timestamptz NOT NULL, name text NOT NULL, os text NOT NULL, tags text[], "user" text NOT NULL, bytes bigint NOT NULL`

/** Writes the same rows as text for COPY, ready made: what psql is given is no work of its own to make. */
export async function writeCopyText(path: string, rows: number, recordOf: (n: number) => BenchRecord = benchRecord): Promise<void> {
  const file = createWriteStream(path)
  for (let n = 0; n < rows; n += 1) {
    const r = recordOf(n)
    const list = (values: readonly string[]): string => `{${values.map((value) => `"${value}"`).join(',')}}`
    const line = [
      r.id,
      r.hostname,
      list(r.addresses),
      r.authorized ? 't' : 'f',
      r.created,
      r.expires,
      r.lastSeen,
      r.name,
      r.os,
      r.tags === null ? '\\N' : list(r.tags),
      r.user,
      String(r.bytes),
    ]
    if (!file.write(`${line.join('\t')}\n`)) await once(file, 'drain')
  }
  file.end()
  await once(file, 'finish')
}

/** Whether there is a psql to be measured against. */
export function hasPsql(): boolean {
  try {
    execFileSync('psql', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Seconds that `psql \copy` takes into an empty logged table. */
export function timePsqlCopy(url: string, path: string): number {
  execFileSync('psql', [url, '-q', '-c', 'DROP TABLE IF EXISTS public.copied', '-c', `CREATE TABLE public.copied (${columnsSql})`])
  const begin = performance.now()
  execFileSync('psql', [url, '-q', '-c', `\\copy public.copied FROM '${path}'`])
  return (performance.now() - begin) / 1000
}

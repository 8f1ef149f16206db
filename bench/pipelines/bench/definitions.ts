import { defineLocation, table } from 'millrace'
import type { WriteOptions } from 'millrace'
import { jsonPages } from 'millrace/sources'
import * as z from 'zod'

const columns = z.object({
  id: z.uuid(),
  hostname: z.string(),
  addresses: z.array(z.string()),
  authorized: z.boolean(),
  created: z.iso.datetime(),
  expires: z.iso.datetime(),
  lastSeen: z.iso.datetime(),
  name: z.string(),
  os: z.string(),
  tags: z.array(z.string()).nullable(),
  user: z.string(),
  bytes: z.int(),
})

const base = process.env['BENCH_SOURCE_URL'] ?? ''
const config = z.object({ rows: z.int().positive() })

const loaded = (name: string, write: WriteOptions) =>
  table({
    key: `bench/${name}`,
    columns,
    config,
    resumable: true,
    write,
    // Its index is a part of what a merge costs.
    primaryKey: write.disposition === 'merge' ? ['id'] : [],
    extract: ({ config: { rows }, signal, position }) =>
      jsonPages({ url: `${base}/?rows=${String(rows)}`, paging: { kind: 'number', parameter: 'page', first: 0 }, signal, position }),
  })

export default defineLocation({
  name: 'bench',
  assets: [
    loaded('replaced', { disposition: 'replace' }),
    loaded('appended', { disposition: 'append' }),
    loaded('grown', { disposition: 'append', publish: 'each-batch' }),
    loaded('merged', { disposition: 'merge' }),
  ],
})

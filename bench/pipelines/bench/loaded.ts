import { table } from 'millrace'
import type { TableAsset, WriteOptions } from 'millrace'
import { jsonPages } from 'millrace/sources'
import * as z from 'zod'
import { device } from './columns.ts'

const base = process.env['BENCH_SOURCE_URL'] ?? ''
/** How many records, and under which path of the source. */
const config = z.object({ rows: z.int().positive(), feed: z.string().default('devices') })

interface LoadedOptions {
  readonly columns?: z.ZodObject
  readonly quarantine?: true
  readonly statistics?: false
}

/** A table of the bench's own location, `bench.<name>`, loaded from the source that serves JSON pages. */
export function loaded(name: string, write: WriteOptions, { columns = device, quarantine, statistics }: LoadedOptions = {}): TableAsset {
  return table({
    key: `bench/${name}`,
    columns,
    config,
    resumable: true,
    write,
    // Its index is a part of what a merge costs.
    primaryKey: write.disposition === 'merge' ? ['id'] : [],
    ...(quarantine === undefined ? {} : { quarantine }),
    ...(statistics === undefined ? {} : { statistics }),
    extract: ({ config: { rows, feed }, signal, position }) =>
      jsonPages({ url: `${base}/${feed}?rows=${String(rows)}`, paging: { kind: 'number', parameter: 'page', first: 0 }, signal, position }),
  })
}

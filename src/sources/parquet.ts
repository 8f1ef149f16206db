import type { Json } from '../definitions/json.ts'
import type { RawPage } from '../definitions/page.ts'
import { SourceError } from '../errors.ts'
import { filesOf } from './byte-origin.ts'
import type { ByteOrigin, FileOrigin } from './byte-origin.ts'
import { changedFile } from './opened-file.ts'
import type { Connections } from './opened-file.ts'
import type { GroupPlan, ParquetFooter } from './parquet-footer.ts'
import { openRandomAccess } from './random-access.ts'
import type { RandomAccess } from './random-access.ts'

/** Of the columns asked for, as they lie in the file: 256 MiB. Writers make row groups of about 128. */
const defaultMaxRowGroupBytes = 256 * 1024 * 1024
/** What a server without ranges may have to hand over: 4 GiB. */
const defaultMaxFileBytes = 4 * 1024 * 1024 * 1024
/** Requests at once for the columns of a row group, where others lie between them. */
const requestsAtOnce = 4

export type ParquetOptions = ByteOrigin &
  Connections & {
    /** Columns of the top of the schema; no others are fetched. Default: all. */
    readonly columns?: readonly string[]
    /** `context.position`: where an earlier attempt stopped. */
    readonly position?: Json | undefined
    /** Handed to `transform` with every page; a function is given the file's name. */
    readonly extra?: Json | ((file: string) => Json)
    /** The most bytes of a row group, of the columns asked for, as they lie in the file. It is held in memory. Default 256 MiB. */
    readonly maxRowGroupBytes?: number
    /** The largest file that is fetched whole, into a temporary file, because its server answers no ranges. Default 4 GiB. */
    readonly maxFileBytes?: number
  }

/**
 * Reads Parquet files wherever they are (a web server, S3, an SFTP server, this machine), by ranges: each page is a row group, its columns' bytes as they
 * lie in the file. They are decoded by the transform worker, so that this one keeps waiting on networks, and only what is compressed travels.
 * Each page carries the position to go on from, so the asset may say `resumable: true`.
 * @throws SourceError as opening the file does; `SOURCE_CHANGED`, `SOURCE_POSITION`, `SOURCE_FILE_TOO_LARGE`, `PARQUET_TRUNCATED`, `PARQUET_COLUMN_MISSING`,
 * `PARQUET_ROW_GROUP_TOO_LARGE`; DataError `PARQUET_DAMAGED`, `PARQUET_ENCRYPTED`
 */
export async function* parquet(options: ParquetOptions): AsyncGenerator<RawPage, void, undefined> {
  const { signal, maxFileBytes = defaultMaxFileBytes } = options
  signal?.throwIfAborted()
  const files = await filesOf(options, options)
  const start = placeOf(options.position)
  const first = start?.file === undefined ? 0 : files.findIndex((file) => file.name === start.file)
  if (first < 0) throw changedFile(start?.file ?? '')
  for (const [index, origin] of files.slice(first).entries()) {
    const file = await openRandomAccess(origin, { ...options, maxFileBytes })
    try {
      yield* rowGroups(file, origin, options, index === 0 ? start : undefined)
    } finally {
      await file.close()
    }
  }
}

async function* rowGroups(
  file: RandomAccess,
  { name }: FileOrigin,
  options: ParquetOptions,
  start: Place | undefined,
): AsyncGenerator<RawPage, void, undefined> {
  const { signal, maxRowGroupBytes = defaultMaxRowGroupBytes, extra } = options
  if (start !== undefined && start.version !== file.version) throw changedFile(name)
  // Loaded when first used: few workers ever see Parquet.
  const { planGroup, readFooter } = await import('./parquet-footer.ts')
  const footer = await readFooter(file, name)
  const columns = columnsOf(footer, options.columns, name)
  const fileExtra = typeof extra === 'function' ? extra(name) : extra
  for (let rowGroup = start?.rowGroup ?? 0; rowGroup < footer.metadata.row_groups.length; rowGroup += 1) {
    signal?.throwIfAborted()
    const plan = planGroup(footer, rowGroup, columns, file.size, name)
    if (plan.format.rows === 0) continue
    refuseLarge(plan, maxRowGroupBytes, name)
    yield {
      body: await fetchChunks(file, plan),
      format: plan.format,
      position: { file: name, rowGroup: rowGroup + 1, version: file.version },
      ...(fileExtra === undefined ? {} : { extra: fileExtra }),
    }
  }
}

interface Place {
  /** Not in positions of earlier versions, which knew one file only. */
  readonly file: string | undefined
  readonly rowGroup: number
  readonly version: string
}

function placeOf(position: Json | undefined): Place | undefined {
  if (position === undefined) return undefined
  const { file, rowGroup, version } = typeof position === 'object' && position !== null && 'rowGroup' in position ? position : {}
  if (typeof rowGroup === 'number' && typeof version === 'string') return { file: typeof file === 'string' ? file : undefined, rowGroup, version }
  throw new SourceError(`The position ${JSON.stringify(position).slice(0, 200)} is none that Parquet files can go on from`, {
    code: 'SOURCE_POSITION',
    retryable: false,
    hint: 'It was recorded by another extractor. Start a new run.',
  })
}

function columnsOf({ root }: ParquetFooter, wanted: readonly string[] | undefined, name: string): readonly string[] {
  const there = root.children.map((child) => child.element.name)
  const missing = (wanted ?? []).filter((column) => !there.includes(column))
  if (missing.length === 0) return wanted ?? there
  const quoted = (names: readonly string[]): string => names.map((one) => JSON.stringify(one)).join(', ')
  throw new SourceError(`${name} lacks the column${missing.length > 1 ? 's' : ''} ${quoted(missing)}; it has ${quoted(there.slice(0, 30))}`, {
    code: 'PARQUET_COLUMN_MISSING',
    retryable: false,
    hint: 'Compare the file with the columns asked for: their spelling and their capitals. Of a struct, name the top.',
  })
}

function refuseLarge({ format, ranges }: GroupPlan, most: number, name: string): void {
  const bytes = ranges.reduce((sum, { from, to }) => sum + to - from, 0)
  if (bytes <= most) return
  throw new SourceError(`Row group ${String(format.rowGroup)} of ${name} has ${String(bytes)} bytes in the columns asked for; the most is ${String(most)}`, {
    code: 'PARQUET_ROW_GROUP_TOO_LARGE',
    retryable: false,
    hint: 'Ask for fewer columns, have it written in smaller row groups, or raise maxRowGroupBytes where memory allows.',
  })
}

/** The bytes of the chunks, one after the other; those that lie together are fetched together. */
async function fetchChunks(file: RandomAccess, { ranges }: GroupPlan): Promise<readonly Uint8Array[]> {
  const runs: { from: number; to: number }[] = []
  for (const { from, to } of ranges) {
    const last = runs.at(-1)
    if (last?.to === from) last.to = to
    else runs.push({ from, to })
  }
  const parts: Uint8Array[] = []
  for (let at = 0; at < runs.length; at += requestsAtOnce) {
    const some = await Promise.all(runs.slice(at, at + requestsAtOnce).map(({ from, to }) => file.read(from, to)))
    for (const one of some) parts.push(...one)
  }
  return parts
}

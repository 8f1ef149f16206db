import type { Json, JsonObject } from './json.ts'

/** How a CSV file is written, where it departs from RFC 4180. Every character is one of ASCII. */
export interface CsvDialect {
  /** Default `,`. */
  readonly delimiter?: string
  /** Stands around values. Default `"`; null: nothing does. */
  readonly quote?: string | null
  /** Stands before a quote within quotes. Default: the quote itself, doubled. */
  readonly escape?: string
  /** A line that begins with it is passed over. Default: there are no comments. */
  readonly comment?: string
  /** A value that is this text, without quotes, is null: `''`, `'NULL'`, `'\\N'`. Default: no value is; an empty one is empty text. */
  readonly nullText?: string
  /** Takes white space around values away; within quotes it stays. */
  readonly trim?: boolean
  /** What ends a line. Default: LF, or CR and LF; a file without any LF is read by its CRs. */
  readonly lineBreak?: 'lf' | 'cr'
  /** A row with fewer values than there are columns: `refuse` (default), or `fill`: the missing ones are null. */
  readonly shortRows?: 'refuse' | 'fill'
  /** A row with more: `refuse` (default), or `cut`: what is beyond the last column is dropped. */
  readonly longRows?: 'refuse' | 'cut'
}

/**
 * How the records lie in a page's bytes:
 * `json`: one JSON document, the array of records at `path` (or the document itself);
 * `jsonl`: one record a line; `csv`: rows of the columns named, without the header line; `parquet`: a row group;
 * `oversized`: not a record but the first bytes of one that is too large to be held, `bytes` in all;
 * `pgcopy`: the tuples of Postgres' binary COPY, whole ones, without its header and trailer.
 */
export type PageFormat =
  | { readonly kind: 'json'; readonly path?: readonly string[] }
  | { readonly kind: 'jsonl' }
  | ({ readonly kind: 'csv'; readonly columns: readonly string[] } & CsvDialect)
  | ParquetFormat
  | OversizedFormat
  | { readonly kind: 'pgcopy'; readonly columns: readonly CopyColumn[] }

/** One row group of a Parquet file: the chunks of some of its columns, one after the other, as they lie in the file. */
export interface ParquetFormat {
  readonly kind: 'parquet'
  /** Its number, from 0. */
  readonly rowGroup: number
  readonly rows: number
  /** The schema of these columns, as the footer has it. */
  readonly schema: readonly JsonObject[]
  readonly chunks: readonly ParquetChunk[]
}

export interface ParquetChunk {
  /** Of its column in the schema. */
  readonly path: readonly string[]
  readonly codec: string
  readonly bytes: number
}

export interface OversizedFormat {
  readonly kind: 'oversized'
  /** Its size. */
  readonly bytes: number
  /** What was allowed. */
  readonly limit: number
  /** Where it begins: `byte 1234 of orders.csv`. */
  readonly at: string
}

/** A column of a page of binary COPY. */
export interface CopyColumn {
  readonly name: string
  /** As `format_type` prints it: `numeric(12,4)`, `text[]`. */
  readonly type: string
  /** The type's OID, by which its bytes are read. */
  readonly oid: number
}

/** A page as it came: bytes or text that the transform worker parses. */
export interface RawPage {
  /** In one piece or in several, in order: what a network hands over need not be put together first. */
  readonly body: Uint8Array | readonly Uint8Array[] | string
  readonly format: PageFormat
  /** Handed to `transform` as `context.page`: what the page knows and its records do not (a tailnet's name, a file's date). */
  readonly extra?: Json
  /** Where extraction goes on after this page; only a source that can resume gives it. */
  readonly position?: Json
  /** How far the source is read with this page, for the runs to come; only where the asset says `cursor: true`. */
  readonly cursor?: Json
  /** The number of the page's first line in its file, counted from 1, for messages about a record. */
  readonly firstLine?: number
}

/** A page whose records are already objects. */
export interface RecordPage<Record = unknown> {
  readonly records: readonly Record[]
  readonly extra?: Json
  readonly position?: Json
  readonly cursor?: Json
}

/** What an extractor yields. A bare array is a page of records. */
export type Page<Record = unknown> = RawPage | RecordPage<Record> | readonly Record[]

import * as z from 'zod'
import { asset, AssetMetadata } from './asset.ts'
import { bool, BoolMetadata } from './bool.ts'
import { columnLineage, ColumnLineageMetadata } from './column-lineage.ts'
import { float, FloatMetadata } from './float.ts'
import { int, IntMetadata } from './int.ts'
import { job, JobMetadata } from './job.ts'
import { json, JsonMetadata } from './json.ts'
import { markdown, MarkdownMetadata } from './markdown.ts'
import { nothing, NullMetadata } from './null.ts'
import { path, PathMetadata } from './path.ts'
import { run, RunMetadata } from './run.ts'
import { table, TableMetadata } from './table.ts'
import { tableSchema, TableSchemaMetadata } from './table-schema.ts'
import { text, TextMetadata } from './text.ts'
import { timestamp, TimestampMetadata } from './timestamp.ts'
import { url, UrlMetadata } from './url.ts'

/** What is shown with a materialization, by its kind: `output(value, { metadata: { report: metadata.url('https://…') } })`. All of them throw DataError `METADATA_INVALID`. */
export const metadata = {
  asset,
  bool,
  columnLineage,
  float,
  int,
  job,
  json,
  markdown,
  null: nothing,
  path,
  run,
  table,
  tableSchema,
  text,
  timestamp,
  url,
} as const

/** A metadata value as it is stored: its kind and what it says. */
export const MetadataValue = z.discriminatedUnion('type', [
  AssetMetadata,
  BoolMetadata,
  ColumnLineageMetadata,
  FloatMetadata,
  IntMetadata,
  JobMetadata,
  JsonMetadata,
  MarkdownMetadata,
  NullMetadata,
  PathMetadata,
  RunMetadata,
  TableMetadata,
  TableSchemaMetadata,
  TextMetadata,
  TimestampMetadata,
  UrlMetadata,
])
export type MetadataValue = z.infer<typeof MetadataValue>

import { parsePage } from './parse-page.ts'
import type { EncodedPage, ParsedPage, ParsePageOptions } from './parse-page.ts'

/** Whether a page of this format is one block, which `parsePage` reads. */
export function isReadAtOnce({ kind }: EncodedPage['format']): boolean {
  return kind !== 'parquet'
}

/**
 * Parses a page into its records, a block at a time. Pages of text are one block; of Parquet, a row group may be far larger decoded than in the file.
 * @throws as `parsePage`, and DataError `PARQUET_DAMAGED`
 */
export async function* parseBlocks({ format, ...page }: EncodedPage, options: ParsePageOptions): AsyncGenerator<ParsedPage, void, undefined> {
  if (format.kind !== 'parquet') {
    yield parsePage({ ...page, format }, options)
    return
  }
  // Loaded when first used: few workers ever see Parquet.
  const { parseParquet } = await import('./formats/parquet.ts')
  yield* parseParquet(page.body, format, options.name ?? 'the page')
}

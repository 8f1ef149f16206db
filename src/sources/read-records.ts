import type { Page, RecordPage } from '../definitions/page.ts'
import { bytesOfPage } from './page-body.ts'
import { parseBlocks } from './parse-blocks.ts'

export interface ReadRecord {
  readonly record: unknown
  /** Where it is in its page, for messages: `record 17`, of lines `record 17 (line 18)`. It may read the page again. */
  readonly locate: () => string
}

/**
 * The records of a source's pages, parsed here: for functions of assets and ops, which have no transform worker that does it. One page at a time is in memory.
 * @throws what the source throws; SourceError and DataError for what is no record, as a transform worker would: `CSV_FIELD_COUNT`, `RECORD_NOT_JSON` and the like
 */
export async function* readRecords(pages: AsyncIterable<Page> | Iterable<Page>): AsyncGenerator<ReadRecord, void, undefined> {
  for await (const page of pages) {
    if ('body' in page) {
      const { format, firstLine } = page
      for await (const { records, locate } of parseBlocks({ body: bytesOfPage(page.body), format, ...(firstLine === undefined ? {} : { firstLine }) }, {})) {
        for (const [index, record] of records.entries()) yield { record, locate: () => locate(index) }
      }
    } else {
      for (const [index, record] of recordsOf(page).entries()) yield { record, locate: () => `record ${String(index)}` }
    }
  }
}

const recordsOf = (page: RecordPage | readonly unknown[]): readonly unknown[] => ('records' in page ? page.records : page)

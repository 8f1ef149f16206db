import type { RawPage } from '../definitions/page.ts'
import { filePages } from './file-pages.ts'
import type { FileOptions } from './file-pages.ts'
import { recordCutter } from './record-cutter.ts'

export type JsonlOptions = FileOptions

/**
 * Reads files of JSON lines (NDJSON), one record a line, as raw pages cut between lines; gzip, zstd and any encoding. Nothing is parsed here.
 * Memory stays flat, whatever a file's size.
 * @throws SourceError as opening the file does
 */
export async function* jsonl(options: JsonlOptions): AsyncGenerator<RawPage, void, undefined> {
  yield* filePages(options, ({ state, ...start }) => {
    const cutter = recordCutter({ ...start, dialect: { quote: null }, line: typeof state?.['line'] === 'number' ? state['line'] : 1 })
    return { ...cutter, end: () => void cutter.end(), format: () => ({ kind: 'jsonl' }), state: (page) => ({ line: page.endLine }) }
  })
}

import type { RawPage } from '../definitions/page.ts'
import { filePages } from './file-pages.ts'
import type { FileOptions } from './file-pages.ts'
import { jsonCutter } from './json-cutter.ts'

export type JsonOptions = FileOptions & {
  /** Where the array of records is in the document: `['data', 'devices']`. Default: the document is the array. */
  readonly at?: readonly string[]
}

/**
 * Reads JSON files that are one document each, with an array of records of any length: raw pages are cut between its elements, which are not
 * parsed here. Memory stays flat, whatever a file's size.
 * @throws SourceError as opening the file does; `PAGE_TRUNCATED`, `PAGE_NOT_JSON`; DataError `PAGE_PATH_NOT_FOUND`, `PAGE_NOT_AN_ARRAY`
 */
export async function* json(options: JsonOptions): AsyncGenerator<RawPage, void, undefined> {
  const path = options.at ?? []
  yield* filePages(options, ({ state, ...start }) => {
    const line = typeof state?.['line'] === 'number' ? state['line'] : 1
    return jsonCutter({ ...start, path, line, begin: state === undefined ? 'before' : state['behind'] === true ? 'behind' : 'inside' })
  })
}

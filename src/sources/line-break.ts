import type { CsvDialect } from '../definitions/page.ts'
import { csvScanner, isWithinQuotes, scanStart, stateOf } from './formats/csv-scanner.ts'

/** Bytes that are looked at, at most: a line without an end in them is no line. */
const sniffedBytes = 64 * 1024

export interface LineBreakFinder {
  /** Looks at the next bytes; answers once it knows. */
  readonly push: (chunk: Uint8Array) => 'lf' | 'cr' | undefined
  /** What it is if there are no more bytes. */
  readonly end: () => 'lf' | 'cr'
}

/** Tells by a file's first bytes how its lines end: by a CR where there is none but within quotes that an LF follows somewhere. */
export function lineBreakFinder(dialect: CsvDialect): LineBreakFinder {
  const { table, classOf } = csvScanner({ ...dialect, lineBreak: 'lf' })
  let state = scanStart
  let returns = false
  let seen = 0
  const end = () => (returns ? 'cr' : 'lf')
  return {
    push: (chunk) => {
      for (const byte of chunk) {
        if (byte === 0x0a && !isWithinQuotes(state)) return 'lf'
        returns ||= byte === 0x0d && !isWithinQuotes(state)
        state = stateOf(table[(state << 3) | (classOf[byte] ?? 0)] ?? 0)
      }
      seen += chunk.length
      return seen < sniffedBytes ? undefined : end()
    },
    end,
  }
}

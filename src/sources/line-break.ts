import type { CsvDialect } from '../definitions/page.ts'
import { csvScanner, isWithinQuotes, scanStart, stateOf } from './formats/csv-scanner.ts'

/** Bytes that are looked at, at most: a line without an end in them is no line. */
const sniffedBytes = 64 * 1024

/** How a file's lines end, told by its first bytes: by a CR where there is no LF outside quotes. */
export async function* withLineBreak(
  chunks: AsyncIterable<Uint8Array>,
  dialect: CsvDialect,
  found: (lineBreak: 'lf' | 'cr') => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { table, classOf } = csvScanner({ ...dialect, lineBreak: 'lf' })
  let state = scanStart
  let returns = false
  let seen = 0
  let waiting: Uint8Array[] | undefined = []
  for await (const chunk of chunks) {
    if (waiting === undefined) {
      yield chunk
      continue
    }
    waiting.push(chunk)
    let feed = false
    for (let at = 0; at < chunk.length && !feed; at += 1) {
      const byte = chunk[at] ?? 0
      feed = byte === 0x0a && !isWithinQuotes(state)
      returns ||= byte === 0x0d && !isWithinQuotes(state)
      state = stateOf(table[(state << 3) | (classOf[byte] ?? 0)] ?? 0)
    }
    seen += chunk.length
    if (!feed && seen < sniffedBytes) continue
    found(!feed && returns ? 'cr' : 'lf')
    yield* waiting
    waiting = undefined
  }
  if (waiting === undefined) return
  found(returns ? 'cr' : 'lf')
  yield* waiting
}

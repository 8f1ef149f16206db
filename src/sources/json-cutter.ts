import { SourceError } from '../errors.ts'
import type { FileCutter } from './file-pages.ts'
import { isSpace } from './formats/json-fault.ts'
import { jsonPathFinder } from './json-path-finder.ts'
import { recordHolder } from './record-holder.ts'
import type { RecordHolderOptions } from './record-holder.ts'

export interface JsonCutterOptions extends RecordHolderOptions {
  readonly path: readonly string[]
  /** Where the first byte stands: before the array (at the document's beginning), between two of its elements, or behind it. */
  readonly begin: 'before' | 'inside' | 'behind'
}

const [quote, backslash, comma, newline] = [0x22, 0x5c, 0x2c, 0x0a]
const [openArray, closeArray, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d]

/**
 * Cuts the array at a path of a JSON document between its elements, which it does not parse: it knows strings and depths. What is wrong within an
 * element is for who parses it to find; what is wrong between elements, around the array, or missing at the end is an error here.
 */
export function jsonCutter(options: JsonCutterOptions): FileCutter {
  const { path, name } = options
  const holder = recordHolder(options)
  const finder = jsonPathFinder(path, name)
  let phase = options.begin
  /** Arrays and objects that are open: within an element, or, behind the array, around it. */
  let depth = phase === 'behind' ? path.length : 0
  let inString = false
  let escaped = false
  /** Whether anything but white space has come since the last comma. */
  let begun = false
  let elements = phase === 'before' ? 0 : 1
  /** Where in the file the chunk begins. */
  let offset = options.offset ?? 0
  let arrayEnd: number | undefined

  function scanElements(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at]
      if (inString) {
        if (escaped) escaped = false
        else if (byte === backslash) escaped = true
        else if (byte === quote) inString = false
      } else if (byte === quote) {
        inString = true
        begun = true
      } else if (byte === openObject || byte === openArray) {
        depth += 1
        begun = true
      } else if (depth > 0) {
        if (byte === closeObject || byte === closeArray) depth -= 1
        else if (byte === newline) holder.line += 1
      } else if (byte === comma || byte === closeArray) {
        // `[]` has no element; `[,1]` and `[1,]` lack one.
        if (!begun && (byte === comma || elements > 0)) throw notJson(offset + at)
        if (begun) holder.endRecord(at, 1)
        begun = false
        elements += 1
        if (byte === comma) continue
        phase = 'behind'
        depth = path.length
        arrayEnd = offset + at + 1
        return at + 1
      } else if (byte === closeObject) {
        throw notJson(offset + at)
      } else if (byte === newline) {
        holder.line += 1
      } else {
        begun ||= !isSpace(byte)
      }
    }
    return chunk.length
  }

  /** What surrounds the array must close; what is in it is not looked at. */
  function scanBehind(chunk: Uint8Array, from: number): void {
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at]
      if (inString) {
        if (escaped) escaped = false
        else if (byte === backslash) escaped = true
        else if (byte === quote) inString = false
      } else if (depth === 0) {
        if (!isSpace(byte)) throw notJson(offset + at)
      } else if (byte === quote) {
        inString = true
      } else if (byte === openObject || byte === openArray) {
        depth += 1
      } else if (byte === closeObject || byte === closeArray) {
        depth -= 1
      }
    }
  }

  function countLines(bytes: Uint8Array): void {
    for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) holder.line += 1
  }

  function notJson(position: number): SourceError {
    return new SourceError(`${name} is not JSON: wrong at byte ${String(position)}`, {
      code: 'PAGE_NOT_JSON',
      hint: 'See what the source sends there. One record a line is read by `jsonl`.',
    })
  }

  return {
    push: (chunk) => {
      let at = 0
      holder.begin(chunk)
      if (phase === 'before') {
        const found = finder.push(chunk)
        at = found ?? chunk.length
        countLines(chunk.subarray(0, at))
        holder.take(at)
        if (found !== undefined) phase = 'inside'
      }
      if (phase === 'inside') at = scanElements(chunk, at)
      // What is behind the array belongs to no page.
      holder.finish(at)
      if (phase === 'behind') scanBehind(chunk, at)
      offset += chunk.length
    },
    shift: () => {
      const page = holder.shift()
      if (page === undefined || page.oversized !== undefined) return page
      return { ...page, body: Buffer.concat([Buffer.from('['), page.body, Buffer.from(']')]) }
    },
    end: () => {
      if (phase === 'before') finder.end()
      if (phase !== 'behind' || depth > 0 || inString) {
        throw new SourceError(`${name} is cut off: its JSON ends in the middle, at byte ${String(offset)}`, {
          code: 'PAGE_TRUNCATED',
          hint: 'The source sent less than a whole document; fetching it again may help. If not, look at the source.',
        })
      }
      holder.flush()
    },
    format: () => ({ kind: 'json' }),
    state: (page) => ({ line: page.endLine, behind: page.end === arrayEnd }),
  }
}

import type { ArrayElements, CellWriter } from './cell-writer.ts'
import { reserve } from './sink.ts'
import type { Sink } from './sink.ts'

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r', '\b': '\\b', '\f': '\\f', '\v': '\\v' }

// Few values have any, and looking costs a fraction of replacing.
const special = /[\\\t\n\r\b\f\v]/
const eachSpecial = new RegExp(special, 'g')

// Up to here a loop over the characters is quicker than calling into the engine, as for the binary format.
const shortText = 96

const quote = 0x22

// ASCII that stands for itself, in a cell and in an element of an array.
const plain = new Uint8Array(128).fill(1)
for (const character of Object.keys(escapes)) plain[character.charCodeAt(0)] = 0
const plainElement = Uint8Array.from(plain, (one, code) => (code === quote ? 0 : one))

/** Writes text as it stands. */
function writeRaw(sink: Sink, value: string): void {
  reserve(sink, value.length * 3)
  if (value.length === 1 && value !== '\0' && value < '\u0080') sink.bytes[sink.at++] = value.charCodeAt(0)
  else sink.at += sink.bytes.write(value, sink.at, 'utf8')
}

/** Writes a short text of characters that stand for themselves. False for another, and nothing is written. */
function writePlain(sink: Sink, text: string, characters: Uint8Array): boolean {
  const { length } = text
  if (length > shortText) return false
  reserve(sink, length)
  const { bytes, at } = sink
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index)
    if (characters[code] !== 1) return false
    bytes[at + index] = code
  }
  sink.at = at + length
  return true
}

function writeEscaped(sink: Sink, text: string): void {
  if (writePlain(sink, text, plain)) return
  writeRaw(sink, special.test(text) ? text.replaceAll(eachSpecial, (one) => escapes[one] ?? one) : text)
}

/** Writes an array's literal where all its elements are short and stand for themselves. False for another, and nothing is written. */
function writePlainArray(sink: Sink, values: readonly unknown[], { writer }: ArrayElements): boolean {
  const start = sink.at
  writeRaw(sink, '{')
  for (let index = 0; index < values.length; index++) {
    if (index > 0) writeRaw(sink, ',')
    const value = values[index]
    if (value === null || value === undefined) {
      writeRaw(sink, 'NULL')
      continue
    }
    writeRaw(sink, '"')
    if (!writePlain(sink, writer.text(value), plainElement)) {
      sink.at = start
      return false
    }
    writeRaw(sink, '"')
  }
  writeRaw(sink, '}')
  return true
}

/**
 * Writes the cell as text COPY does, after the binary writer has checked the value: so that both formats refuse the same values.
 */
export function textCell(writer: CellWriter): CellWriter['write'] {
  const scratch: Sink = { bytes: Buffer.alloc(256), at: 0 }
  const { elements } = writer
  return (sink, value) => {
    scratch.at = 0
    if (!writer.write(scratch, value)) return false
    // Nothing of a record over 16 MiB is kept for ever.
    if (scratch.bytes.length > 1_048_576) scratch.bytes = Buffer.alloc(256)
    if (elements === undefined || !writePlainArray(sink, value as readonly unknown[], elements)) writeEscaped(sink, writer.text(value))
    return true
  }
}

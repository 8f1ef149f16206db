import type { CellWriter } from './cell-writer.ts'
import { reserve } from './sink.ts'
import type { Sink } from './sink.ts'

const escapes: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r', '\b': '\\b', '\f': '\\f', '\v': '\\v' }

// Few values have any, and looking costs a fraction of replacing.
const special = /[\\\t\n\r\b\f\v]/
const eachSpecial = new RegExp(special, 'g')

/** Writes text as it stands. */
export function writeRaw(sink: Sink, value: string): void {
  reserve(sink, value.length * 3)
  sink.at += sink.bytes.write(value, sink.at, 'utf8')
}

/**
 * Writes the cell as text COPY does, after the binary writer has checked the value: so that both formats refuse the same values.
 */
export function textCell(writer: CellWriter): CellWriter['write'] {
  const scratch: Sink = { bytes: Buffer.alloc(256), at: 0 }
  return (sink, value) => {
    scratch.at = 0
    if (!writer.write(scratch, value)) return false
    // Nothing of a record over 16 MiB is kept for ever.
    if (scratch.bytes.length > 1_048_576) scratch.bytes = Buffer.alloc(256)
    const text = writer.text(value)
    writeRaw(sink, special.test(text) ? text.replaceAll(eachSpecial, (one) => escapes[one] ?? one) : text)
    return true
  }
}

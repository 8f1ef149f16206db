import { shown } from './cell-writer.ts'
import type { CellWriter } from './cell-writer.ts'
import { putInt32, reserve, writeNull } from './sink.ts'
import type { Sink } from './sink.ts'

/** Which elements may be missing. */
export interface ArrayNulls {
  readonly null: boolean
  readonly undefined: boolean
}

// In an array literal every element stands in quotes, so only these two need a backslash and `NULL` stays itself.
const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`

/**
 * A one-dimensional array.
 * @param elementOid 0 where the type has none of its own; such an array can only be written as text
 */
export function array(element: CellWriter, elementOid: number, nulls: ArrayNulls): CellWriter {
  const isNull = (value: unknown): boolean => (value === null && nulls.null) || (value === undefined && nulls.undefined)
  const write = (sink: Sink, value: unknown): boolean => {
    if (!Array.isArray(value)) return false
    const { length } = value
    reserve(sink, 24)
    const start = sink.at
    const { bytes } = sink
    putInt32(bytes, start + 4, length === 0 ? 0 : 1)
    putInt32(bytes, start + 8, 0)
    putInt32(bytes, start + 12, elementOid)
    putInt32(bytes, start + 16, length)
    putInt32(bytes, start + 20, 1)
    sink.at = start + (length === 0 ? 16 : 24)
    for (let index = 0; index < length; index++) {
      const one: unknown = value[index]
      if (one === null || one === undefined) {
        if (!isNull(one)) return false
        putInt32(sink.bytes, start + 8, 1)
        writeNull(sink)
      } else if (!element.write(sink, one)) return false
    }
    putInt32(sink.bytes, start, sink.at - start - 4)
    return true
  }
  return {
    write,
    elements: { writer: element, oid: elementOid, nulls: nulls.null },
    refusal(value) {
      if (!Array.isArray(value)) return `is not an array: ${shown(value)}`
      const scratch: Sink = { bytes: Buffer.alloc(64), at: 0 }
      const index = value.findIndex((one: unknown) => {
        scratch.at = 0
        return one === null || one === undefined ? !isNull(one) : !element.write(scratch, one)
      })
      const one: unknown = value[index]
      return `element ${String(index)} ${one === null || one === undefined ? 'is null, which its schema does not allow' : element.refusal(one)}`
    },
    text: (value) => `{${(value as readonly unknown[]).map((one) => (one === null || one === undefined ? 'NULL' : quoted(element.text(one)))).join(',')}}`,
  }
}

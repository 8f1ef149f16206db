import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { recordCutter } from '../../src/sources/record-cutter.ts'
import type { RecordCutterOptions } from '../../src/sources/record-cutter.ts'
import { expect, test } from '../support/test.ts'

const seed = Number(process.env['SEED'] ?? randomBytes(4).readUInt32BE())
const options = { dialect: {}, pageBytes: 1 << 20, maxRecordBytes: 1 << 20, name: 'a.csv' } as const satisfies RecordCutterOptions

/** The records of a text pushed in chunks of a size, the line it ends in, and that of a quote left open. */
function cut(text: Buffer, chunkBytes: number): unknown {
  const records: string[] = []
  const asked = recordCutter({ ...options, isHeader: (record) => records.push(record.toString('latin1')) < 0 })
  const counted = recordCutter(options)
  for (let at = 0; at < text.length; at += chunkBytes) {
    asked.push(text.subarray(at, at + chunkBytes))
    counted.push(text.subarray(at, at + chunkBytes))
  }
  asked.end()
  return { records, open: counted.end(), endLine: counted.shift()?.endLine }
}

const piece = fc.oneof(
  fc.constantFrom('"', '""', '"\n', '",', '"\r\n', '"\r"', ',', '\n', '\r\n', '\r', ',"', '\n"', ' '),
  fc.stringMatching(/^[a-z]{1,60}$/),
  fc.stringMatching(/^"[a-z,\n]{0,40}(?:""[a-z\r\n]{0,5})?"[,\n]$/),
)

// Byte by byte every character is looked at; in one chunk only quotes and line ends are.
test('a text is cut between the same records whatever its chunks', () => {
  for (const pieces of fc.sample(fc.array(piece, { maxLength: 40 }), { numRuns: 600, seed })) {
    // Quotes are looked for only while they are few.
    const text = Buffer.from(`${'x'.repeat(1500)}\n${pieces.join('')}`)
    const expected = cut(text, 1)
    for (const chunkBytes of [text.length + 1, 7, 64]) {
      expect({ seed, chunkBytes, text: text.toString(), ...Object(cut(text, chunkBytes)) }).toEqual({
        seed,
        chunkBytes,
        text: text.toString(),
        ...Object(expected),
      })
    }
  }
})

test('a file of nothing but short quoted values is cut as one without them', () => {
  const rows = Array.from({ length: 500 }, (_, n) => `"${String(n)}","a,b","c""d","e\nf"\n`)
  expect(cut(Buffer.from(rows.join('')), 4096)).toEqual({ records: [...rows, ''], open: { openQuoteLine: undefined }, endLine: 1001 })
})

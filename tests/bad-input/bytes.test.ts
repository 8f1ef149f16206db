import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import type { PageFormat } from '../../src/definitions/page.ts'
import { MillraceError } from '../../src/errors.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
import { recordJson } from '../../src/workers/record-json.ts'
import { expect, test } from '../support/test.ts'

const seed = Number(process.env['SEED'] ?? randomBytes(4).readUInt32BE())
const formats: readonly PageFormat[] = [{ kind: 'json' }, { kind: 'json', path: ['a', 'b'] }, { kind: 'jsonl' }, { kind: 'csv', columns: ['a', 'b'] }]

/** Bytes of a file that begins well: cut, with bytes changed, or doubled. */
const damaged = fc
  .tuple(
    fc.oneof(
      fc.json().map((one) => `[${one}]`),
      fc.array(fc.json()).map((all) => all.join('\n')),
      fc.array(fc.tuple(fc.string(), fc.string())).map((rows) => rows.map(([a, b]) => `"${a.replaceAll('"', '""')}",${b}`).join('\r\n')),
    ),
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 3 }),
    fc.option(fc.nat()),
  )
  .map(([text, changes, cut]) => {
    const bytes = Buffer.from(text)
    for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % bytes.length] = byte
    return cut === null ? bytes : bytes.subarray(0, cut % (bytes.length + 1))
  })

test('any bytes are records, lines that are kept, or an error of ours that says what is wrong', () => {
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), fc.constantFrom(...formats), (body, format) => {
      const faults: number[] = []
      try {
        const { records, locate } = parsePage({ body, format }, { keepFault: ({ line }) => faults.push(line) })
        for (const [index, record] of records.entries()) {
          expect(locate(index)).toMatch(/^record \d+/)
          expect(JSON.parse(recordJson(record))).toEqual(record)
        }
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error
        expect([error.message, error.hint]).toEqual([expect.stringMatching(/.{10}/), expect.stringMatching(/.{10}/)])
      }
    }),
    { seed, numRuns: 3000 },
  )
})

test('a record that is kept reads as the same record', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(JSON.parse(recordJson(value))).toEqual(value)
    }),
    { seed },
  )
  const deep = JSON.parse(`${'{"a":['.repeat(20_000)}-0${']}'.repeat(20_000)}`) as unknown
  expect(recordJson(deep)).toBe(`${'{"a":['.repeat(20_000)}-0${']}'.repeat(20_000)}`)
  expect(recordJson({ a: [Infinity, -Infinity, -0, 0], b: 'x' })).toBe('{"a":[1e400,-1e400,-0,0],"b":"x"}')
  expect(recordJson({ a: [-0] })).toBe('{"a":[-0]}')
})

import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import type { PageFormat } from '../../src/definitions/page.ts'
import type { RecordFault } from '../../src/sources/formats/record-fault.ts'
import { csv, json, jsonl } from '../../src/sources/index.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
import { bytesOf } from '../support/page-body.ts'
import { describe, expect, temporaryFolder, test } from '../support/test.ts'
import { collect, thrownBy } from './failure.ts'

const seed = Number(process.env['SEED'] ?? randomBytes(4).readUInt32BE())

/** A page's records, where each was, and its faults. */
function read(body: Buffer, format: PageFormat, more: { firstLine?: number; maxRecordBytes?: number } = {}) {
  const faults: RecordFault[] = []
  const { firstLine, ...options } = more
  const page = { body, format, ...(firstLine === undefined ? {} : { firstLine }) }
  const { records, locate } = parsePage(page, { name: 'the file', ...options, keepFault: (fault) => faults.push(fault) })
  return { records, faults, places: records.map((_, index) => locate(index)) }
}

const bad = Buffer.from([0xff])
const joined = (...parts: readonly (string | Buffer)[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part)))
const lines: PageFormat = { kind: 'jsonl' }
const rows: PageFormat = { kind: 'csv', columns: ['a', 'b'] }
const array: PageFormat = { kind: 'json' }

describe('one record that is no UTF-8', () => {
  test('of JSON lines is told with its line, its byte and its bytes; the others are read', () => {
    const line = joined('{"a":"x', bad, 'é"}')
    const { records, faults, places } = read(joined('\uFEFF{"a":1}\r\n', line, '\r\n\n{"a":"é"}\n'), lines, { firstLine: 10 })
    expect(records).toEqual([{ a: 1 }, { a: 'é' }])
    expect(places).toEqual(['record 0 (line 10)', 'record 1 (line 13)'])
    expect(faults).toEqual([{ line: 1, text: '{"a":"x\uFFFDé"}', bytes: line, error: expect.objectContaining({ code: 'RECORD_NOT_UTF8', retryable: false }) }])
    expect(faults[0]?.error.message).toBe('Line 11 of the file is not UTF-8: wrong at byte 7 of it')
  })

  test('of CSV too, with all lines that its quotes hold together, and beside rows that are wrong otherwise', () => {
    const row = joined('é,"1\r\n2', bad, '"')
    const { records, faults, places } = read(joined('é,"x\ny"\r\n', row, '\r\n1\nä"b,2\n3,4\n'), rows, { firstLine: 2 })
    expect(records).toEqual([
      { a: 'é', b: 'x\ny' },
      { a: '3', b: '4' },
    ])
    expect(places).toEqual(['record 0 (line 2)', 'record 1 (line 8)'])
    expect(faults.map(({ line, error, text, bytes }) => [line, error.code, text, bytes])).toEqual([
      [2, 'RECORD_NOT_UTF8', 'é,"1\r\n2\uFFFD"', row],
      [4, 'CSV_FIELD_COUNT', '1', undefined],
      [5, 'CSV_QUOTE', 'ä"b,2', undefined],
    ])
    expect(faults[0]?.error.message).toBe('Line 4 of the file is not UTF-8: wrong at byte 8 of it')
  })

  test('of CSV with a quote that never closes takes no other row with it', () => {
    const { records, faults } = read(joined('1,"x', bad, '\n2,b\n3,"c\n4,d\n'), rows)
    expect(records).toEqual([
      { a: '2', b: 'b' },
      { a: '4', b: 'd' },
    ])
    expect(faults.map(({ line, error }) => [line, error.code])).toEqual([
      [0, 'RECORD_NOT_UTF8'],
      [2, 'CSV_QUOTE'],
    ])
  })

  test('of CSV does not hide a text for NULL that is no ASCII', () => {
    expect(read(joined('–,1\n', bad, ',2\n'), { kind: 'csv', columns: ['a', 'b'], nullText: '–' }).records).toEqual([{ a: null, b: '1' }])
  })

  test('of a JSON array, or of one within a document, is told with its number, its line and its bytes', () => {
    const element = joined('{"a":\n"', bad, '"}')
    for (const [before, after, path] of [
      ['[', ']', []],
      ['{"n":"é","in":{"rows":[', ']},"x":[1]}', ['in', 'rows']],
    ] as const) {
      const { records, faults, places } = read(joined(before, '{"a":"é]"},\n ', element, ' ,\n3', after), { kind: 'json', path }, { firstLine: 5 })
      expect(records).toEqual([{ a: 'é]' }, 3])
      expect(places).toEqual(['record 0', 'record 2'])
      const fault = { line: 1, place: 'record 1 (line 6)', format: array, text: '{"a":\n"\uFFFD"}', bytes: element }
      expect(faults).toEqual([{ ...fault, error: expect.objectContaining({ code: 'RECORD_NOT_UTF8' }) }])
      expect(faults[0]?.error.message).toBe('Record 1 (line 6) of the file is not UTF-8: wrong at byte 7 of it')
    }
  })

  test('that is too large is known by its beginning', () => {
    const large = joined('"', bad, 'x'.repeat(3000), '"')
    const oversized = { code: 'RECORD_TOO_LARGE' }
    for (const [body, format] of [
      [joined(large, '\n1\n'), lines],
      [joined(large, ',1\n2,3\n'), rows],
      [joined('[', large, ',1]'), array],
    ] as const) {
      const { records, faults } = read(body, format, { maxRecordBytes: 2000 })
      expect(records).toHaveLength(1)
      expect(faults).toMatchObject([{ error: oversized, format: { kind: 'oversized', bytes: expect.any(Number) } }])
      expect(faults[0]?.bytes).toBeUndefined()
      expect(faults[0]?.text.length).toBeLessThan(1100)
    }
  })

  test('whatever it is, costs no other one, and is kept to the byte', () => {
    const word = fc.string({ unit: 'grapheme', maxLength: 6 })
    const formats = [
      [lines, (text: string) => JSON.stringify(text), '', '\n', ''],
      [array, (text: string) => JSON.stringify(text), '[', ',', ']'],
      [rows, (text: string) => `"${text.replaceAll('"', '""')}",""`, '', '\n', ''],
    ] as const
    fc.assert(
      fc.property(
        fc.array(fc.tuple(word, word, fc.boolean()), { minLength: 1 }),
        fc.constantFrom(0x80, 0xbf, 0xc3, 0xe2, 0xf0, 0xff),
        fc.constantFrom(...formats),
        (all, byte, format) => {
          const [kind, write, begin, between, end] = format
          const written = all.map(([one, other, isBad]) => {
            const [head = '', tail = ''] = write(`${one}|${other}`).split('|')
            return { isBad, bytes: isBad ? joined(head, Buffer.from([byte]), '|', tail) : joined(head, '|', tail), text: `${one}|${other}` }
          })
          fc.pre(all.every(([one, other]) => !/[|\0]/.test(one + other)))
          const body = joined(begin, ...written.flatMap(({ bytes }, index) => (index === 0 ? [bytes] : [between, bytes])), end)
          const { records, faults } = read(body, kind)
          expect(records.map((record) => (kind === rows ? (record as { a: string }).a : record))).toEqual(
            written.filter(({ isBad }) => !isBad).map(({ text }) => text),
          )
          expect(faults.map(({ bytes }) => bytes)).toEqual(written.filter(({ isBad }) => isBad).map(({ bytes }) => bytes))
        },
      ),
      { seed, numRuns: 300 },
    )
  })
})

describe('one element of a JSON array that is no JSON', () => {
  test('is told with its number and byte, as it came; the others are read, each under its own number', () => {
    const { records, faults, places } = read(joined('[{"a":1}, {a:2} ,[3,],NaN,"x,]",{"a":[}]]'), array)
    expect(records).toEqual([{ a: 1 }, 'x,]'])
    expect(places).toEqual(['record 0', 'record 4'])
    expect(faults.map(({ place, text, error, bytes }) => [place, text, error.message, bytes])).toEqual([
      ['record 1', '{a:2}', 'Record 1 of the file is not JSON: wrong at byte 1 of it', undefined],
      ['record 2', '[3,]', 'Record 2 of the file is not JSON: wrong at byte 3 of it', undefined],
      ['record 3', 'NaN', 'Record 3 of the file is not JSON: wrong at byte 0 of it', undefined],
      ['record 5', '{"a":[}]', 'Record 5 of the file is not JSON: wrong at byte 6 of it', undefined],
    ])
  })

  test.for([
    ['an element that is missing', '[1,,NaN]'],
    ['one that is missing at the end', '[NaN,]'],
    ['one that does not close', '[{"a":[1]'],
    ['a string that does not close', '["a,1]'],
    ['more that closes than opens', '[1}]'],
    ['what surrounds the array', '{"rows":[NaN],"x":NaN}'],
    ['what comes after it', '[NaN]x'],
    ['a name on the way to it', '{"\\q":1,"rows":[NaN]}'],
  ] as const)('but %s makes the whole document none', ([, text]) => {
    const format: PageFormat = { kind: 'json', path: text.startsWith('{') ? ['rows'] : [] }
    const faults: RecordFault[] = []
    const failure = thrownBy(() => parsePage({ body: Buffer.from(text), format }, { keepFault: (fault) => faults.push(fault) }))
    expect(failure).toMatchObject({ name: 'SourceError', code: expect.stringMatching(/^PAGE_(NOT_JSON|TRUNCATED)$/) })
    expect(faults).toEqual([])
  })
})

describe('without anybody who keeps it', () => {
  test('what is no UTF-8 or no JSON is an error that names the byte and the line', () => {
    const thrown = (body: Buffer, format: PageFormat) => thrownBy(() => parsePage({ body, format, firstLine: 3 }, { name: 'the file' }))
    expect(thrown(joined('1\n"', bad, '"\n'), lines)).toMatchObject({ code: 'PAGE_NOT_UTF8', message: 'the file is not UTF-8: wrong at byte 3, in line 4' })
    expect(thrown(joined('1,2\n3,', bad, '\n'), rows)).toMatchObject({ code: 'PAGE_NOT_UTF8', message: 'the file is not UTF-8: wrong at byte 6, in line 4' })
    expect(thrown(joined('[1,\n\n"', bad, '"]'), array)).toMatchObject({ code: 'PAGE_NOT_UTF8', message: 'the file is not UTF-8: wrong at byte 6, in line 5' })
    expect(thrown(joined('[1,\nNaN]'), array)).toMatchObject({ code: 'PAGE_NOT_JSON', message: expect.stringContaining('wrong at byte 4, in line 4, near') })
  })
})

test('files of each format, cut into many pages, lose one record and name its line', async () => {
  const folder = await temporaryFolder()
  const path = join(folder, 'file')
  const numbers = Array.from({ length: 50 }, (_, index) => index)
  const records = (write: (text: Buffer | string) => Buffer) => numbers.map((number) => write(number === 31 ? bad : String(number)))
  const sources = [
    [(text: Buffer | string) => joined('{"a":"', text, '"}\n'), '', '', jsonl, 32],
    [(text: Buffer | string) => joined('"', text, '"\n'), 'a\n', '', (options: { path: string; pageBytes: number }) => csv({ ...options, columns: ['a'] }), 33],
    [(text: Buffer | string) => joined('{"a":"', text, '"},\n'), '[', '{"a":"50"}]', json, 32],
  ] as const
  for (const [write, begin, end, open, line] of sources) {
    await writeFile(path, joined(begin, ...records(write), end))
    const pages = await collect(open({ path, pageBytes: 50 }))
    expect(pages.length).toBeGreaterThan(3)
    const all = pages.map((page) => read(bytesOf(page.body), page.format, page.firstLine === undefined ? {} : { firstLine: page.firstLine }))
    const read50 = all.flatMap((page) => page.records).map((record) => Number((record as { a: string }).a))
    expect(read50.filter((number) => number < 50)).toEqual(numbers.filter((number) => number !== 31))
    expect(all.flatMap((page) => page.faults).map(({ error }) => error.message)).toEqual([
      expect.stringMatching(new RegExp(`^(Line ${String(line)}|Record \\d+ \\(line ${String(line)}\\)) of the file is not UTF-8: wrong at byte \\d of it$`)),
    ])
  }
})

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SourceError } from '../../src/errors.ts'
import { isEmptyArrayAt } from '../../src/sources/formats/json-array.ts'
import { findJsonFault } from '../../src/sources/formats/json-fault.ts'
import type { RecordFault } from '../../src/sources/formats/record-fault.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
import { dataErrorBy, thrownBy } from './failure.ts'

const json = (text: string, ...path: string[]) => ({ body: Buffer.from(text), format: { kind: 'json', path } as const })
const jsonl = (text: string, firstLine = 1) => ({ body: Buffer.from(text), firstLine, format: { kind: 'jsonl' } as const })
const csv = (text: string, firstLine = 2, columns = ['a', 'b']) => ({ body: Buffer.from(text), firstLine, format: { kind: 'csv', columns } as const })
const mebibyte = 1024 * 1024

describe('JSON', () => {
  test('is the array at its path, or the document itself', () => {
    expect(parsePage(json('[{"a":1},2]')).records).toEqual([{ a: 1 }, 2])
    const nested = parsePage(json('\uFEFF{"data":{"rows":[{"name":"Zoë 🚀"}]}}', 'data', 'rows'))
    expect(nested.records).toEqual([{ name: 'Zoë 🚀' }])
    expect(nested.locate(0)).toBe('record 0')
  })

  test('that is cut off is the source’s fault, and may be better next time', () => {
    const error = thrownBy(() => parsePage(json('{"devices":[{"id":1},{"id', 'devices'), { name: 'page 3' }))
    expect(error).toBeInstanceOf(SourceError)
    expect(error).toMatchObject({
      code: 'PAGE_TRUNCATED',
      retryable: true,
      message: 'page 3 is cut off: its JSON ends in the middle, at byte 25',
      hint: expect.any(String),
    })
  })

  test('that is wrong in the middle is told with its byte and what is there', () => {
    const error = thrownBy(() => parsePage(json('[{"né":1},<html>]'), { name: 'page 3' }))
    expect(error).toBeInstanceOf(SourceError)
    expect(error).toMatchObject({ code: 'PAGE_NOT_JSON', message: expect.stringContaining('page 3 is not JSON: wrong at byte 11, near ') })
  })

  test.each([
    ['{"data":{"items":[]}}', ['data', 'rows'], 'PAGE_PATH_NOT_FOUND', 'page 3 has no "data.rows": "data" is an object with items'],
    ['{"error":"x"}', ['rows'], 'PAGE_PATH_NOT_FOUND', 'page 3 has no "rows": the document is an object with error'],
    ['{"rows":{"a":1}}', ['rows'], 'PAGE_NOT_AN_ARRAY', 'page 3 has no array at "rows", but an object with a'],
    ['null', [], 'PAGE_NOT_AN_ARRAY', 'page 3 has no array at its top, but null'],
    ['{}', ['toString'], 'PAGE_PATH_NOT_FOUND', 'page 3 has no "toString": the document is an empty object'],
  ])('%s has nothing at %j', (text, path, code, message) => {
    expect(dataErrorBy(() => parsePage(json(text, ...path), { name: 'page 3' }))).toMatchObject({ code, message })
  })

  test('with a record over 16 MiB names the record', () => {
    const page = json(JSON.stringify([{ id: 1 }, { id: 2, text: 'x'.repeat(16 * mebibyte) }]))
    const error = dataErrorBy(() => parsePage(page, { name: 'page 3' }))
    expect(error).toMatchObject({ code: 'RECORD_TOO_LARGE' })
    expect(error.message).toMatch(/^Record 1 of page 3 is 167772\d\d bytes; the most is 16777216$/)
    expect(parsePage(page, { maxRecordBytes: 17 * mebibyte }).records).toHaveLength(2)
  })

  test('that is not UTF-8 is refused, not changed', () => {
    const body = Buffer.concat([Buffer.from('["Zoë \uFFFD'), Buffer.from([0xff]), Buffer.from('"]')])
    expect(thrownBy(() => parsePage({ body, format: { kind: 'json' } }, { name: 'page 3' }))).toMatchObject({
      code: 'PAGE_NOT_UTF8',
      message: 'page 3 is not UTF-8: wrong at byte 10',
    })
  })

  test('has no fault where it is whole, and is truncated wherever it is cut', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), (text, at) => {
        const body = Buffer.from(`{"v": ${text} }`)
        expect(findJsonFault(body)).toBeUndefined()
        const length = at % body.length
        expect(findJsonFault(body.subarray(0, length))).toEqual({ position: length, truncated: true })
      }),
      { numRuns: 500 },
    )
  })

  test('has a fault exactly where JSON.parse has one', () => {
    const piece = fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '"', '1', '-', '0', '01', '1.5', '1e', 'true', 'nul', ' ', '\\', 'x', '"\\u00', '"\\x"')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const text = pieces.join('')
        let valid = true
        try {
          JSON.parse(text)
        } catch {
          valid = false
        }
        expect(findJsonFault(Buffer.from(text)) === undefined).toBe(valid)
      }),
      { numRuns: 3000 },
    )
  })

  test('tells an empty array without being parsed', () => {
    expect(isEmptyArrayAt(Buffer.from(' [ ] '), [])).toBe(true)
    expect(isEmptyArrayAt(Buffer.from('{"note":"rows\\":[]","in":{"rows":[1]},"rows" : [\n]}'), ['rows'])).toBe(true)
    expect(isEmptyArrayAt(Buffer.from('{"in":{"rows":[{"x":[]}]},"rows":[]}'), ['in', 'rows'])).toBe(false)
    expect(isEmptyArrayAt(Buffer.from('{"rows":{}}'), ['rows'])).toBeUndefined()
    expect(isEmptyArrayAt(Buffer.from('{"in":{"rows":[]}}'), ['rows'])).toBeUndefined()
  })
})

/** A page's records, and its lines that are none. */
function withFaults(page: Parameters<typeof parsePage>[0], maxRecordBytes = 1000) {
  const faults: (readonly [number, string, string])[] = []
  const { records, locate } = parsePage(page, { name: 'the file', maxRecordBytes, keepFault: ({ line, error, text }) => faults.push([line, error.code, text]) })
  return { records, faults, places: records.map((_, index) => locate(index)) }
}

describe('what is no record and may be kept', () => {
  test('is passed over in JSON lines, but for the last one that is cut off', () => {
    const { records, faults, places } = withFaults(jsonl('{"a":1}\nnot\n\n{"a":2}\r\n{"a"}\r\n', 5))
    expect(records).toEqual([{ a: 1 }, { a: 2 }])
    expect(faults).toEqual([
      [1, 'RECORD_NOT_JSON', 'not'],
      [4, 'RECORD_NOT_JSON', '{"a"}'],
    ])
    expect(places).toEqual(['record 0 (line 5)', 'record 1 (line 8)'])
    expect(thrownBy(() => withFaults(jsonl('nothing\n{"a":')))).toMatchObject({ code: 'PAGE_TRUNCATED' })
  })

  test('is passed over in CSV, each row once however often it is wrong, and the rest keeps its lines', () => {
    const { records, faults, places } = withFaults(csv('1,2\n3\n"x\ny",4\r\n5,6,7\r\n8"a,"9"b\n\n10,11\n12"c,13\n14"d,15\n'))
    expect(records).toEqual([
      { a: '1', b: '2' },
      { a: 'x\ny', b: '4' },
      { a: '10', b: '11' },
    ])
    expect(faults).toEqual([
      [1, 'CSV_FIELD_COUNT', '3'],
      [4, 'CSV_FIELD_COUNT', '5,6,7'],
      [5, 'CSV_QUOTE', '8"a,"9"b'],
      [8, 'CSV_QUOTE', '12"c,13'],
      [9, 'CSV_QUOTE', '14"d,15'],
    ])
    expect(places).toEqual(['record 0 (line 2)', 'record 1 (line 4)', 'record 2 (line 9)'])
  })

  test('never takes a good row of CSV with it, wherever it stands', () => {
    const good = fc
      .tuple(fc.nat(), fc.stringMatching(/^[a-z ]{0,5}$/))
      .map(([id, text]) => ({ line: `${String(id)},"${text}"`, record: { a: String(id), b: text } }))
    // A quote after a letter opens nothing, so none of these is the beginning of a longer row.
    const wrong = fc.constantFrom('1', '1,2,3', 'x"y,1', 'x"y"z,1', 'x"', '1,"y"z').map((line) => ({ line, record: undefined }))
    fc.assert(
      fc.property(fc.array(fc.oneof(good, wrong), { maxLength: 40 }), fc.constantFrom('\n', '\r\n'), (rows, lineBreak) => {
        const { records, faults } = withFaults(csv(rows.map((row) => row.line).join(lineBreak)), 100_000)
        expect(records).toEqual(rows.flatMap((row) => row.record ?? []))
        expect(faults.map(([line, , text]) => [line, text])).toEqual(rows.flatMap((row, line) => (row.record === undefined ? [[line, row.line]] : [])))
      }),
    )
  })

  test('is kept by its beginning where it is too large, under a format that says so again', () => {
    const large = 'x'.repeat(2000)
    const kept = (page: Parameters<typeof parsePage>[0]) => {
      const faults: RecordFault[] = []
      const { records } = parsePage(page, { maxRecordBytes: 1000, keepFault: (fault) => faults.push(fault) })
      expect(faults.map((fault) => fault.error.code)).toEqual(['RECORD_TOO_LARGE'])
      const { text = '', format } = faults[0] ?? {}
      if (format === undefined) throw new Error('it has no format of its own')
      expect(text.length).toBe(1024)
      const again = { body: Buffer.from(`${text}\n`), format }
      expect(dataErrorBy(() => parsePage(again))).toMatchObject({ code: 'RECORD_TOO_LARGE' })
      parsePage(again, { keepFault: (fault) => expect(fault).toMatchObject({ text }) })
      return records
    }
    expect(kept(csv(`1,2\n3,${large}\n4,5\n`))).toEqual([
      { a: '1', b: '2' },
      { a: '4', b: '5' },
    ])
    expect(kept(jsonl(`1\n"${large}"\n2\n`))).toEqual([1, 2])
    expect(kept(json(`[1,"${large}",2]`))).toEqual([1, 2])
  })
})

describe('JSON lines', () => {
  test('are a record each, blank ones passed over, and each knows its line', () => {
    const page = parsePage(jsonl('{"a":1}\r\n\n{"a":2}\n', 11))
    expect(page.records).toEqual([{ a: 1 }, { a: 2 }])
    expect(page.locate(1)).toBe('record 1 (line 13)')
  })

  test('that are not JSON are told by line; a cut at the end is the source’s fault', () => {
    const error = dataErrorBy(() => parsePage(jsonl('{"a":1}\n{"a":}\n{"a":3}\n', 5), { name: 'part 2' }))
    expect(error).toMatchObject({ code: 'RECORD_NOT_JSON', message: 'Line 6 of part 2 is not JSON: wrong at byte 5 of the line' })
    expect(thrownBy(() => parsePage(jsonl('{"a":1}\n{"a":')))).toMatchObject({ name: 'SourceError', code: 'PAGE_TRUNCATED' })
  })

  test('with a record over the limit name it', () => {
    const error = dataErrorBy(() => parsePage(jsonl(`1\n"${'x'.repeat(100)}"\n`), { maxRecordBytes: 100 }))
    expect(error).toMatchObject({ code: 'RECORD_TOO_LARGE', message: 'Record 1 of the page (line 2) is 102 bytes; the most is 100' })
  })
})

describe('CSV', () => {
  test('is objects of text by column, with LF and CRLF, quotes and quoted line ends', () => {
    const page = parsePage(csv('1,"x\ny"\r\n\n"2 ""two""",é,\n'.replace('é,', 'é')))
    expect(page.records).toEqual([
      { a: '1', b: 'x\ny' },
      { a: '2 "two"', b: 'é' },
    ])
    expect([page.locate(0), page.locate(1)]).toEqual(['record 0 (line 2)', 'record 1 (line 5)'])
  })

  test('with an extra or a missing field names the line', () => {
    const extra = dataErrorBy(() => parsePage(csv('1,2\n"x\ny",3\n4,5,6\n'), { name: 'stock.csv' }))
    expect(extra).toMatchObject({ code: 'CSV_FIELD_COUNT', message: 'Line 5 of stock.csv has 3 fields; its header has 2' })
    expect(extra.hint).toContain('not quoted')
    const missing = dataErrorBy(() => parsePage(csv('1,2\n3\n'), { name: 'stock.csv' }))
    expect(missing.message).toBe('Line 3 of stock.csv has 1 fields; its header has 2')
  })

  test('with a quote in the wrong place names line and column, and not the value', () => {
    const error = dataErrorBy(() => parsePage(csv('1,2\n3,secret"x\n'), { name: 'stock.csv' }))
    expect(error).toMatchObject({ code: 'CSV_QUOTE', message: 'Line 3 of stock.csv has a quote in the wrong place, in the column "b"' })
  })

  test('with a record over the limit names it', () => {
    const error = dataErrorBy(() => parsePage(csv(`1,2\n3,${'x'.repeat(200)}\n`), { maxRecordBytes: 100 }))
    expect(error).toMatchObject({ code: 'RECORD_TOO_LARGE', message: expect.stringContaining('Record 1 of the page (line 3)') })
  })
})

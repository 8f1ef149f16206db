import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RawPage } from '../../src/definitions/page.ts'
import { DataError } from '../../src/errors.ts'
import { csv } from '../../src/sources/csv.ts'
import type { CsvOptions } from '../../src/sources/csv.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
import { recordCutter } from '../../src/sources/record-cutter.ts'
import { temporaryFolder } from '../support/cleanup.ts'
import { startHttpServer } from '../support/http-server.ts'
import { bytesOf } from '../support/page-body.ts'
import { collect, failureOf, sourceErrorOf } from './failure.ts'

const mebibyte = 1024 * 1024

async function served(body: string | Buffer): Promise<string> {
  const server = await startHttpServer((_, response) => response.end(body))
  return `${server.url}/stock.csv`
}

function parsed(page: RawPage) {
  return parsePage({ ...page, body: bytesOf(page.body) })
}

const read = async (text: string | Buffer, options: Partial<CsvOptions> = {}) => {
  const pages = await collect(csv({ columns: ['a', 'b'], ...options, url: await served(text) } as CsvOptions))
  return pages.flatMap((page) => parsed(page).records)
}

describe('a file', () => {
  test('is read with BOM, CRLF, quoted line ends and no line end at its end', async () => {
    expect(await read('\uFEFFa,b\r\n1,"x\r\ny"\r\n2,"say ""hi"", you"')).toEqual([
      { a: '1', b: 'x\r\ny' },
      { a: '2', b: 'say "hi", you' },
    ])
  })

  test('may have more columns than asked for, in any order, quoted, and another delimiter', async () => {
    expect(await read('"c";b;a\n1;2,5;3\n', { delimiter: ';' })).toEqual([{ c: '1', b: '2,5', a: '3' }])
  })

  test('of its header alone has no records', async () => {
    expect(await read('a,b')).toEqual([])
    expect(await read('a,b\n')).toEqual([])
  })

  test('is read from disk by path and by address', async () => {
    const path = join(await temporaryFolder(), 'stock.csv')
    await writeFile(path, 'a,b\n1,2\n')
    for (const origin of [{ path }, { url: pathToFileURL(path) }]) {
      const pages = await collect(csv({ ...origin, columns: ['a'], extra: { date: null } }))
      expect(pages).toMatchObject([{ firstLine: 2, format: { kind: 'csv', columns: ['a', 'b'] }, extra: { date: null } }])
      expect(pages.map((page) => page.body.toString())).toEqual(['1,2\n'])
    }
  })

  test('is cut into pages of about the size asked for, each of whole records, and each knows its first line', async () => {
    const lines = Array.from({ length: 12_000 }, (_, index) => `${String(index)},"line ${String(index)}\n${'x'.repeat(index % 90)}"`)
    const pages = await collect(csv({ url: await served(`a,b\n${lines.join('\n')}\n`), columns: ['a', 'b'], pageBytes: 10_000 }))
    expect(pages.length).toBeGreaterThan(5)
    let count = 0
    for (const page of pages) {
      const { records, locate } = parsed(page)
      for (const index of [0, records.length - 1]) expect(locate(index)).toBe(`record ${String(index)} (line ${String(2 + 2 * (count + index))})`)
      count += records.length
    }
    expect(count).toBe(12_000)
  })
})

describe('a bad file', () => {
  test('that lacks columns names them, itself, and what it has', async () => {
    const url = await served('a,B,c\n1,2,3\n')
    const error = await sourceErrorOf(collect(csv({ url, columns: ['a', 'b', 'd'] })))
    expect(error).toMatchObject({ code: 'CSV_COLUMN_MISSING', retryable: false })
    expect(error.message).toBe(`${url} lacks the columns "b", "d"; its header has "a", "B", "c"`)
  })

  test('that is empty, or names a column twice, is told so', async () => {
    expect(await sourceErrorOf(read(''))).toMatchObject({ code: 'CSV_EMPTY' })
    expect(await sourceErrorOf(read('a,b,a\n'))).toMatchObject({ code: 'CSV_COLUMN_TWICE' })
  })

  test('with an extra field names the line', async () => {
    const error = await failureOf(read('a,b\n1,"x\ny"\n1,2,3\n'))
    expect(error).toBeInstanceOf(DataError)
    expect(error).toMatchObject({ code: 'CSV_FIELD_COUNT', message: 'Line 4 of the page has 3 fields; its header has 2' })
  })

  test('that ends within quotes names the line where they begin', async () => {
    const error = await sourceErrorOf(read('a,b\n1,2\n3,"4\n5,6\n'))
    expect(error).toMatchObject({ code: 'CSV_TRUNCATED' })
    expect(error.message).toMatch(/stock\.csv ends within a quoted value that begins in line 3$/)
  })

  test('with a record over 16 MiB names its line, and is not read into memory', async () => {
    let sent = 0
    const server = await startHttpServer(async (_, response) => {
      const gone = once(response, 'close')
      response.write('a,b\n1,2\n3,"')
      const block = 'x'.repeat(mebibyte)
      for (sent = 0; sent < 1000 && !response.destroyed; sent += 1) {
        if (!response.write(block)) await Promise.race([once(response, 'drain'), gone])
      }
      response.end()
    })
    const error = await failureOf(collect(csv({ url: `${server.url}/stock.csv`, columns: ['a', 'b'] })))
    expect(error).toBeInstanceOf(DataError)
    expect(error).toMatchObject({
      code: 'RECORD_TOO_LARGE',
      message: `The record that begins in line 3 of ${server.url}/stock.csv is larger than 16777216 bytes`,
    })
    expect(sent).toBeLessThan(100)
  })

  test('that breaks off on its way is the source’s fault', async () => {
    const server = await startHttpServer((_, response) => {
      response.writeHead(200, { 'content-length': '5000' }).write('a,b\n1,2\n', () => response.destroy())
    })
    const error = await sourceErrorOf(collect(csv({ url: server.url, columns: ['a'] })))
    expect(error).toMatchObject({ code: 'SOURCE_CONNECTION_CUT', retryable: true })
  })

  test('that is not there is named', async () => {
    const path = join(await temporaryFolder(), 'none.csv')
    const error = await sourceErrorOf(collect(csv({ path, columns: ['a'] })))
    expect(error).toMatchObject({ code: 'SOURCE_FILE_UNREADABLE', retryable: false })
    expect(error.message).toContain(path)
  })

  test('needs a delimiter of one character', async () => {
    expect(await failureOf(read('a,b\n', { delimiter: '||' }))).toMatchObject({ name: 'ConfigError', code: 'CSV_DELIMITER' })
  })
})

test('pages stay of one size, whatever the file’s', async () => {
  const block = Buffer.from(`${'1,two words and some more'.padEnd(99, '.')}\n`.repeat(10_000))
  const server = await startHttpServer(async (_, response) => {
    response.write('a,b\n')
    for (let sent = 0; sent < 200; sent += 1) if (!response.write(block)) await once(response, 'drain')
    response.end()
  })
  let bytes = 0
  let most = 0
  for await (const page of csv({ url: server.url, columns: ['a', 'b'] })) {
    bytes += page.body.length
    most = Math.max(most, page.body.length)
  }
  expect(bytes).toBe(200 * block.length)
  expect(most).toBeLessThan(1.3 * mebibyte)
})

/** Quoted only where it must be. */
function asField(value: string): string {
  return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value
}

test('however the bytes arrive, the same records come out, never cut', () => {
  const field = fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom('', 'a"b', 'x\ny', 'p,q', '"', '\r\n', 'é🚀'))
  const rows = fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(
      rows,
      fc.constantFrom('\n', '\r\n'),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      fc.integer({ min: 1, max: 60 }),
      (values, end, sizes, pageBytes) => {
        const text = values.map((row) => row.map(asField).join(',') + end).join('')
        const bytes = Buffer.from(text)
        const cutter = recordCutter({ pageBytes, maxRecordBytes: 1000, delimiter: ',', name: 'x' })
        const pages = []
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1
          cutter.push(bytes.subarray(at, at + size))
          at += size
          const page = cutter.shiftPage()
          if (page !== undefined) pages.push(page)
        }
        const { page: last, openQuoteLine } = cutter.end()
        if (last !== undefined) pages.push(last)
        expect(openQuoteLine).toBeUndefined()
        const records = pages.flatMap((page) => parsePage({ ...page, format: { kind: 'csv', columns: ['a', 'b'] } }).records)
        expect(records).toEqual(values.map(([a, b]) => ({ a, b })))
        let line = 1
        for (const page of pages) {
          expect(page.firstLine).toBe(line)
          line += page.body.toString('latin1').split('\n').length - 1
        }
      },
    ),
    { numRuns: 500 },
  )
})

import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { RawPage } from '../../src/definitions/page.ts'
import { DataError } from '../../src/errors.ts'
import { csv } from '../../src/sources/csv.ts'
import type { CsvOptions } from '../../src/sources/csv.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
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

describe('a dialect', () => {
  test('without a header takes its columns by their place', async () => {
    expect(await read('1,2\n3,4\n', { header: false })).toEqual([
      { a: '1', b: '2' },
      { a: '3', b: '4' },
    ])
  })

  test('may have lines before its header, comments, other quotes and an escape', async () => {
    const text = `Report "of\n2026\n\n# made by x"\na|b\n# it's\n1|'x|\\'\n'\n`
    expect(await read(text, { skipLines: 2, comment: '#', delimiter: '|', quote: "'", escape: '\\' })).toEqual([{ a: '1', b: "x|'\n" }])
  })

  test('without quotes takes them as they are', async () => {
    expect(await read('a\tb\n"1\t2"\n', { delimiter: '\t', quote: null })).toEqual([{ a: '"1', b: '2"' }])
  })

  test('says which text is null, unless it is quoted', async () => {
    expect(await read('a,b\n\\N,"\\N"\n', { nullText: '\\N' })).toEqual([{ a: null, b: '\\N' }])
    expect(await read('a,b\n,""\n', { nullText: '' })).toEqual([{ a: null, b: '' }])
    expect(await read('a,b\n,""\n')).toEqual([{ a: '', b: '' }])
  })

  test('may trim, fill short rows and cut long ones', async () => {
    expect(await read(' a , b \n 1 , "x "  \n', { trim: true })).toEqual([{ a: '1', b: 'x ' }])
    expect(await read('a,b\n1\n1,2,3\n', { shortRows: 'fill', longRows: 'cut' })).toEqual([{ a: '1' }, { a: '1', b: '2' }])
    expect(await failureOf(read('a,b\n1\n', { longRows: 'cut' }))).toMatchObject({ code: 'CSV_FIELD_COUNT' })
  })

  test.each(['\n', '\r\n', '\r'])('is known by its line ends: %j', async (end) => {
    const text = ['a,b', '1,"x\ry\nz"', '', '2,3'].join(end)
    expect(await read(text)).toEqual([
      { a: '1', b: 'x\ry\nz' },
      { a: '2', b: '3' },
    ])
  })

  test('that contradicts itself is refused', async () => {
    for (const [dialect, code] of [
      [{ delimiter: '"' }, 'CSV_DELIMITER'],
      [{ quote: '""' }, 'CSV_DIALECT'],
      [{ comment: ',' }, 'CSV_DIALECT'],
      [{ escape: 'é' }, 'CSV_DIALECT'],
    ] as const) {
      expect(await failureOf(read('a,b\n', dialect))).toMatchObject({ name: 'ConfigError', code })
    }
  })
})

describe('a record over the limit', () => {
  const parts = async (text: string, options: Partial<CsvOptions> = {}) => {
    const pages = await collect(csv({ columns: ['a', 'b'], maxRecordBytes: 100, ...options, url: await served(text) } as CsvOptions))
    return pages.map((page) => (page.format.kind === 'oversized' ? page.format : parsed(page).records))
  }

  test.each([10, 1_000_000])('is handed on by its place, size and beginning, and the rest as ever (pages of %i bytes)', async (pageBytes) => {
    const large = `3,"${'x'.repeat(500)}\n"\n`
    const found = await parts(`a,b\n1,2\n${large}4,5\n${large}`, { pageBytes })
    expect(found).toEqual([
      [{ a: '1', b: '2' }],
      { kind: 'oversized', bytes: large.length, limit: 100, at: expect.stringMatching(/^line 3 \(byte 8\) of .*stock.csv$/) },
      [{ a: '4', b: '5' }],
      { kind: 'oversized', bytes: large.length, limit: 100, at: expect.stringMatching(/^line 6 \(byte 518\) of/) },
    ])
  })

  test('of any size is told by its beginning', async () => {
    const block = 'x'.repeat(mebibyte)
    const server = await startHttpServer(async (_, response) => {
      response.write('a,b\n1,2\n3,"')
      for (let sent = 0; sent < 60; sent += 1) if (!response.write(block)) await once(response, 'drain')
      response.end('"\n4,5\n')
    })
    const pages = await collect(csv({ url: server.url, columns: ['a', 'b'] }))
    const large = pages.find((page) => page.format.kind === 'oversized')
    expect(large?.format).toMatchObject({ bytes: 60 * mebibyte + 5, limit: 16 * mebibyte })
    expect(large?.body.toString()).toBe(`3,"${'x'.repeat(1021)}`)
    expect(pages.length).toBe(3)
  })

  test('that is the header is refused', async () => {
    expect(await failureOf(parts(`${'x'.repeat(200)},b\n1,2\n`))).toMatchObject({ name: 'DataError', code: 'RECORD_TOO_LARGE' })
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

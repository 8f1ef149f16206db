import { once } from 'node:events'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RawPage } from '../../src/definitions/page.ts'
import { json } from '../../src/sources/json.ts'
import type { JsonOptions } from '../../src/sources/json.ts'
import { jsonCutter } from '../../src/sources/json-cutter.ts'
import { parsePage } from '../../src/sources/parse-page.ts'
import { startHttpServer } from '../support/http-server.ts'
import { collect, failureOf, thrownBy } from './failure.ts'

const limits = { pageBytes: 1024, maxRecordBytes: 10_000, name: 'x' }

function cut(bytes: Buffer, sizes: readonly number[], options: Partial<Parameters<typeof jsonCutter>[0]> = {}) {
  const cutter = jsonCutter({ ...limits, path: [], begin: 'before', ...options })
  const pages = []
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1
    cutter.push(bytes.subarray(at, at + size))
    at += size
    for (let page = cutter.shift(); page !== undefined; page = cutter.shift()) pages.push(page)
  }
  cutter.end()
  for (let page = cutter.shift(); page !== undefined; page = cutter.shift()) pages.push(page)
  return pages
}

const recordsOf = (pages: readonly { readonly body: Uint8Array }[]) => pages.flatMap((page) => parsePage({ body: page.body, format: { kind: 'json' } }).records)

/** Serves a document in pieces. */
async function served(...parts: readonly (string | Buffer)[]): Promise<string> {
  const server = await startHttpServer(async (_, response) => {
    for (const part of parts) if (!response.write(part)) await once(response, 'drain')
    response.end()
  })
  return server.url
}

const read = async (text: string, options: Partial<JsonOptions> = {}) => collect(json({ ...options, url: await served(text) } as JsonOptions))

test('however a document arrives, the elements of its array come out, never cut', () => {
  const values = fc.array(fc.jsonValue(), { maxLength: 12 })
  const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 })
  fc.assert(
    fc.property(
      values,
      fc.jsonValue(),
      fc.boolean(),
      fc.nat(2),
      sizes,
      fc.integer({ min: 1, max: 200 }),
      (records, other, pretty, depth, arriving, pageBytes) => {
        const path = ['da"ta', 'é'].slice(0, depth)
        let document: unknown = records
        for (const name of path.toReversed()) document = { before: other, [`${name}2`]: [1], [name]: document, after: [other, { [name]: [] }] }
        const text = JSON.stringify(document, undefined, pretty ? 2 : undefined)
        const bytes = Buffer.from(` ${text}\n`)
        const pages = cut(bytes, arriving, { path, pageBytes })
        expect(recordsOf(pages)).toEqual(JSON.parse(JSON.stringify(records)))
        for (const page of pages) {
          const rest = cut(bytes.subarray(page.end), arriving, {
            path,
            begin: page === pages.at(-1) ? 'behind' : 'inside',
            offset: page.end,
            line: page.endLine,
          })
          const before = recordsOf(pages.slice(0, pages.indexOf(page) + 1))
          expect([...before, ...recordsOf(rest)]).toEqual(JSON.parse(JSON.stringify(records)))
          expect(page.endLine).toBe(bytes.subarray(0, page.end).toString('latin1').split('\n').length)
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('wherever a document is cut off, that is said, and is the source’s fault', () => {
  const bytes = Buffer.from('{"a":{"x":[1]},"rows":[{"b":"]"},[2],"c\\"]"],"z":"}"}')
  for (let length = 1; length < bytes.length; length += 1) {
    expect(thrownBy(() => cut(bytes.subarray(0, length), [3], { path: ['rows'] }))).toMatchObject({
      name: 'SourceError',
      code: 'PAGE_TRUNCATED',
      retryable: true,
    })
  }
  expect(recordsOf(cut(bytes, [3], { path: ['rows'] }))).toEqual([{ b: ']' }, [2], 'c"]'])
})

describe('a bad document', () => {
  test.each([
    ['<html>', [], 'PAGE_NOT_JSON', 'wrong at byte 0'],
    ['', [], 'PAGE_NOT_JSON', 'is empty'],
    ['[1,,2]', [], 'PAGE_NOT_JSON', 'wrong at byte 3'],
    ['[1,2,]', [], 'PAGE_NOT_JSON', 'wrong at byte 5'],
    ['[1}]', [], 'PAGE_NOT_JSON', 'wrong at byte 2'],
    ['[1] [2]', [], 'PAGE_NOT_JSON', 'wrong at byte 4'],
    ['{"a":1}', [], 'PAGE_NOT_AN_ARRAY', 'no array at its top, but an object'],
    ['{"rows":"x"}', ['rows'], 'PAGE_NOT_AN_ARRAY', 'no array at "rows", but text'],
    ['{"a":{"rows":[]}}', ['rows'], 'PAGE_PATH_NOT_FOUND', 'has no "rows"'],
    ['{"data":{"a":[1]},"rows":[]}', ['data', 'rows'], 'PAGE_PATH_NOT_FOUND', 'has no "data.rows"'],
    ['{"data":[1]}', ['data', 'rows'], 'PAGE_PATH_NOT_FOUND', 'has no "data.rows"'],
    ['{rows:[]}', ['rows'], 'PAGE_NOT_JSON', 'wrong at byte 1'],
  ])('%j read at %j is refused: %s', async (text, path, code, message) => {
    expect(await failureOf(read(text, { at: path }))).toMatchObject({ code, message: expect.stringContaining(message), hint: expect.any(String) })
  })

  test('of which an element is wrong is found by who parses it', async () => {
    const [page] = await read('[{"a":1},{"a":nope},{"a":3}]')
    expect(thrownBy(() => recordsOf(page === undefined ? [] : [page as RawPage & { body: Buffer }]))).toMatchObject({ code: 'PAGE_NOT_JSON' })
  })
})

test('an element over the limit is handed on by its place, size and beginning, and the others as ever', async () => {
  const large = JSON.stringify({ a: 2, text: 'x'.repeat(500) })
  for (const pageBytes of [10, 100_000]) {
    const pages = await read(`{"rows":[\n{"a":1},\n${large}\n,{"a":3},${large}]}`, { at: ['rows'], pageBytes, maxRecordBytes: 100 })
    expect(pages.map((page) => (page.format.kind === 'oversized' ? page.format : recordsOf([page as RawPage & { body: Buffer }])))).toEqual([
      [{ a: 1 }],
      { kind: 'oversized', bytes: large.length + 2, limit: 100, at: expect.stringMatching(/^line 2 \(byte 18\) of http/) },
      [{ a: 3 }],
      { kind: 'oversized', bytes: large.length, limit: 100, at: expect.stringMatching(/^line 4 \(byte 546\) of http/) },
    ])
    expect(String(pages[1]?.body)).toBe(`\n${large}\n`)
  }
})

test('pages stay of one size, whatever the document’s', async () => {
  const block = Buffer.from(`${JSON.stringify({ id: 1, text: 'two words and "more"', list: [1, { a: [] }] })},`.repeat(10_000))
  const url = await served('{"rows":[', ...Array.from({ length: 60 }, () => block), '{}]}')
  let bytes = 0
  let most = 0
  for await (const page of json({ url, at: ['rows'] })) {
    bytes += page.body.length
    most = Math.max(most, page.body.length)
  }
  expect(bytes).toBeGreaterThan(59 * block.length)
  expect(most).toBeLessThan(1.3 * 1024 * 1024)
})

import { gzipSync } from 'node:zlib'
import * as z from 'zod'
import type { PageFormat } from '../../src/definitions/page.ts'
import { table } from '../../src/definitions/table.ts'
import { csv, jsonPages } from '../../src/sources/index.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine, StepView } from '../support/engine.ts'
import { beforeAll, describe, expect, startHttpServer, test } from '../support/test.ts'

/** Rows that are loaded and what is kept, as `column: beginning of the message`; or the code with which the whole file is refused. */
type Ending = { readonly rows: number; readonly kept?: readonly string[] } | string
type Files = Readonly<Record<string, readonly [bytes: string | Buffer, ending: Ending, headers?: Readonly<Record<string, string>>]>>

const html = '<!doctype html><html><body>502 Bad Gateway, "sorry"</body></html>'
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')
const utf16 = (text: string): Buffer => Buffer.from(`\uFEFF${text}`, 'utf16le')
const manyColumns = Array.from({ length: 100_000 }, (_, index) => `c${String(index)}`)

const csvFiles: Files = {
  'nothing at all': ['', 'CSV_EMPTY'],
  'only a byte order mark': ['\uFEFF', 'CSV_EMPTY'],
  'only line ends': ['\n\n\n', 'CSV_EMPTY'],
  'only a header': ['name,city', { rows: 0 }],
  'only a header and blank lines': ['name,city\r\n\r\n\n', { rows: 0 }],
  'line ends of both kinds': ['name,city\r\nAda,London\nBob,Bath\r\n', { rows: 2 }],
  'no line end at its end': ['name,city\nAda,London', { rows: 1 }],
  'a byte order mark': ['\uFEFFname,city\nAda,London\n', { rows: 1 }],
  '100,000 columns': [`name,city,${manyColumns.join(',')}\nAda,London,${manyColumns.join(',')}\n`, { rows: 1 }],
  'a field too few and one too many': ['name,city\nAda\nBob,Bath\nEve,Ely,extra\n', { rows: 1, kept: ['(line): Line 2', '(line): Line 4'] }],
  'a quote in the middle': ['name,city\nA"da,London\nBob,Bath\n', { rows: 1, kept: ['(line): Line 2'] }],
  'NUL in a value': ['name,city\nA\0da,London\nBob,Bath\n', { rows: 1, kept: ['name: contains a NUL byte'] }],
  'NUL for whole lines': [`name,city\nBob,Bath\n${'\0'.repeat(50)}\n`, { rows: 1, kept: ['(line): Line 3'] }],
  'control characters': ['name,city\n\u0001\u001b[31m,\u007f\n', { rows: 1 }],
  'bytes of Latin-1': [latin1('name,city\nBob,Bath\nAda,M\xfcnchen\nEve,Ely\n'), { rows: 2, kept: ['(line): Line 3'] }],
  'bytes of Latin-1 in the header': [latin1('name,city,gr\xf6\xdfe\nAda,London,1\n'), 'PAGE_NOT_UTF8'],
  'UTF-16': [utf16('name,city\nAda,London\n'), { rows: 1 }],
  'an overlong byte sequence': [Buffer.concat([Buffer.from('name,city\nAda,'), Buffer.from([0xc0, 0x80, 10])]), { rows: 0, kept: ['(line): Line 2'] }],
  'an error page': [html, 'CSV_COLUMN_MISSING'],
  'JSON': ['[{"name":"Ada","city":"London"}]', 'CSV_COLUMN_MISSING'],
  'another delimiter': ['name;city\nAda;London\n', 'CSV_COLUMN_MISSING'],
  'a column twice': ['name,city,city\nAda,London,Bath\n', 'CSV_COLUMN_TWICE'],
  'gzip that says so': [gzipSync('name,city\nAda,London\n'), { rows: 1 }, { 'content-encoding': 'gzip' }],
  'gzip that ends in the middle': [gzipSync(`name,city\n${'Ada,London\n'.repeat(50)}`).subarray(0, 30), 'SOURCE_', { 'content-encoding': 'gzip' }],
  'no gzip where it says so': ['name,city\nAda,London\n', 'SOURCE_', { 'content-encoding': 'gzip' }],
} // prettier-ignore

const jsonFiles: Files = {
  'nothing at all': ['', 'PAGE_NOT_JSON'],
  'only a byte order mark': ['\uFEFF', 'PAGE_NOT_JSON'],
  'an empty array': ['[]', { rows: 0 }],
  'a byte order mark': ['\uFEFF[{"name":"Ada","city":"London"}]', { rows: 1 }],
  'an error page': [html, 'PAGE_NOT_JSON'],
  'lines instead of an array': ['{"name":"Ada","city":"London"}\n{"name":"Bob","city":"Bath"}', 'PAGE_NOT_JSON'],
  'an object instead of an array': ['{"error":"sorry"}', 'PAGE_NOT_AN_ARRAY'],
  'null': ['null', 'PAGE_NOT_JSON'],
  'a cut end': ['[{"name":"Ada","city":"Lon', 'PAGE_TRUNCATED'],
  'an end that is cut, and looks whole': ['[{"name":"Ada","city":["London"]', 'PAGE_TRUNCATED'],
  'a comma too many': ['[{"name":"Ada","city":"London"},]', 'PAGE_NOT_JSON'],
  'NaN': ['[{"name":NaN,"city":"London"},{"name":"Ada","city":"Ely"}]', { rows: 1, kept: ['(line): Record 0'] }],
  'single quotes': ["[{'name':'Ada','city':'London'}]", { rows: 0, kept: ['(line): Record 0'] }],
  'a comment': ['[/* people */{"name":"Ada","city":"London"},{"name":"Ada","city":"Ely"}]', { rows: 1, kept: ['(line): Record 0'] }],
  'a comment after the array': ['[{"name":"Ada","city":"Ely"}] // people', 'PAGE_'],
  'a comma that is missing': ['[{"name":"Ada","city":"Ely"} {"name":"Bob","city":"Bath"},{"name":"Eve","city":"Ely"}]', { rows: 1, kept: ['(line): Record 0'] }],
  'a quote that is missing': ['[{"name":"Ada,"city":"Ely"},{"name":"Bob","city":"Bath"}]', 'PAGE_'],
  'a bare line end in text': ['[{"name":"A\nda","city":"London"}]', { rows: 0, kept: ['(line): Record 0'] }],
  'NUL bytes': ['[{"name":"A\0da","city":"London"}]', { rows: 0, kept: ['(line): Record 0'] }],
  'bytes of Latin-1': [latin1('[{"name":"Ada","city":"M\xfcnchen"},{"name":"Ada","city":"Ely"}]'), { rows: 1, kept: ['(line): Record 0'] }],
  'bytes of Latin-1 beside the array': [latin1('{"rows":[{"name":"Ada","city":"Ely"}],"by":"J\xf6rg"}'), 'PAGE_NOT_UTF8'],
  'a surrogate as bytes': [Buffer.concat([Buffer.from('[{"name":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('","city":"x"}]')]), { rows: 0, kept: ['(line): Record 0'] }],
  'UTF-16': [utf16('[{"name":"Ada","city":"London"}]'), 'PAGE_NOT'],
  'what is no record, between records': [
    '[1,"a",null,[],{"name":"Ada","city":"London"},{},true]',
    { rows: 1, kept: ['(row): is not an object', '(row): is not an object', '(row): is not an object', '(row): is not an object', 'name: ', '(row): is not an object'] },
  ],
  'fields twice': ['[{"name":"x","name":"Ada","city":"London"}]', { rows: 1 }],
  '__proto__ in place of a record': ['[{"__proto__":{"name":"Ada","city":"London"}},{"name":"Bob","city":"Bath","__proto__":null}]', { rows: 1, kept: ['name: '] }],
  '100,000 levels': [`[{"name":${'['.repeat(100_000)}${']'.repeat(100_000)},"city":"x"},{"name":"Ada","city":"London"}]`, { rows: 1, kept: ['name: '] }],
  'gzip that ends in the middle': [gzipSync(`[${'{"name":"Ada","city":"London"},'.repeat(50)}{}]`).subarray(0, 30), 'SOURCE_', { 'content-encoding': 'gzip' }],
} // prettier-ignore

const lineFiles: Files = {
  'nothing at all': ['', { rows: 0 }],
  'only a byte order mark': ['\uFEFF', { rows: 0 }],
  'blank lines and CRLF': ['\r\n{"name":"Ada","city":"London"}\r\n\r\n \t\n', { rows: 1 }],
  'lines that are no records': [
    '{"name":"Ada","city":"London"}\nnull\n{"name":\nNaN\n{"name":"a"} {"name":"b"}\n<html>\n{"name":"Bob","city":"Bath"}\n',
    { rows: 2, kept: ['(line): Line 3', '(line): Line 4', '(line): Line 5', '(line): Line 6', '(row): is not an object'] },
  ],
  'a cut end': ['{"name":"Ada","city":"London"}\n{"name":"Bo', 'PAGE_TRUNCATED'],
  'a NUL byte in a line': ['{"name":"A\0da","city":"London"}\n{"name":"Bob","city":"Bath"}\n', { rows: 1, kept: ['(line): Line 1'] }],
  'an array instead of lines': ['[{"name":"Ada","city":"London"}]', { rows: 0, kept: ['(row): is not an object but an array'] }],
  'bytes of Latin-1': [latin1('{"name":"Ada","city":"M\xfcnchen"}\n{"name":"Bob","city":"Bath"}\n'), { rows: 1, kept: ['(line): Line 1'] }],
  'a cut end, within a character': [Buffer.from('{"name":"Ada","city":"London"}\n{"name":"é').subarray(0, -1), 'PAGE_TRUNCATED'],
} // prettier-ignore

const kinds: Readonly<Record<string, Files>> = { CSV: csvFiles, 'a JSON page': jsonFiles, 'JSON lines': lineFiles }
const files = Object.entries(kinds).flatMap(([kind, all]) =>
  Object.entries(all).map(([what, [bytes, ending, headers = {}]]) => ({ kind, what, bytes, ending, headers })),
)

const Person = z.object({ name: z.string(), city: z.string() })
const lines: PageFormat = { kind: 'jsonl' }

// All of them are steps of one run: each ends for itself.
describe('a file that is', () => {
  let engine: Engine
  let steps: ReadonlyMap<string, StepView>
  const keyOf = (index: number): string => `files/f${String(index)}`
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    const server = await startHttpServer((request, response) => {
      const file = files[Number(request.url?.slice(1))]
      response.writeHead(200, file?.headers).end(file?.bytes)
    })
    const assets = files.map(({ kind, bytes }, index) => {
      const url = `${server.url}/${String(index)}`
      return table({
        key: keyOf(index),
        columns: Person,
        quarantine: true,
        retry: { retries: 0 },
        extract: ({ signal }) => {
          if (kind === 'CSV') return csv({ url, columns: ['name', 'city'], signal })
          return kind === 'JSON lines' ? [{ body: bytes, format: lines }] : jsonPages({ url, signal })
        },
        ...(kind === 'CSV' ? { transform: ({ name, city }: z.infer<typeof Person>) => ({ name, city }) } : {}),
      })
    })
    await engine.define(assets)
    const run = await engine.run(assets.map((asset) => asset.key))
    steps = new Map(run.steps.map((step) => [step.asset, step]))
    return engine.stop
  })

  test.for(files.map(({ kind, what, ending }, index) => [kind, what, ending, index] as const))('%s: %s', async ([, , ending, index]) => {
    const step = steps.get(keyOf(index))
    const kept = await engine.query<{ place: string; said: string }>(
      `SELECT place, concat(issues->0->>'column', ': ', issues->0->>'message') AS said FROM millrace.quarantine WHERE asset = $1 ORDER BY record_index`,
      [keyOf(index)],
    )
    if (typeof ending === 'string') {
      expect(step).toMatchObject({ status: 'failed', error: { code: expect.stringContaining(ending), hint: expect.stringMatching(/.{10}/) } })
      return
    }
    expect(step?.error).toBeNull()
    expect(step?.result).toMatchObject({ rows: ending.rows })
    expect(kept).toHaveLength(ending.kept?.length ?? 0)
    expect(kept.map(({ said }, at) => said.slice(0, ending.kept?.[at]?.length ?? 0))).toEqual(ending.kept ?? [])
    for (const { place } of kept) expect(place).toMatch(/^(record|line) \d+ .*of page 1 of batch 0 of files\/f\d+$/)
  })
})

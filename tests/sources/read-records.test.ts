import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { csv } from '../../src/sources/csv.ts'
import { parquet } from '../../src/sources/parquet.ts'
import { readRecords } from '../../src/sources/read-records.ts'
import type { Page } from '../../src/definitions/page.ts'
import { parquetFile } from './parquet-file.ts'
import { expect, startHttpServer, temporaryFolder, test } from '../support/test.ts'

async function all(pages: AsyncIterable<Page> | Iterable<Page>): Promise<[unknown, string][]> {
  const found: [unknown, string][] = []
  for await (const { record, locate } of readRecords(pages)) found.push([record, locate()])
  return found
}

test('records of every kind of page are read where a function wants them, each with its place', async () => {
  const rows = Array.from({ length: 500 }, (_, index) => ({ id: String(index), name: `Nº ${String(index)}` }))
  const body = `id,name\n${rows.map(({ id, name }) => `${id},${name}\n`).join('')}`
  const path = join(await temporaryFolder(), 'orders.parquet')
  await writeFile(path, parquetFile({ columnData: [{ name: 'id', data: [1, 2], type: 'INT32' }] }))
  const server = await startHttpServer((_, response) => response.end(body))
  // Pages so small that a record's line is not its place in the page.
  const lines = await all(csv({ url: server.url, columns: ['id', 'name'], pageBytes: 512 }))
  expect(lines.map(([record]) => record)).toEqual(rows)
  expect(lines.map(([, at]) => at.replace(/^record \d+ /, ''))).toEqual(rows.map((_, index) => `(line ${String(index + 2)})`))
  expect((await all(parquet({ path }))).map(([record]) => record)).toEqual([{ id: 1 }, { id: 2 }])
  expect(await all([['a'], { records: ['b', 'c'] }, { body: '{"n":1}\n', format: { kind: 'jsonl' } }])).toEqual([
    ['a', 'record 0'],
    ['b', 'record 0'],
    ['c', 'record 1'],
    [{ n: 1 }, 'record 0 (line 1)'],
  ])
})

test('what is no record is thrown, with its line', async () => {
  const server = await startHttpServer((_, response) => response.end('id,name\n1,a\n2\n'))
  await expect(all(csv({ url: server.url, columns: ['id', 'name'] }))).rejects.toMatchObject({
    code: 'CSV_FIELD_COUNT',
    message: expect.stringContaining('Line 3') as unknown,
  })
})

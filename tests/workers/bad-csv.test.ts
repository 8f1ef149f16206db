import * as z from 'zod'
import { csv } from '../../src/sources/index.ts'
import { table } from '../../src/definitions/table.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, startHttpServer, test } from '../support/test.ts'

const Row = z.object({ name: z.string(), city: z.string() })

describeBackends('a CSV file', (backend) => {
  let engine: Engine
  let file = ''
  let url = ''
  beforeAll(async () => {
    engine = await startEngine({ backend })
    const server = await startHttpServer((_, response) => response.end(file))
    url = `${server.url}/people.csv`
    const columns = ['name', 'city']
    await engine.define([
      table({
        key: 'file/people',
        columns: Row,
        write: { disposition: 'replace' },
        retry: { retries: 0 },
        extract: ({ signal }) => csv({ url, columns, signal }),
      }),
    ])
    return engine.stop
  })
  const people = () => engine.query('SELECT name, city FROM file.people ORDER BY name')

  test.for([
    ['a byte order mark', '\uFEFFname,city\nAda,London\n', 'London'],
    ['CRLF line ends', 'name,city\r\nAda,London\r\n', 'London'],
    ['a quoted line end, quote and comma', 'name,city\nAda,"Lon\r\ndon, ""GB"""\n', 'Lon\r\ndon, "GB"'],
    ['no line end at its end', 'name,city\nAda,London', 'London'],
    ['a column more, in another order', 'extra,city,name\n1,London,Ada\n', 'London'],
  ] as const)('with %s is read', async ([, text, city]) => {
    file = text
    await engine.succeed('file/people')
    expect(await people()).toEqual([{ name: 'Ada', city }])
  })

  test.for([
    ['that lacks a column', 'name,town\nAda,London\n', 'CSV_COLUMN_MISSING', 'lacks the column "city"; its header has "name", "town"'],
    ['with a field too many', 'name,city\nAda,London\nBob,Bath\nEve,Ely,extra\n', 'CSV_FIELD_COUNT', 'Line 4 of '],
    ['that ends inside quotes', 'name,city\nAda,"Lon', 'CSV_TRUNCATED', 'ends within a quoted value that begins in line 2'],
    ['without a header', '', 'CSV_EMPTY', 'is empty: it has no header line'],
    ['that is not UTF-8', Buffer.from('name,city\nAda,M\xfcnchen\n', 'latin1'), 'PAGE_NOT_UTF8', 'UTF-8'],
  ] as const)('%s fails the step and says where; the rows from before stay', async ([, text, code, message]) => {
    file = 'name,city\nOld,Row\n'
    await engine.succeed('file/people')
    file = text as string
    const run = await engine.run('file/people')
    expect(run.step).toMatchObject({ status: 'failed', attempt: 1, error: { code, message: expect.stringContaining(message), hint: expect.any(String) } })
    expect(await people()).toEqual([{ name: 'Old', city: 'Row' }])
  })
})

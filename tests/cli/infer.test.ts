import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { fieldsOf } from '../../src/cli/infer/names.ts'
import { failureOf } from '../sources/failure.ts'
import { everyType } from '../sources/parquet-file.ts'
import { handlesOf } from '../support/open-handles.ts'
import { describe, expect, spawnMillrace, startHttpServer, temporaryFolder, test, waitFor } from '../support/test.ts'
import { inferred, inferredOf } from './infer-in-process.ts'
import { stockFile } from './infer-stock.ts'
import { createProject } from './project.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The lines of the zod object, without what is said behind them. */
const columnsIn = (definitions: string): string[] =>
  [...definitions.slice(0, definitions.indexOf('\n})')).matchAll(/^ {2}([\p{L}_][\p{L}\p{N}_]*: (?:z\.|decimal|inet|bytes).*?),(?: \/\/.*)?$/gmu)].map(
    ([, column = '']) => column,
  )

describe('millrace infer', () => {
  test('finds the narrowest type of each column of CSV, and what may be NULL', async () => {
    const rows = Array.from({ length: 30 }, (_, index) => {
      const n = String(index)
      return `${n},${String(3e9 + index)},${index % 2 === 0 ? '1.5' : 'NA'},${index % 3 === 0 ? 'yes' : 'no'},2026-11-${String(index + 1).padStart(2, '0')},2026-11-21 10:00:${n.padStart(2, '0')}+01,10.0.0.${n},0${n},${index === 7 ? '' : 'x'},F,${n}e-3,${String(94_100 + index)}`
    })
    const text = await inferredOf('all.csv', `id,Big Number,share,ok,day,at,ip,zip,note,sex,tiny,Postal Code\n${rows.join('\n')}\n`)
    expect(columnsIn(text)).toEqual([
      'id: z.int32()',
      'bigNumber: z.int()',
      'share: decimal(14, 4).nullable()',
      'ok: z.boolean()',
      'day: z.iso.date()',
      'at: z.iso.datetime({ offset: true })',
      'ip: inet()',
      'zip: z.string()',
      'note: z.string().nullable()',
      'sex: z.string()',
      'tiny: z.number()',
      'postalCode: z.string()',
    ])
    expect(text).toContain("primaryKey: ['id']")
    expect(text).toContain("fromText(All, { names: { bigNumber: 'Big Number', postalCode: 'Postal Code' }, nulls: ['NA'] })")
    expect(text).toContain('50 % null (also "NA")')
  })

  test.for([
    ['semicolons', 'a;b\n1;"x;y"\n2;z\n', "delimiter: ';'"],
    ['tabs', 'a\tb,c\n1\tx,y\n2\tz\n', String.raw`delimiter: "\t"`],
    ['bars', 'a|b\n1|x,y\n2|z,w\n', "delimiter: '|'"],
  ] as const)('guesses %s', async ([, content, expected]) => {
    expect(await inferredOf('a.csv', content)).toContain(expected)
  })

  test('leaves no file open of which it read the beginning only', async () => {
    const path = join(await temporaryFolder(), 'large.csv')
    await writeFile(path, `a,b\n${'1,2\n'.repeat(200_000)}`)
    await inferred(path, { maxRows: 100 })
    await waitFor(() => handlesOf(path) === 0, { what: 'the file to be closed' })
  })

  test('finds the array in a document, and in the beginning of one that is too large to be read whole', async () => {
    const records = Array.from({ length: 500 }, (_, id) => ({
      id,
      name: `name ${String(id % 3)}`,
      tags: id % 2 === 0 ? ['a'] : [],
      more: { x: id },
      when: '2026-11-21T10:00:00Z',
    }))
    const document = JSON.stringify({ total: 500, notes: ['[{'], data: { items: records }, errors: [{ code: 1 }] })
    const expected = ['id: z.int32()', 'name: z.string()', 'tags: z.array(z.string())', 'more: z.record(z.string(), z.json())', 'when: z.iso.datetime()']
    const whole = await inferredOf('orders.json', document)
    expect(columnsIn(whole)).toEqual(expected)
    expect(whole).toContain('the records at data.items')
    expect(whole).toContain('There are other arrays of objects, at errors')
    const beginning = await inferredOf('orders.json', document, { maxBytes: 10_000 })
    expect(columnsIn(beginning)).toEqual(expected)
    expect(beginning).toContain('its beginning; it was not read whole')
    expect(await inferredOf('orders.json', document, { path: ['errors'] })).toContain('code: z.int32()')
  })

  test('reads JSON lines, packed too, and says which of them are no records', async () => {
    const lines = Buffer.from('{"id":1,"Ship Mode":"a"}\n{"id":\n{"id":2}\n[3]\n')
    for (const bytes of [lines, gzipSync(lines), zstdCompressSync(lines)]) {
      const text = await inferredOf('lines.jsonl.gz', bytes)
      expect(columnsIn(text)).toEqual(['id: z.int32()', 'shipMode: z.string().optional()'])
      expect(text).toContain("transform: fromNames(Lines, { shipMode: 'Ship Mode' })")
      expect(text).toContain('2 of its records cannot be read and will go to quarantine. The first: Line 2 of')
    }
  })

  test('of Parquet takes the types that the file declares', async () => {
    const text = await inferredOf('all.parquet', everyType())
    expect(columnsIn(text)).toEqual(
      expect.arrayContaining([
        'int64: z.bigint().nullable()',
        "uint64: z.bigint().meta({ postgres: 'numeric(20,0)' }).nullable()",
        'nanos: z.iso.datetime({ local: true }).nullable()',
        'dec128: decimal(38, 3).nullable()',
        'bytes: bytes().nullable()',
        'uuid: z.guid().nullable()',
      ]),
    )
    expect(text).toContain('resumable: true')
  })

  test('makes fields and columns of any names, with numbers where they would be one', () => {
    const long = 'x'.repeat(80)
    expect(fieldsOf(['Ship Mode', 'ship_mode', 'SHIP-MODE', '2023', '', '🙂', 'Größe', 'xmin', '__proto__', long, `${long}y`], false)).toEqual([
      'shipMode',
      'ship_mode2',
      'shipMode3',
      '_2023',
      'column5',
      'column6',
      'größe',
      'xmin2',
      'proto',
      'x'.repeat(63),
      `${'x'.repeat(62)}2`,
    ])
  })

  test('shows no value of a column that is somebody’s business, and none that looks like a secret', async () => {
    const content = `email,api_key,salary,password,state,note\n${'a@example.com,k-123456,51000,hunter2,Texas,tskey-auth-abcdef\n'.repeat(5)}`
    const text = await inferredOf('people.csv', content)
    for (const secret of ['example.com', 'k-123456', '51000', 'hunter2', 'tskey']) expect(text).not.toContain(secret)
    expect(text).toContain('like "Texas"')
    const server = await startHttpServer((_, response) => response.end(content))
    const remote = await inferred(`${server.url.replace('//', '//me:hunter3@')}/people.csv?token=hunter4`)
    expect(remote).not.toMatch(/hunter/)
    expect(remote).toContain('The address had credentials, which are not written down here.')
  })

  test.for([
    ['empty', '', 'INFER_EMPTY'],
    ['a header alone', 'a,b\n', 'INFER_NO_ROWS'],
    ['a page of HTML', '<!DOCTYPE html><html></html>', 'INFER_HTML'],
    ['binary', Buffer.from([0x50, 0x4b, 3, 4, 0, 0]), 'INFER_BINARY'],
    ['in another encoding', Buffer.from('a,b\nM\u00fcnchen,2\n', 'latin1'), 'INFER_NOT_UTF8'],
    ['JSON without records', '{"a": [1, 2]}', 'INFER_NO_ARRAY'],
    ['with a name twice', 'a,a\n1,2\n', 'INFER_COLUMN_TWICE'],
    ['packed and cut off', gzipSync(stockFile(500)).subarray(0, 500), 'INFER_COMPRESSED'],
  ] as const)('%s, the file is refused with what to do', async ([, content, code]) => {
    expect(await failureOf(inferredOf('bad', content))).toMatchObject({ code, hint: expect.any(String) })
  })

  test('says on the command line what is wrong, with its exit code, and prints nothing else', async () => {
    const server = await startHttpServer((_, response) => response.writeHead(404).end())
    const run = spawnMillrace(['infer', `${server.url}/stock.csv`])
    expect(await run.exited).toMatchObject({ code: 1 })
    expect(run.stderr()).toContain('answered 404')
    expect(run.stdout()).toBe('')
  })

  test('prints what compiles under the settings of the project', async () => {
    const content = {
      stock: ['stock.csv', stockFile()],
      lines: ['lines.jsonl', '{"Id":1}\n{"Id":2}\n'],
      pages: ['pages.json', '{"data":[{"id":1,"a b":[1]}]}'],
      all: ['all.parquet', everyType()],
    } as const
    const locations: Record<string, string> = {}
    for (const [name, [file, bytes]] of Object.entries(content)) locations[name] = await inferredOf(file, bytes)
    const server = await startHttpServer((_, response) => response.end('{"data":[{"id":1}]}'))
    locations['remote'] = await inferred(`${server.url}/remote.json`)
    const { folder } = await createProject(locations)
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions: { typeRoots: [join(root, 'node_modules/@types')] }, include: ['pipelines'] }),
    )
    const answer = await promisify(execFile)(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]).catch(
      (error: Error & { stdout?: string }) => ({ stdout: error.stdout ?? error.message }),
    )
    expect(answer.stdout).toBe('')
  })
})

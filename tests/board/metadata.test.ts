import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { asset, output } from '../../src/definitions/function-asset.ts'
import { metadata } from '../../src/definitions/metadata/index.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { metadataLines } from '../../src/cli/assets/metadata-lines.ts'
import { metadataList } from '../../src/ui/metadata/list.ts'
import { startEngine } from '../support/engine.ts'
import { describe, expect, spawnMillrace, temporaryFolder, test } from '../support/test.ts'
import { getJson, startBoard } from './start.ts'

const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>`
const shown = (value: unknown, name = 'it'): string => metadataList({ [name]: value }).text.replaceAll(/\s+/g, ' ')
const runId = '11111111-0000-4000-8000-000000000001'

describe('metadata on a page', () => {
  test.for([
    ['text', metadata.text(hostile)],
    ['text of lines', metadata.text(`a\n${hostile}`)],
    ['url', metadata.url(`https://example.com/${hostile}`)],
    ['address that is none', metadata.url(hostile)],
    ['path', metadata.path(hostile)],
    ['json', metadata.json({ [hostile]: hostile })],
    ['markdown', metadata.markdown(`# ${hostile}\n[x](javascript:alert(1))`)],
    ['table', metadata.table({ rows: [{ [hostile]: hostile }] })],
    ['tableSchema', metadata.tableSchema({ columns: [{ name: hostile, type: hostile, description: hostile }] })],
    ['columnLineage', metadata.columnLineage({ [hostile]: [{ asset: hostile, column: hostile }] })],
    ['asset', metadata.asset(hostile)],
    ['job', metadata.job(hostile)],
    ['plain text', hostile],
    ['plain object', { type: 'table', value: hostile, [hostile]: [hostile] }],
  ] as const)('%s cannot become markup', ([, value]) => {
    const text = shown(value, hostile)
    expect(text).toContain('&lt;script&gt;')
    expect(text).not.toMatch(/<(script|img)/i)
    expect(text.replaceAll(/<[^>]*>/g, '')).not.toContain('<')
  })

  test.for([
    'javascript:alert(1)',
    ' JaVaScRiPt:alert(1)',
    'java\nscript:alert(1)',
    'data:text/html,<b>',
    'vbscript:x',
    'file:///etc/passwd',
    '//example.com',
    's3://bucket/a',
  ])('an address that is not of the web is no link: %j', (address) => {
    expect(shown(metadata.url(address))).not.toContain('href')
    expect(shown(metadata.url(address))).toContain('<code>')
  })

  test.for<[string, unknown, RegExp]>([
    [
      'a link that tells the other page nothing',
      metadata.url('https://example.com/a?b=1&c=2'),
      /<a href="https:\/\/example\.com\/a\?b=1&amp;c=2" rel="noopener noreferrer" target="_blank">/,
    ],
    ['a time', metadata.timestamp('2026-11-22T10:00:00.5Z'), /<time datetime="2026-11-22T10:00:00.500Z">2026-11-22 10:00:00 UTC<\/time>/],
    ['a run', metadata.run(runId), new RegExp(`<a href="/runs/${runId}">`)],
    ['a number', metadata.int(1_234_567), /1,234,567/],
    ['a plain number', 1_234_567, /1,234,567/],
    ['a large number, whole', metadata.int(2n ** 64n), /18446744073709551616/],
    ['a fraction, whole', 49.213926, /49\.213926/],
    [
      'a table',
      metadata.table({
        rows: [
          { item: 'lamp', price: 2 },
          { item: null, price: 3 },
        ],
      }),
      /<caption class="unseen"> it <\/caption>.*<th scope="col" class="number">price<\/th>.*<td data-label="item" class="">lamp<\/td>.*null/,
    ],
    ['how much of a table there is', metadata.table({ rows: Array.from({ length: 101 }, (_, n) => ({ n })) }), /The first 100 of 101 rows\./],
    ['how much of a text there is', metadata.text('x'.repeat(20_001)), /the first 20,000 of 20,001 characters/],
    ['columns', metadata.tableSchema({ columns: [{ name: 'id', type: 'bigint', nullable: false }] }), /<code>bigint<\/code>.*>no</],
    ['a lineage', metadata.columnLineage({ total: [{ asset: 'shop/sales', column: 'amount' }] }), /amount of <code>shop\/sales<\/code>/],
    ['nothing', metadata.null(), /<dd>null<\/dd>/],
    ['truth', metadata.bool(true), /<dd>true<\/dd>/],
  ])('shows %s', ([, value, pattern]) => {
    expect(shown(JSON.parse(JSON.stringify(value)))).toMatch(pattern)
  })
})

describe('metadata in a terminal', () => {
  test.for<[string, unknown, string]>([
    ['an address', metadata.url('https://example.com'), '  it: https://example.com\n'],
    ['lines', metadata.markdown('# a\n\u001b[2Jb'), '  it:\n    # a\n    \\u001b[2Jb\n'],
    ['a time', metadata.timestamp(new Date(0)), '  it: 1970-01-01 00:00:00 UTC\n'],
    ['a table', metadata.table({ rows: [{ item: 'la\nmp', price: 2 }] }), '  it:\n    item    price\n    ──────  ─────\n    la\\nmp      2\n'],
    ['a cut table', metadata.table({ columns: ['n'], rows: Array.from({ length: 101 }, (_, n) => ({ n })) }), '(the first 100 of 101 rows)\n'],
    ['columns', metadata.tableSchema({ columns: [{ name: 'id', type: 'bigint', nullable: false }] }), 'id      bigint  no\n'],
    ['a lineage', metadata.columnLineage({ total: [{ asset: 'shop/sales', column: 'amount' }] }), '  it: total: amount of shop/sales\n'],
    ['plain JSON', { a: 'b' }, '  it: {"a":"b"}\n'],
  ])('shows %s', ([, value, text]) => {
    expect(metadataLines('it', JSON.parse(JSON.stringify(value)))).toContain(text)
  })
})

test('what a function says of its value is on the page of the run, in the API and in the terminal', async () => {
  const engine = await startEngine({ backend: 'postgres' })
  const folder = await temporaryFolder()
  const key = 'said/report'
  const report = asset({
    key,
    io: jsonFiles({ folder }),
    checks: [{ name: 'seen', run: () => ({ passed: true, metadata: { where: metadata.url('https://example.com/seen') } }) }],
    run: async () => {
      await writeFile(join(folder, 'preview.md'), '# Sales')
      return output(1, {
        metadata: {
          page: metadata.url('https://example.com/report'),
          preview: metadata.table({ rows: [{ item: 'lamp', password: 'hush' }] }),
          checked: metadata.timestamp(new Date(0)),
          notes: metadata.markdown('# Sales\n<b>bold</b>'),
          plain: { type: 'url', value: 'https://example.com/not-a-link' },
        },
      })
    },
  })
  const { location } = await engine.define([
    report,
    asset({ key: 'said/wrong', io: jsonFiles({ folder }), run: () => output(1, { metadata: { n: 1n as unknown as number } }) }),
  ])
  const { id } = await engine.succeed(key)
  expect((await engine.run('said/wrong', { location: location.name })).step.error).toMatchObject({
    code: 'METADATA_INVALID',
    message: expect.stringContaining('said/wrong') as unknown,
  })

  const board = await startBoard({ pool: engine.database.pool, queues: engine.queues, databaseUrl: engine.database.url })
  for (const path of [`/runs/${id}`, '/']) {
    const page = (await (await fetch(board.url + path)).text()).replaceAll(/\s+/g, ' ')
    expect(page).toContain('<a href="https://example.com/report"')
    expect(page).toContain('<td data-label="item" class="">lamp</td>')
    expect(page).toContain('<time datetime="1970-01-01T00:00:00.000Z">')
    expect(page).toContain('&lt;b&gt;bold&lt;/b&gt;')
    expect(page).not.toMatch(/href="https:\/\/example\.com\/not-a-link|<b>bold|hush/)
  }
  expect(await (await fetch(`${board.url}/runs/${id}`)).text()).toContain('<a href="https://example.com/seen"')
  const { body } = await getJson(`${board.url}/api/v1/runs/${id}`)
  expect(body).toMatchObject({ steps: [{ metadata: { page: { type: 'url', value: 'https://example.com/report' }, bytes: 1 } }] })

  const cli = spawnMillrace(['assets', 'show', key], { DATABASE_URL: engine.database.url })
  await cli.exited
  expect(cli.stdout()).toMatch(/page: https:\/\/example\.com\/report\n/)
  expect(cli.stdout()).toMatch(/preview:\n +item +password\n.*\n +lamp +\[redacted\]\n/)
  await board.close()
  await engine.stop()
})

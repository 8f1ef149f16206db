import { expect, test } from '../support/test.ts'
import { seedBatches, seedLocation, seedRun, seedStep } from './seed.ts'
import { startBoard, startQueues } from './start.ts'

const statistics = {
  stages: [
    { stage: 'extract', batches: 2, rows: 80, bytes: 4096, seconds: 1.5, rowsPerSecond: 53 },
    { stage: 'transform', batches: 2, rows: 80, bytes: 2048, seconds: 0.25, rowsPerSecond: 320 },
    { stage: 'load', batches: 2, rows: 80, bytes: 2048, seconds: 1234.5, rowsPerSecond: null },
  ],
  columns: [
    { column: 'product', nulls: 10, nullShare: 0.125, distinct: 70, min: '<b>apple</b>', max: 'z'.repeat(64), cut: ['max'] },
    { column: 'amount', nulls: 0, nullShare: 0, distinct: 1234, min: -4, max: 99 },
    { column: 'seldom', nulls: 79_999, nullShare: 0.999988, distinct: 1, min: '', max: '' },
    { column: 'hardly', nulls: 9_999_999, nullShare: 1, distinct: 1 },
    { column: 'never', nulls: 80_000, nullShare: 1, distinct: 0 },
    { column: 'gap', nulls: 1, nullShare: 0.0000125, distinct: 7 },
  ],
}
const text = async (url: string) => (await (await fetch(url)).text()).replaceAll(/\s+/g, ' ')
const steps = async (url: string, runId: string) =>
  ((await (await fetch(`${url}/api/v1/runs/${runId}`)).json()) as { steps: { stages: unknown; columns: unknown }[] }).steps

test('a step under way shows what its stages have done so far', async ({ database }) => {
  const { pool } = database
  const board = await startBoard({ pool, queues: startQueues(database) })
  await seedLocation(pool, 'moving')
  const runId = await seedRun(pool, { location: 'moving' })
  const stepId = await seedStep(pool, { runId, location: 'moving', asset: 'moving/sales', status: 'loading' })
  await seedBatches(pool, stepId, ['loaded', 'encoded', 'recorded'])
  await pool.query(
    `UPDATE millrace.batch SET extract_ms = 100, transform_ms = CASE WHEN status <> 'recorded' THEN 50 END, load_ms = CASE WHEN status = 'loaded' THEN 4 END,
       encoded = CASE WHEN status <> 'recorded' THEN '{"bytes":500}'::jsonb END WHERE step_id = $1`,
    [stepId],
  )
  expect(await steps(board.url, runId)).toMatchObject([
    {
      columns: [],
      stages: [
        { stage: 'extract', batches: 3, rows: 36, bytes: 3000, seconds: 0.3, rowsPerSecond: 120 },
        { stage: 'transform', batches: 2, rows: 20, bytes: 1000, seconds: 0.1, rowsPerSecond: 200 },
        { stage: 'load', batches: 1, rows: 10, bytes: 500, seconds: 0.004, rowsPerSecond: 2500 },
      ],
    },
  ])
  expect(await text(`${board.url}/runs/${runId}`)).toMatch(/<th scope="row">load<\/th>.*2,500/)
})

test('a run and an asset show what is known of their columns', async ({ database }) => {
  const { pool } = database
  const board = await startBoard({ pool, queues: startQueues(database) })
  await seedLocation(pool, 'known')
  const runId = await seedRun(pool, { location: 'known', status: 'succeeded' })
  await seedStep(pool, { runId, location: 'known', asset: 'known/sales', status: 'succeeded', result: { rows: 80, statistics } })
  await seedStep(pool, { runId, location: 'known', asset: 'known/totals', kind: 'sql', status: 'succeeded', result: { rows: 3 } })
  await pool.query(`INSERT INTO millrace.asset VALUES ('known', 'known/sales', $1, now(), $2)`, [runId, JSON.stringify({ rows: 80, statistics })])
  expect(await steps(board.url, runId)).toMatchObject([statistics, { stages: [], columns: [] }])
  const page = await text(`${board.url}/runs/${runId}`)
  for (const part of ['12.5 %', '&lt;b&gt;apple&lt;/b&gt;', `<code>${'z'.repeat(64)}…</code>`, '1,234', '<code>-4</code>', '320', '4.0 KiB', '1,235 s'])
    expect(page).toContain(part)
  const nulls = (column: string) => new RegExp(`<th scope="row">${column}</th> <td data-label="NULL" class="number">([^<]+)<`).exec(page)?.[1]
  expect(['product', 'amount', 'seldom', 'hardly', 'never', 'gap'].map(nulls)).toEqual(['12.5 %', '0 %', '&gt; 99.9 %', '&gt; 99.9 %', '100 %', '&lt; 0.1 %'])
  expect(page).toContain('<td data-label="Least" class="extreme"><span class="quiet">empty text</span></td>')
  expect(page).not.toContain('<b>apple')
  const { assets } = (await (await fetch(`${board.url}/api/v1/assets?location=known`)).json()) as { assets: { columns: { statistics: unknown }[] }[] }
  expect(assets[0]?.columns.map((column) => column.statistics)).toStrictEqual(statistics.columns.slice(0, 2))
  expect(await text(board.url)).toMatch(
    /bigint, never null <span class="quiet known" ?>0 % NULL, about 1,234 distinct, from <code>-4<\/code> to <code>99<\/code>/,
  )
})

test('an asset of which nothing is known, or that an older version materialized, shows none', async ({ database }) => {
  const { pool } = database
  const board = await startBoard({ pool, queues: startQueues(database) })
  await seedLocation(pool, 'older')
  await pool.query(`INSERT INTO millrace.asset VALUES ('older', 'older/sales', NULL, now(), '{"rows":1,"statistics":{"columns":"of another form"}}')`)
  const { assets } = (await (await fetch(`${board.url}/api/v1/assets?location=older`)).json()) as { assets: { columns: { statistics: unknown }[] }[] }
  expect(assets[0]?.columns.map((column) => column.statistics)).toStrictEqual([null, null])
})

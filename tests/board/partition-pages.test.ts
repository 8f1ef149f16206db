import { publishManifest } from '../../src/catalog/manifests.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { dailyPartitions } from '../../src/definitions/partitions/partitions.ts'
import { describe, expect, test } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'
import { seedRun, seedStep } from './seed.ts'
import { startBoard, startQueues } from './start.ts'

const page = async (url: string, init?: RequestInit) => (await (await fetch(url, init)).text()).replaceAll(/\s+/g, ' ')

/** A location with ninety days, of which thirty-one are there and one failed. */
async function prepare({ pool }: TestDatabase, name: string): Promise<void> {
  const partitions = dailyPartitions({ start: '2026-01-01', end: '2026-04-01' })
  const key = `${name}/sales`
  const location = defineLocation({ name, assets: [asset({ key, partitions, io: jsonFiles({ folder: 'values' }), run: () => 1 })] })
  await publishManifest(pool, manifestOf(location), 'v1', undefined)
  await pool.query(
    `INSERT INTO millrace.asset_partition (location, asset, partition, materialized_at, failed_at) SELECT $1, $2, to_char(d, 'YYYY-MM-DD'), now(), CASE WHEN n = 32 THEN now() END
     FROM generate_series(date '2026-01-01', date '2026-02-01', '1 day') WITH ORDINALITY AS g(d, n)`,
    [name, key],
  )
}

describe('the pages of partitions', () => {
  test('the overview counts them, and leads to a picture with the same in words', async ({ database }) => {
    const board = await startBoard({ pool: database.pool, queues: startQueues(database) })
    await prepare(database, 'strip')
    const path = '/partitions?location=strip&amp;asset=strip%2Fsales'
    expect(await page(board.url)).toMatch(new RegExp(`href="${path.replaceAll('?', '\\?')}"[^>]*>31 of 90 · 1 failed<`))
    const shown = await page(`${board.url}${path.replace('&amp;', '&')}`)
    for (const part of [
      'role="img" aria-label="From 2026-01-01 to 2026-03-31: 31 of 90 · 1 failed"',
      '<rect class="failed"',
      '<th scope="row">2026-01-01</th> <td data-label="To">2026-01-31</td> <td data-label="Partitions" class="number">31</td>',
      '2026-02-01: 1 failed',
    ]) {
      expect(shown).toContain(part)
    }
    expect(shown.match(/<rect /g)).toHaveLength(90)
    // What the board has counted before is counted again as soon as one of them stands otherwise, though there are as many as before.
    const mend = (failed: string, day: string) =>
      database.pool.query(`UPDATE millrace.asset_partition SET failed_at = ${failed} WHERE asset = 'strip/sales' AND partition = $1`, [day])
    for (const [failed, day, counts] of [
      ['NULL', '2026-02-01', '>32 of 90<'],
      ['now()', '2026-01-02', '>31 of 90 · 1 failed<'],
    ] as const) {
      await mend(failed, day)
      expect(await page(board.url)).toContain(counts)
    }
    await database.pool.query(`UPDATE millrace.asset_partition SET partition = '2025-12-31' WHERE asset = 'strip/sales' AND partition = '2026-01-02'`)
    expect(await page(board.url)).toContain('>31 of 90<')
    const runId = await seedRun(database.pool, { location: 'strip' })
    const stepId = await seedStep(database.pool, { runId, location: 'strip', asset: 'strip/sales', status: 'extracting' })
    await database.pool.query(`UPDATE millrace.step SET partitions = '{2026-01-01,2026-03-31}' WHERE id = $1`, [stepId])
    expect(await page(board.url)).toContain('>30 of 90 · 2 running<')
    await database.pool.query(`UPDATE millrace.step SET partitions = '{2026-03-30,2026-03-31}' WHERE id = $1`, [stepId])
    expect(await page(board.url)).toContain('>31 of 90 · 2 running<')
    expect((await fetch(`${board.url}/partitions?asset=strip%2Fnone`)).status).toBe(404)
    expect((await fetch(`${board.url}/partitions`)).status).toBe(400)
  })

  test('a backfill shows how far it is and what failed; its run leads to it; it is canceled and taken up by forms of ours alone', async ({ database }) => {
    const { pool } = database
    const board = await startBoard({ pool, queues: startQueues(database) })
    await prepare(database, 'wave')
    const runId = await seedRun(pool, { location: 'wave', status: 'failed' })
    const plan = {
      moment: { now: '2026-05-01T00:00:00.000Z', dynamic: {} },
      units: [{ assets: ['wave/sales'], partitions: { kind: 'static', keys: ['<a>', 'b'] }, upstream: [] }],
    }
    const { rows } = await pool.query<{ id: string }>(
      `INSERT INTO millrace.backfill (location, assets, plan, runs_at_once, launched_by, problem) VALUES ('wave', '{wave/sales}', $1, 1, 'cli', 'The location <wave> is away.') RETURNING id`,
      [JSON.stringify(plan)],
    )
    const id = rows[0]?.id ?? ''
    await pool.query(`INSERT INTO millrace.backfill_part VALUES ($1, 0, 0, '<a>', 'failed', $2), ($1, 0, 1, 'b', 'waiting', NULL)`, [id, runId])
    await pool.query(`UPDATE millrace.run SET backfill_id = $1 WHERE id = $2`, [id, runId])
    const path = `${board.url}/backfills/${id}`
    const shown = await page(path)
    for (const part of [
      '0 of 2 · 1 failed',
      'The location &lt;wave&gt; is away.',
      '&lt;a&gt;',
      `href="/runs/${runId}"`,
      `action="/backfills/${id}/cancel"`,
      'data-state="open"',
    ]) {
      expect(shown).toContain(part)
    }
    expect(await page(`${board.url}/runs/${runId}`)).toContain(`href="/backfills/${id}"`)
    const form = (origin: string): RequestInit => ({
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin },
      body: '',
    })
    expect((await fetch(`${path}/cancel`, form('http://elsewhere.example'))).status).toBe(403)
    expect((await fetch(`${path}/cancel`, form(board.url))).status).toBe(303)
    expect(await page(path)).toContain('Make 2 again')
    expect((await fetch(`${path}/retry`, form(board.url))).status).toBe(303)
    expect((await fetch(`${board.url}/backfills/11111111-0000-4000-8000-000000000001`)).status).toBe(404)
    await pool.query(`DELETE FROM millrace.backfill WHERE id = $1`, [id])
  })
})

import type pg from 'pg'
import * as z from 'zod'
import { keepNotifications } from '../../src/catalog/outbox.ts'
import { beforeAll, createDatabase, describe, expect, test } from '../support/test.ts'
import { seedLocation, seedRun, seedStep } from './seed.ts'
import { getJson, startBoard, startQueues } from './start.ts'
import type { Board } from '../../src/board.ts'

const hostile = `<script>alert(1)</script>`

describe('what there may be much of', () => {
  let board: Board
  let pool: pg.Pool
  beforeAll(async () => {
    const database = await createDatabase()
    pool = database.pool
    board = await startBoard({ pool, queues: startQueues(database) })
    return () => pool.end()
  })
  const page = async (path: string) => (await (await fetch(board.url + path)).text()).replaceAll(/\s+/g, ' ')
  const form = (path: string, origin = board.url) =>
    fetch(board.url + path, { method: 'POST', redirect: 'manual', headers: { 'content-type': 'application/x-www-form-urlencoded', origin }, body: '' })

  test('notifications: what waits, was sent and was given up with the reason; what was given up is sent again by our form alone', async () => {
    expect(await page('/notifications')).toContain('There are none.')
    const notify = (title: string, through = 'slack') =>
      keepNotifications(pool, { location: 'told', causedBy: 'sensor files' }, [{ through, content: { title } }])
    for (const title of ['sent', 'waits', hostile]) await notify(title)
    const error = { name: 'MillraceError', code: 'NOTIFICATION_REFUSED', message: 'Slack answered 404: no_service', hint: 'Look at its address.' }
    await pool.query(`UPDATE millrace.outbox SET status = 'done', ended_at = now(), attempt = 1 WHERE content ->> 'title' = 'sent'`)
    await pool.query(`UPDATE millrace.outbox SET error = $1, attempt = 1, due_at = '2030-01-01T00:00:00Z' WHERE content ->> 'title' = 'waits'`, [error])
    const { rows } = await pool.query<{ id: string }>(
      `UPDATE millrace.outbox SET status = 'failed', ended_at = now(), attempt = 3, error = $1 WHERE content ->> 'title' = $2 RETURNING id`,
      [error, hostile],
    )
    const id = rows[0]?.id ?? ''
    const all = await page('/notifications')
    for (const part of [
      'next try <time datetime="2030-01-01T00:00:00.000Z">',
      'Slack answered 404: no_service',
      'Look at its address.',
      '>done<',
      '&lt;script&gt;',
      `action="/notifications/${id}/retry"`,
    ]) {
      expect(all).toContain(part)
    }
    expect(all).not.toContain('<script>alert')
    expect(all.match(/<form /g)).toHaveLength(1)
    expect(await page('/')).toMatch(
      /<a href="\/notifications">Notifications<\/a>.*<a href="\/notifications\?status=failed"[^>]*>1 notification was given up<\/a ?>/,
    )
    expect(await page('/notifications?status=done')).not.toContain('no_service')

    const one = (await getJson(`${board.url}/api/v1/notifications?limit=2`)).body
    expect(one).toMatchObject({ notifications: [{ title: hostile }, { title: 'waits' }] })
    const { nextCursor } = z.object({ nextCursor: z.string() }).parse(one)
    const rest = await getJson(`${board.url}/api/v1/notifications?limit=2&cursor=${nextCursor}`)
    expect(rest.body).toMatchObject({ notifications: [{ title: 'sent' }], nextCursor: null })
    expect(await page('/notifications?limit=2')).toContain('rel="next"')

    expect((await form(`/notifications/${id}/retry`, 'http://elsewhere.example')).status).toBe(403)
    expect((await form(`/notifications/${id}/retry`)).status).toBe(303)
    expect((await form(`/notifications/${id}/retry`)).status).toBe(404)
    expect(await page('/notifications?status=failed')).toContain('There are none.')
    expect((await fetch(`${board.url}/notifications?status=lost`)).status).toBe(400)
  })

  test('backfills: how far each is, which unit it is at, who asked for it, and what can be done about it', async () => {
    expect(await page('/backfills')).toContain('There are no such backfills.')
    const plan = { moment: { now: '2026-05-01T00:00:00.000Z', dynamic: {} }, units: ['first', 'second'].map((key) => ({ assets: [key], upstream: [] })) }
    const insert = async (by: string, status: string, parts: readonly string[]): Promise<string> => {
      const { rows } = await pool.query<{ id: string }>(
        `INSERT INTO millrace.backfill (location, assets, plan, runs_at_once, launched_by, status, ended_at)
         VALUES ('wave', '{first,second}', $1, 1, $2, $3, CASE WHEN $3 = 'running' THEN NULL ELSE now() END) RETURNING id`,
        [JSON.stringify(plan), by, status],
      )
      const id = rows[0]?.id ?? ''
      for (const [unit, part] of parts.entries()) await pool.query(`INSERT INTO millrace.backfill_part VALUES ($1, $2, 0, 'a', $3, NULL)`, [id, unit, part])
      return id
    }
    const failed = await insert(hostile, 'failed', ['succeeded', 'failed'])
    const running = await insert('cli', 'running', ['succeeded', 'waiting'])
    const shown = await page('/backfills')
    for (const part of [
      `href="/backfills/${running}"`,
      `action="/backfills/${running}/cancel"`,
      `action="/backfills/${failed}/retry"`,
      'Make 1 again',
      '1 of 2 · 1 failed',
      '<td data-label="Unit">2 of 2</td>',
      '&lt;script&gt;',
      'data-state="open"',
      '<a href="/backfills">Backfills</a>',
    ]) {
      expect(shown).toContain(part)
    }
    expect(await page('/backfills?status=failed')).not.toContain(running)
    expect(await getJson(`${board.url}/api/v1/backfills?status=running`)).toMatchObject({
      body: { backfills: [{ id: running, progress: { unit: 2, units: 2 } }] },
    })
    await pool.query(`DELETE FROM millrace.backfill`)
  })

  test('steps: of thousands their numbers, what failed, and a page of those that are asked for', async () => {
    await seedLocation(pool, 'many')
    const runId = await seedRun(pool, { location: 'many', status: 'failed' })
    await seedStep(pool, { runId, location: 'many', asset: 'list', status: 'succeeded' })
    await pool.query(
      `INSERT INTO millrace.step (run_id, location, version, asset, kind, template, ordinal, status, upstream, error, skipped_because, ended_at)
       SELECT $1, 'many', 'v1', 'one[' || n || ']', 'op', 'one', n, CASE n % 100 WHEN 7 THEN 'failed' WHEN 8 THEN 'skipped' ELSE 'succeeded' END, '{list}',
         CASE n % 100 WHEN 7 THEN jsonb_build_object('name', 'Error', 'code', 'X', 'message', 'no ' || n) END, CASE n % 100 WHEN 8 THEN 'because list was slow' END, now()
       FROM generate_series(0, 2999) n`,
      [runId],
    )
    const first = await page(`/runs/${runId}`)
    expect(first.length).toBeLessThan(60_000)
    for (const part of [
      '3,001 steps:',
      `href="/runs/${runId}?of=one&amp;status=failed"`,
      '>30 failed</a>',
      'no 1907',
      'All 30 that failed',
      'Steps of no branch, 1 to 1',
    ]) {
      expect(first).toContain(part)
    }
    expect(first).not.toContain('one[9]')
    const failed = await page(`/runs/${runId}?status=failed`)
    expect(failed.match(/<strong>no \d+<\/strong>/g)).toHaveLength(30)
    const branches = await page(`/runs/${runId}?of=one&from=200`)
    expect(branches).toContain('Branches of one, 201 to 300')
    expect([...branches.matchAll(/<th scope="row">(one\[\d+\])/g)].map(([, name]) => name)).toEqual(
      Array.from({ length: 100 }, (_, n) => `one[${String(n + 200)}]`),
    )
    expect(branches).toContain(`href="/runs/${runId}?of=one&amp;from=300" rel="next"`)
    expect(branches).toContain('<p class="quiet">because list was slow</p>')
    expect((await fetch(`${board.url}/runs/${runId}?status=odd`)).status).toBe(400)
    const few = await seedRun(pool, { location: 'many' })
    await seedStep(pool, { runId: few, location: 'many', asset: 'list', status: 'extracting' })
    expect(await page(`/runs/${few}?status=failed`)).toContain('<th scope="row">list ')
  })

  test('an asset says when it was to be made and was not, until it is made', async () => {
    await seedLocation(pool, 'tried')
    const runId = await seedRun(pool, { location: 'tried', status: 'failed' })
    const error = { name: 'SourceError', code: 'SOURCE_HTTP_STATUS', message: 'The shop answered 503.' }
    const stepId = await seedStep(pool, { runId, location: 'tried', asset: 'tried/sales', status: 'extracting', error })
    const asset = async () => (await getJson(`${board.url}/api/v1/assets?select=tried/sales`)).body
    expect(await asset()).toMatchObject({ assets: [{ lastFailure: null, automation: null }] })
    await pool.query(`UPDATE millrace.step SET status = 'failed' WHERE id = $1`, [stepId])
    expect(await asset()).toMatchObject({ assets: [{ lastFailure: { runId, step: 'tried/sales', error: { message: 'The shop answered 503.' } } }] })
    const line = new RegExp(
      `never ?<p> <span class="status bad">failed</span> <a href="/runs/${runId}"[^>]*><time [^>]*>[^<]*</time></a ?>: The shop answered 503\\.`,
    )
    expect(await page('/')).toMatch(line)
    await pool.query(`INSERT INTO millrace.asset VALUES ('tried', 'tried/sales', $1, now(), '{}')`, [runId])
    expect(await asset()).toMatchObject({ assets: [{ lastFailure: { runId } }] })
    expect(await page('/')).not.toContain('The shop answered 503.')
  })
})

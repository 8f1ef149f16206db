import { insertEvents } from '../../src/catalog/events.ts'
import { recordChecks } from '../../src/catalog/checks.ts'
import { describe, expect, test } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'
import { seedBatches, seedLocation, seedQuarantine, seedRun, seedStep, seedWorker, shopElsewhere } from '../board/seed.ts'
import { getJson, startBoard, startQueues } from '../board/start.ts'

const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

describe('quarantine', () => {
  test('streams as JSON lines, whatever its records hold, as much as there is', async ({ database }) => {
    const { api } = await start(database)
    await seedLocation(database.pool, 'kept')
    const runId = await seedRun(database.pool, { location: 'kept', status: 'succeeded' })
    const step = await seedStep(database.pool, { runId, location: 'kept', asset: 'kept/rows', status: 'succeeded' })
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
    await seedQuarantine(database.pool, step, { index: 0, record: deep })
    await seedQuarantine(database.pool, step, { index: 1, record: '{"id":1e400}' })
    for (let index = 2; index < 130; index += 1) await seedQuarantine(database.pool, step, { index })
    const response = await fetch(`${api}/quarantine?run=${runId}`)
    expect(response.headers.get('content-type')).toContain('application/jsonl')
    const lines = (await response.text()).trimEnd().split('\n')
    expect(lines).toHaveLength(130)
    expect(lines[0]?.endsWith(`,"record":${deep}}`)).toBe(true)
    expect(lines[1]?.endsWith(',"record":{"id":1e400}}')).toBe(true)
    expect(JSON.parse(lines[129] ?? '')).toMatchObject({
      asset: 'kept/rows',
      runId,
      place: 'record 0 of page 1 of batch 0',
      issues: [{ column: 'id' }],
      record: { id: 'x' },
    })
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="quarantine.jsonl"')
    expect(response.headers.get('cache-control')).toBe('no-store')
    const { id: last } = JSON.parse(lines[127] ?? '') as { id: string }
    expect(await (await fetch(`${api}/quarantine?run=${runId}&after=${last}`)).text()).toBe(`${lines.slice(128).join('\n')}\n`)
    expect(await (await fetch(`${api}/quarantine?asset=kept%2Fothers`)).text()).toBe('')
    expect(await (await fetch(`${api}/quarantine?asset=kept%2Frows&location=elsewhere`)).text()).toBe('')
    expect((await (await fetch(`${api}/quarantine?location=kept&after=${last}`)).text()).trimEnd().split('\n')).toHaveLength(2)
    expect(await getJson(`${api}/quarantine?state=lost`)).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID', errors: [{ path: 'query.state' }] } })
    for (const after of ['-1', 'x', '1e3', '9'.repeat(19)]) {
      expect(await getJson(`${api}/quarantine?after=${after}`), after).toMatchObject({ status: 400, body: { errors: [{ path: 'query.after' }] } })
    }
  })

  test('breaks off where the database does, so that nobody takes a part for the whole', async ({ database }) => {
    const { api } = await start(database)
    const { pool } = database
    await seedLocation(pool, 'broken')
    const runId = await seedRun(pool, { location: 'broken', status: 'succeeded' })
    const step = await seedStep(pool, { runId, location: 'broken', asset: 'broken/rows', status: 'succeeded' })
    // More than the sockets between hold, so that the later ones are asked for when the first were read.
    const record = JSON.stringify('x'.repeat(100_000))
    await Promise.all(Array.from({ length: 350 }, (_, index) => seedQuarantine(pool, step, { index, record })))
    const reader = (await fetch(`${api}/quarantine?run=${runId}`)).body?.getReader()
    expect((await reader?.read())?.done).toBe(false)
    await pool.query('ALTER TABLE millrace.quarantine RENAME TO away')
    try {
      const rest = async () => {
        while ((await reader?.read())?.done === false);
      }
      await expect(rest()).rejects.toThrow('terminated')
    } finally {
      await pool.query('ALTER TABLE millrace.away RENAME TO quarantine')
    }
    expect((await (await fetch(`${api}/quarantine?run=${runId}`)).text()).trimEnd().split('\n')).toHaveLength(350)
  })
})

describe('quarantine, page by page,', () => {
  test('gives each record once, in the order in which they came, also where the last page is a full one', async ({ database }) => {
    const { api } = await start(database)
    await seedLocation(database.pool, 'full')
    const runId = await seedRun(database.pool, { location: 'full', status: 'succeeded' })
    const step = await seedStep(database.pool, { runId, location: 'full', asset: 'full/rows', status: 'succeeded' })
    const ids: string[] = []
    // Those that came later are older by their clock.
    for (let index = 0; index < 200; index += 1) ids.push(await seedQuarantine(database.pool, step, { index, daysAgo: index }))
    const text = await (await fetch(`${api}/quarantine?run=${runId}`)).text()
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id),
    ).toEqual(ids)
  })
})

describe('runs', () => {
  test('are listed newest first, in pages that neither skip nor repeat', async ({ database }) => {
    const { api } = await start(database)
    await seedLocation(database.pool, 'paged')
    const ids: string[] = []
    // Two share one moment, and a page ends between them: the cursor must tell them apart.
    for (const createdAt of [
      '2026-01-01T00:00:00.000001Z',
      '2026-01-01T00:00:00.000002Z',
      '2026-01-01T00:00:00.000002Z',
      '2026-01-02T00:00:00Z',
      '2026-01-03T00:00:00Z',
    ]) {
      ids.push(await seedRun(database.pool, { location: 'paged', status: 'succeeded', createdAt }))
    }
    const seen: string[] = []
    let cursor: string | null = ''
    for (let pages = 0; cursor !== null && pages < 10; pages += 1) {
      const { body } = (await getJson(`${api}/runs?location=paged&limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`)) as {
        body: { runs: { id: string }[]; nextCursor: string | null }
      }
      seen.push(...body.runs.map((run) => run.id))
      cursor = body.nextCursor
    }
    expect(seen).toHaveLength(5)
    expect(new Set(seen)).toEqual(new Set(ids))
    expect(seen[0]).toBe(ids[4])
    expect(seen[4]).toBe(ids[0])
  })

  test('are filtered by status, asset and location', async ({ database }) => {
    const { api } = await start(database)
    await seedLocation(database.pool, 'filtered')
    const failed = await seedRun(database.pool, { location: 'filtered', status: 'failed' })
    const totals = await seedRun(database.pool, { location: 'filtered', status: 'succeeded', assets: ['filtered/totals'] })
    const found = async (query: string) => ((await getJson(`${api}/runs?${query}`)).body as { runs: { id: string }[] }).runs.map((run) => run.id)
    expect(await found('location=filtered&status=failed')).toEqual([failed])
    expect(await found('asset=filtered%2Ftotals')).toEqual([totals])
    expect(await found('location=filtered&status=canceled')).toEqual([])
  })

  test('show the stages of each step, its error with causes, and why it waits', async ({ database }) => {
    const { api } = await start(database)
    const { pool } = database
    await seedLocation(pool, 'shown')
    await seedWorker(pool, 'shown', ['extract', 'transform'])
    const runId = await seedRun(pool, {
      location: 'shown',
      assets: ['shown/a', 'shown/b', 'shown/c', 'shown/d', 'shown/e'],
      config: { url: 'postgres://me:hunter2@db/x', api_key: 'open sesame' },
    })
    const loading = await seedStep(pool, { runId, location: 'shown', asset: 'shown/a', status: 'loading' })
    await seedBatches(pool, loading, ['loaded', 'loaded', 'encoded', 'recorded'])
    await seedStep(pool, { runId, location: 'shown', asset: 'shown/b', kind: 'sql', status: 'waiting', upstream: ['shown/a'] })
    const error = {
      name: 'SourceError',
      code: 'SOURCE_HTTP_STATUS',
      message: 'GET https://u:hunter2@host/x answered 500',
      hint: 'Ask them.',
      cause: { name: 'Error', code: 'ECONNRESET', message: 'read ECONNRESET' },
    }
    await seedStep(pool, { runId, location: 'shown', asset: 'shown/c', status: 'retrying', error, nextAttemptAt: '2030-01-01T00:00:00Z' })
    await seedStep(pool, { runId, location: 'shown', asset: 'shown/d', status: 'extracting' })
    await seedStep(pool, { runId, location: 'shown', asset: 'shown/e', status: 'succeeded', result: { rows: 80 } })
    const { status, body } = await getJson(`${api}/runs/${runId}`)
    expect(status).toBe(200)
    const run = body as { steps: { asset: string }[]; progress: { rows: number } }
    const step = (asset: string) => run.steps.find((one) => one.asset === asset)
    expect(step('shown/a')).toMatchObject({
      batches: { recorded: 4, encoded: 3, loaded: 2 },
      bytes: 4000,
      records: 48,
      rows: 20,
      waitsFor: { reason: 'no-worker', queues: ['shown.load'], message: expect.stringContaining('millrace worker --location shown') },
    })
    expect(step('shown/b')).toMatchObject({ waitsFor: { reason: 'upstream', upstream: ['shown/a'] } })
    expect(step('shown/c')).toMatchObject({
      error: { code: 'SOURCE_HTTP_STATUS', hint: 'Ask them.', cause: { message: 'read ECONNRESET' } },
      waitsFor: { reason: 'no-worker' },
    })
    expect(step('shown/d')).toMatchObject({ waitsFor: { reason: 'queue', queues: ['shown.extract'] } })
    expect(step('shown/e')).toMatchObject({ rows: 80, waitsFor: null })
    expect(run.progress.rows).toBe(100)
    expect(JSON.stringify(body)).not.toMatch(/hunter2|sesame/)
    await pool.query(`UPDATE millrace.process SET problem = 'another spool is mounted' WHERE versions ? 'shown'`)
    const troubled = (await getJson(`${api}/runs/${runId}`)).body as typeof run
    expect(troubled.steps.find((one) => one.asset === 'shown/d')).toMatchObject({ waitsFor: { message: expect.stringContaining('another spool is mounted') } })
    await pool.query(`UPDATE millrace.process SET problem = NULL`)
    await seedWorker(pool, 'shown', ['load'])
    const again = (await getJson(`${api}/runs/${runId}`)).body as typeof run
    expect(again.steps.find((one) => one.asset === 'shown/a')).toMatchObject({ waitsFor: null })
    expect(again.steps.find((one) => one.asset === 'shown/c')).toMatchObject({ waitsFor: { reason: 'retry', retryAt: '2030-01-01T00:00:00.000Z' } })
  })

  test('are launched once per Idempotency-Key', async ({ database }) => {
    const { api } = await start(database)
    await seedLocation(database.pool, 'launched')
    const request = post({ assets: ['group:retail'], location: 'launched', config: { source_csv_path: 'http://localhost/x.csv' } }, { 'idempotency-key': 'k1' })
    const first = await getJson(`${api}/runs`, request)
    expect(first).toMatchObject({
      status: 201,
      body: { status: 'started', assets: ['launched/sales'], launchedBy: 'api', config: { source_csv_path: 'http://localhost/x.csv' } },
    })
    expect(await getJson(`${api}/runs`, request)).toMatchObject({ status: 200, body: { id: (first.body as { id: string }).id } })
  })

  test('are refused with a problem that has a code and a hint', async ({ database }) => {
    const { api } = await start(database)
    await seedLocation(database.pool, 'refused')
    const launched = (body: unknown) => getJson(`${api}/runs`, post(body))
    expect(await launched({ assets: ['refused/none'] })).toMatchObject({
      status: 404,
      body: { type: 'about:blank', status: 404, code: 'UNKNOWN_ASSET', hint: expect.any(String) },
    })
    expect(await launched({ assets: ['refused/sales'], config: { source_csv_path: 7 } })).toMatchObject({
      status: 422,
      body: { code: 'CONFIG_INVALID', detail: expect.stringContaining('source_csv_path') },
    })
    expect(await launched({ assets: ['x'], location: 'nowhere' })).toMatchObject({ status: 409, body: { code: 'LOCATION_NOT_LOADED' } })
    expect(await launched({ assets: [] })).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID', errors: [{ path: 'body.assets' }] } })
    expect(await launched({ assets: ['a'], colour: 'red' })).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID' } })
    const broken = await fetch(`${api}/runs`, { ...post({}), body: '{' })
    expect(broken.status).toBe(400)
    expect(broken.headers.get('content-type')).toContain('application/problem+json')
    expect(await getJson(`${api}/runs/00000000-0000-4000-8000-000000000000`)).toMatchObject({ status: 404, body: { code: 'UNKNOWN_RUN' } })
    expect(await getJson(`${api}/runs/x`)).toMatchObject({ status: 400, body: { errors: [{ path: 'path.id' }] } })
    expect(await getJson(`${api}/runs?cursor=bm9uc2Vuc2U`)).toMatchObject({ status: 400, body: { code: 'CURSOR_INVALID' } })
    expect(await getJson(`${api}/runs?limit=0`)).toMatchObject({ status: 400, body: { errors: [{ path: 'query.limit' }] } })
    expect(await getJson(`${api}/nothing`)).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } })
  })

  test('are canceled, and stay what they are once they have ended', async ({ database }) => {
    const { api } = await start(database)
    await seedLocation(database.pool, 'stopped')
    const { body } = await getJson(`${api}/runs`, post({ assets: ['stopped/sales'] }))
    const { id } = body as { id: string }
    const first = await getJson(`${api}/runs/${id}/cancel`, { method: 'POST' })
    expect(first).toMatchObject({ status: 202, body: { id, status: expect.stringMatching(/^cancel(ing|ed)$/) } })
    const ended = await seedRun(database.pool, { location: 'stopped', status: 'succeeded' })
    expect(await getJson(`${api}/runs/${ended}/cancel`, { method: 'POST' })).toMatchObject({ status: 200, body: { status: 'succeeded' } })
    expect(await getJson(`${api}/runs/00000000-0000-4000-8000-000000000000/cancel`, { method: 'POST' })).toMatchObject({ status: 404 })
  })

  test('have a log that is read on from the last event, without secrets', async ({ database }) => {
    const { api } = await start(database)
    await seedLocation(database.pool, 'logged')
    const runId = await seedRun(database.pool, { location: 'logged' })
    for (const message of ['one', 'two postgres://a:hunter2@b/c', 'three']) {
      await database.pool.query(`INSERT INTO millrace.event (run_id, kind, message, data) VALUES ($1, 'log', $2, '{"token":"hunter2"}')`, [runId, message])
    }
    const first = (await getJson(`${api}/runs/${runId}/events?limit=2`)).body as { events: { message: string }[]; lastId: string }
    expect(first.events.map((event) => event.message)).toEqual(['one', 'two postgres://a:[redacted]@b/c'])
    expect(JSON.stringify(first)).not.toContain('hunter2')
    const rest = (await getJson(`${api}/runs/${runId}/events?after=${first.lastId}`)).body as typeof first
    expect(rest.events.map((event) => event.message)).toEqual(['three'])
    expect(await getJson(`${api}/runs/${runId}/events?after=${rest.lastId}`)).toMatchObject({ status: 200, body: { events: [], lastId: rest.lastId } })
    expect(await getJson(`${api}/runs/00000000-0000-4000-8000-000000000000/events`)).toMatchObject({ status: 404 })
    await insertEvents(database.pool, [
      { runId, asset: 'logged/sales', kind: 'log', level: 'warn', message: 'Slow' },
      { runId, asset: 'logged/sales', kind: 'failure', level: 'error', message: 'over' },
    ])
    const chosen = async (query: string) => ((await getJson(`${api}/runs/${runId}/events?${query}`)).body as typeof first).events.map(({ message }) => message)
    expect(await chosen('level=warn')).toEqual(['Slow', 'over'])
    expect(await chosen('kind=failure,materialization')).toEqual(['over'])
    expect(await chosen('asset=logged/sales&text=SLO')).toEqual(['Slow'])
    expect(await getJson(`${api}/runs/${runId}/events?level=loud`)).toMatchObject({ status: 400 })
  })
})

describe('assets', () => {
  test('show what is declared, what they were last, and what runs', async ({ database }) => {
    const { api } = await start(database)
    const { pool } = database
    await seedLocation(pool, 'shop')
    const done = await seedRun(pool, { location: 'shop', status: 'succeeded' })
    const open = await seedRun(pool, { location: 'shop' })
    await seedStep(pool, { runId: open, location: 'shop', asset: 'shop/sales', status: 'extracting' })
    await pool.query(`INSERT INTO millrace.asset VALUES ('shop', 'shop/sales', $1, '2026-01-01T00:00:00Z', '{"rows":80,"password":"x"}')`, [done])
    await pool.query(
      `INSERT INTO millrace.check_result (location, asset, name, run_id, passed, blocking, message) VALUES ('shop', 'shop/sales', 'not_empty', $1, true, true, '80 rows')`,
      [done],
    )
    const { body } = await getJson(`${api}/assets?location=shop`)
    const { assets } = body as { assets: Record<string, unknown>[] }
    expect(assets).toHaveLength(2)
    expect(assets[0]).toMatchObject({
      key: 'shop/sales',
      location: 'shop',
      kind: 'table',
      group: 'retail',
      destination: 'default',
      deps: [],
      columns: [
        { name: 'product', type: 'text', nullable: false, description: 'Its name' },
        { name: 'amount', type: 'bigint' },
      ],
      configSchema: { properties: { source_csv_path: { format: 'uri', default: 'http://localhost/stock.csv' } } },
      checks: [
        { name: 'not_empty', kind: 'not-empty', blocking: true, severity: 'error', state: 'passed', last: { passed: true, message: '80 rows', runId: done } },
      ],
      lastMaterialization: { at: '2026-01-01T00:00:00.000Z', runId: done, rows: 80, metadata: { password: '[redacted]' } },
      running: { runId: open, status: 'extracting' },
    })
    expect(assets[1]).toMatchObject({
      key: 'shop/totals',
      kind: 'sql',
      deps: ['shop/sales'],
      columns: [],
      configSchema: null,
      lastMaterialization: null,
      freshness: null,
      running: null,
    })
    expect(((await getJson(`${api}/assets?location=shop&group=retail`)).body as { assets: unknown[] }).assets).toHaveLength(1)
  })

  test('show checks that never ran, that only warn, and that their function reported; and what each found before', async ({ database }) => {
    const { api } = await start(database)
    const { pool } = database
    await seedLocation(pool, 'checked')
    const [first, last] = [await seedRun(pool, { location: 'checked', status: 'succeeded' }), await seedRun(pool, { location: 'checked', status: 'succeeded' })]
    await pool.query(`INSERT INTO millrace.asset VALUES ('checked', 'checked/sales', $1, '2026-01-01T00:00:00Z', '{}')`, [last])
    const step = { location: 'checked', asset: 'checked/sales' }
    const found = (n: number) => [
      { name: 'reported', passed: n === 0, blocking: false, severity: 'warn' as const, message: `${String(n)} of 2`, metadata: { n, token: 'x' } },
    ]
    const client = await pool.connect()
    for (const [n, run] of [first, last].entries()) await recordChecks(client, { ...step, run_id: run }, found(n))
    client.release()
    const { assets } = (await getJson(`${api}/assets?location=checked`)).body as { assets: Record<string, unknown>[] }
    const shown = { name: 'reported', state: 'warned', message: '1 of 2', runId: last, metadata: { n: 1, token: '[redacted]' } }
    expect(assets[0]?.['checks']).toMatchObject([
      { name: 'not_empty', state: 'never run', last: null },
      { name: 'reported', kind: 'reported', state: 'warned', last: shown },
    ])
    expect((await getJson(`${api}/runs/${first}`)).body).toMatchObject({ checks: [{ name: 'reported', state: 'passed', message: '0 of 2' }] })
    const query = 'location=checked&asset=checked/sales&name=reported'
    expect((await getJson(`${api}/check-results?${query}`)).body).toMatchObject({ results: [shown, { state: 'passed', runId: first }] })
    expect((await getJson(`${api}/check-results?${query}&limit=1`)).body).toMatchObject({ results: [shown] })
    expect((await getJson(`${api}/check-results?${query}&limit=0`)).status).toBe(400)
  })

  test('are chosen by a selection, which is said to be wrong where it is', async ({ database }) => {
    const { api } = await start(database)
    await seedLocation(database.pool, 'shop')
    const choose = async (selection: string) => getJson(`${api}/assets?location=shop&select=${encodeURIComponent(selection)}`)
    const keysOf = async (selection: string) => ((await choose(selection)).body as { assets: { key: string }[] }).assets.map((one) => one.key)
    expect(await keysOf('shop/sales+ and not kind:table')).toEqual(['shop/totals'])
    expect(await keysOf('+shop/totals')).toEqual(['shop/sales', 'shop/totals'])
    expect(await choose('shop/sales or (')).toMatchObject({
      status: 422,
      body: { code: 'SELECTION_INVALID', detail: 'An asset is missing, at character 16 of the selection:\n  shop/sales or (\n                 ^' },
    })
    expect(await choose('shop/stock')).toMatchObject({ status: 404, body: { code: 'UNKNOWN_ASSET', detail: expect.stringContaining('shop/stock') } })
    expect(await getJson(`${api}/runs`, post({ assets: ['shop/sales and'], location: 'shop' }))).toMatchObject({
      status: 422,
      body: { code: 'SELECTION_INVALID' },
    })
    const launched = await getJson(`${api}/runs`, post({ assets: ['+shop/totals and kind:sql'], location: 'shop' }))
    expect(launched).toMatchObject({ status: 201, body: { assets: ['shop/totals'] } })
  })

  test('tell the destination that their tables are in', async ({ database }) => {
    const { api } = await start(database)
    await seedLocation(database.pool, 'abroad', shopElsewhere('abroad', 'finance'))
    const { body } = await getJson(`${api}/assets?location=abroad`)
    expect((body as { assets: { destination: string }[] }).assets.map(({ destination }) => destination)).toEqual(['finance', 'finance'])
  })

  test('follow a new manifest at once', async ({ database }) => {
    const { api } = await start(database)
    await seedLocation(database.pool, 'moving')
    const keys = async () => ((await getJson(`${api}/assets?location=moving`)).body as { assets: { key: string }[] }).assets.map((one) => one.key)
    expect(await keys()).toEqual(['moving/sales', 'moving/totals'])
    await database.pool.query(
      `INSERT INTO millrace.manifest (location, version, document) SELECT location, 'v2', document #- '{assets,1}' FROM millrace.manifest WHERE location = 'moving'`,
    )
    await database.pool.query(`UPDATE millrace.location SET version = 'v2' WHERE name = 'moving'`)
    expect(await keys()).toEqual(['moving/sales'])
  })
})

async function start(database: TestDatabase): Promise<{ api: string }> {
  const board = await startBoard({ pool: database.pool, queues: startQueues(database) })
  return { api: `${board.url}/api/v1` }
}

import { vi } from 'vitest'
import { currentManifests } from '../../src/catalog/manifests.ts'
import { createDatabase, describe, expect, onTestFinished, test } from '../support/test.ts'
import { seedBatches, seedLocation, seedQuarantine, seedRun, seedStep, shopElsewhere, shopManifest } from './seed.ts'
import { startBoard, startQueues } from './start.ts'

const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>`

/** A page's markup, however it is broken into lines. */
async function text(url: string, init?: RequestInit): Promise<string> {
  return oneLine(await fetch(url, init))
}

async function oneLine(response: Response): Promise<string> {
  return (await response.text()).replaceAll(/\s+/g, ' ')
}

describe('the overview', () => {
  test('says so where there is nothing yet', async ({ database }) => {
    const empty = await createDatabase()
    const board = await startBoard({ pool: empty.pool, queues: startQueues(database), databaseUrl: empty.url })
    const page = await text(board.url)
    expect(page).toMatch(/No asset is known yet[\s\S]*Nothing has run yet[\s\S]*No schedule is declared/)
    await board.close()
    await empty.pool.end()
  })

  test('shows assets, runs, schedules, notices, errors of definitions, and where no worker is alive', async ({ database }) => {
    const { pool } = database
    const board = await startBoard({ pool, queues: startQueues(database) })
    await seedLocation(pool, 'told', undefined, 'A simulator stands in for the API.')
    const error = JSON.stringify({ name: 'DefinitionError', code: 'KEY_TWICE', message: 'told/sales is defined twice.', hint: 'Rename one.' })
    await pool.query(`UPDATE millrace.location SET error = $1 WHERE name = 'told'`, [error])
    const runId = await seedRun(pool, { location: 'told', status: 'failed' })
    await pool.query(`INSERT INTO millrace.asset VALUES ('told', 'told/sales', $1, now(), '{"rows":1234567}')`, [runId])
    const page = await text(board.url)
    for (const part of [
      'told/sales',
      '1,234,567',
      'A simulator stands in',
      'told/sales is defined twice.',
      'Rename one.',
      'No worker is alive for',
      'told_hourly',
      'Europe/Paris',
      `/runs/${runId}`,
      'Materialize all',
    ]) {
      expect(page).toContain(part)
    }
    const next = /<td data-label="Next"><time datetime="([^"]+)"/.exec(page)?.[1] ?? ''
    expect(Date.parse(next)).toBeGreaterThan(Date.now())
    expect(Date.parse(next) % 3_600_000).toBe(0)
  })

  test('goes on where one location has definitions that another version of Millrace wrote, and says so', async ({ database }) => {
    const { pool } = database
    const board = await startBoard({ pool, queues: startQueues(database) })
    await seedLocation(pool, 'legible')
    await pool.query(
      `INSERT INTO millrace.manifest (location, version, document) VALUES ('cryptic', 'v9', '{"location": "cryptic", "assets": "by another rule"}')`,
    )
    await pool.query(`INSERT INTO millrace.location (name, version) VALUES ('cryptic', 'v9')`)
    const page = await text(board.url)
    expect(page).toContain('legible/sales')
    expect(page).toContain('The definitions of cryptic that are in force cannot be read by this version of Millrace.')
    expect((await fetch(`${board.url}/api/v1/assets`)).status).toBe(200)
    expect((await currentManifests(pool)).map(({ manifest }) => manifest.location)).toContain('legible')
    await expect(currentManifests(pool, 'cryptic')).rejects.toMatchObject({ code: 'MANIFEST_UNREADABLE' })
    await pool.query(`DELETE FROM millrace.location WHERE name = 'cryptic'`)
  })

  test('says which destination the table of an asset is in, unless it is the own database', async ({ database }) => {
    const { pool } = database
    const board = await startBoard({ pool, queues: startQueues(database) })
    await seedLocation(pool, 'home')
    await seedLocation(pool, 'abroad', shopElsewhere('abroad', 'finance'))
    const page = await text(board.url)
    expect(page).toContain('<span class="quiet">in finance</span>')
    expect(page).not.toContain('in default')
  })

  test('escapes whatever names and messages say', async ({ database }) => {
    const { pool } = database
    const board = await startBoard({ pool, queues: startQueues(database) })
    const manifest = JSON.parse(
      JSON.stringify(shopManifest('hostile'))
        .replaceAll('What was sold', JSON.stringify(hostile).slice(1, -1))
        .replaceAll('hostile/sales', JSON.stringify(`hostile/${hostile}`).slice(1, -1)),
    )
    await seedLocation(pool, 'hostile', manifest, hostile)
    const runId = await seedRun(pool, { location: 'hostile', assets: [hostile], config: { note: hostile } })
    const step = await seedStep(pool, {
      runId,
      location: 'hostile',
      asset: hostile,
      status: 'failed',
      error: { name: hostile, code: hostile, message: hostile, hint: hostile, cause: { name: 'E', code: 'X', message: hostile } },
    })
    await pool.query(`INSERT INTO millrace.event (run_id, step_id, asset, kind, message, data) VALUES ($1, $2, $3, 'log', $3, $4)`, [
      runId,
      step,
      hostile,
      JSON.stringify({ [hostile]: hostile }),
    ])
    const pages = await Promise.all([
      text(board.url),
      text(`${board.url}/runs/${runId}`),
      text(`${board.url}/materialize?location=hostile&assets=${encodeURIComponent('*')}`),
      text(`${board.url}/materialize?location=hostile&assets=${encodeURIComponent(hostile)}`, { headers: { accept: 'text/html' } }),
      text(`${board.url}/${encodeURIComponent(hostile)}`, { headers: { accept: 'text/html' } }),
    ])
    for (const page of pages) {
      expect(page).not.toMatch(/<script>|<img src=x/)
      expect(page).toMatch(/&lt;script&gt;|%3Cscript%3E/)
    }
  })
})

describe('the page of a run', () => {
  test('shows its job and partition, stages, rows, bytes, the errors with hint and causes, the log, and a way to cancel', async ({ database }) => {
    const { pool } = database
    const board = await startBoard({ pool, queues: startQueues(database) })
    await seedLocation(pool, 'watched')
    const runId = await seedRun(pool, { location: 'watched', config: { api_key: 'hunter2' } })
    const error = {
      name: 'SourceError',
      code: 'SOURCE_HTTP_STATUS',
      message: 'The source answered 500.',
      hint: 'Look at its log.',
      cause: { name: 'Error', code: 'X', message: 'socket hang up' },
    }
    const stepId = await seedStep(pool, {
      runId,
      location: 'watched',
      asset: 'watched/sales',
      status: 'retrying',
      error,
      nextAttemptAt: '2030-01-01T00:00:00Z',
    })
    await seedBatches(pool, stepId, ['loaded', 'encoded', 'recorded'])
    await pool.query(`UPDATE millrace.batch SET quarantined = 1200 WHERE step_id = $1 AND status <> 'recorded'`, [stepId])
    await pool.query(`INSERT INTO millrace.event (run_id, kind, level, message) VALUES ($1, 'log', 'warn', 'Trying again')`, [runId])
    const late = { name: 'MillraceError', code: 'RUN_TIMEOUT', message: 'It took longer than 5 s.' }
    await pool.query(`UPDATE millrace.run SET job = 'every_day', partitions = '{2026-11-20}', error = $2 WHERE id = $1`, [runId, JSON.stringify(late)])
    expect(await text(board.url)).toContain('every_day <span class="quiet">2026-11-20</span>')
    const page = await text(`${board.url}/runs/${runId}`)
    for (const part of [
      'extracted <b>3</b>',
      'transformed <b>2</b>',
      'loaded <b>1</b>',
      '2,400 in quarantine',
      '2.9 KiB',
      'The source answered 500.',
      'Look at its log.',
      'Caused by Error: socket hang up',
      'Trying again',
      '<dd>every_day</dd>',
      '<dd>2026-11-20</dd>',
      'It took longer than 5 s.',
      'Cancel this run',
      '[redacted]',
    ]) {
      expect(page).toContain(part)
    }
    expect(page).not.toContain('hunter2')
  })

  test('has a button that cancels it', async ({ database }) => {
    const { pool } = database
    const board = await startBoard({ pool, queues: startQueues(database) })
    await seedLocation(pool, 'halted')
    const runId = await seedRun(pool, { location: 'halted' })
    await seedStep(pool, { runId, location: 'halted', asset: 'halted/sales', status: 'waiting' })
    const response = await fetch(`${board.url}/runs/${runId}/cancel`, { method: 'POST', redirect: 'manual' })
    expect([response.status, response.headers.get('location')]).toEqual([303, `/runs/${runId}`])
    const { rows } = await pool.query(`SELECT status FROM millrace.run WHERE id = $1`, [runId])
    expect(rows[0].status).toMatch(/^cancel(ing|ed)$/)
  })

  test('has buttons that try it again: from what failed, and as a new run of all steps, of which two presses in a row launch one', async ({ database }) => {
    const { pool } = database
    const board = await startBoard({ pool, queues: startQueues(database) })
    await seedLocation(pool, 'again')
    const runId = await seedRun(pool, { location: 'again', status: 'failed' })
    await seedStep(pool, { runId, location: 'again', asset: 'again/sales', status: 'failed' })
    const page = await text(`${board.url}/runs/${runId}`)
    for (const act of ['retry', 'relaunch']) expect(page).toContain(`action="/runs/${runId}/${act}"`)
    const press = async (act: string, origin = board.url) => {
      const response = await fetch(`${board.url}/runs/${runId}/${act}`, { method: 'POST', redirect: 'manual', headers: { origin } })
      return { status: response.status, to: response.headers.get('location') }
    }
    const runs = async () =>
      (await pool.query<{ id: string; status: string }>(`SELECT id, status FROM millrace.run WHERE location = 'again' ORDER BY created_at`)).rows
    expect((await press('relaunch', 'http://elsewhere.example')).status).toBe(403)
    // What is pressed twice is told by stretches of ten seconds: both in one, however slow the machine.
    vi.useFakeTimers({ toFake: ['Date'], now: new Date() })
    onTestFinished(() => void vi.useRealTimers())
    const pressed = await Promise.all([press('relaunch'), press('relaunch')])
    const [, launched, ...others] = await runs()
    expect(others).toEqual([])
    const there = { status: 303, to: `/runs/${launched?.id ?? ''}` }
    expect(pressed).toEqual([there, there])
    vi.setSystemTime(Date.now() + 10_000)
    expect(await press('relaunch')).not.toEqual(there)
    expect(await runs()).toHaveLength(3)
    vi.useRealTimers()
    expect(await press('retry')).toEqual({ status: 303, to: `/runs/${runId}` })
    expect((await runs())[0]).toEqual({ id: runId, status: 'started' })
    expect(await text(`${board.url}/runs/${runId}`)).not.toContain(`/runs/${runId}/retry`)
    expect((await press('retry')).status).toBe(409)
    // One that another tries again is not tried again by itself.
    await pool.query(`UPDATE millrace.run SET status = 'failed', ended_at = now(), retried_by = $2 WHERE id = $1`, [runId, launched?.id])
    const retried = await text(`${board.url}/runs/${runId}`)
    expect(['retry', 'relaunch'].map((act) => retried.includes(`/runs/${runId}/${act}`))).toEqual([false, true])
  })

  test('is a 404 in words for a run that is not there', async ({ database }) => {
    const board = await startBoard({ pool: database.pool, queues: startQueues(database) })
    const response = await fetch(`${board.url}/runs/nothing`, { headers: { accept: 'text/html' } })
    expect(response.status).toBe(404)
    expect(await response.text()).toContain('There is no run nothing.')
  })
})

describe('the quarantine page', () => {
  test('shows what is wrong with each record of a run, escaped, in pages, and links to the download', async ({ database }) => {
    const { pool } = database
    const board = await startBoard({ pool, queues: startQueues(database) })
    await seedLocation(pool, 'sick')
    const runId = await seedRun(pool, { location: 'sick', status: 'succeeded' })
    const step = await seedStep(pool, { runId, location: 'sick', asset: 'sick/sales', status: 'succeeded' })
    for (let index = 0; index < 51; index += 1) {
      await seedQuarantine(pool, step, { index, place: `record ${String(index)} of page 1`, record: JSON.stringify({ id: hostile, index }), message: hostile })
    }
    await seedQuarantine(pool, step, { index: 51, place: 'record 51 of page 1', state: 'discarded' })
    await pool.query(`UPDATE millrace.batch SET quarantined = 52 WHERE step_id = $1`, [step])
    const address = `/quarantine?asset=sick%2Fsales&run=${runId}`
    const page = await text(`${board.url}${address}`)
    expect(page).toContain(`Records kept of <b>sick/sales</b>, found by the run <a href="/runs/${runId}"><code>${runId.slice(0, 8)}</code></a>`)
    expect(page).toContain(`record 0 of page 1 <a class="quiet" href="/runs/${runId}">run ${runId.slice(0, 8)}</a>`)
    expect(page).toMatch(/<td data-label="Since" class="moment">\s*<time datetime="\d{4}-/)
    expect(page).toContain(': 51.')
    expect(page).toContain('record 49 of page 1')
    expect(page).not.toContain('record 50 of page 1')
    expect(page).toContain('<b>id</b>: &lt;script&gt;')
    expect(page).not.toContain('<script>alert')
    const next = /href="([^"]+)" rel="next"/.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? ''
    const second = await text(`${board.url}${next}`)
    expect(second).toContain('record 50 of page 1')
    expect(second).not.toContain('rel="next"')
    const download = /href="([^"]+)" download/.exec(page)?.[1]?.replaceAll('&amp;', '&') ?? ''
    const lines = (await (await fetch(`${board.url}${download}`)).text()).trimEnd().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as { record: { index: number } }).record.index)).toEqual(Array.from({ length: 51 }, (_, index) => index))
    expect(await text(`${board.url}${address}&state=discarded`)).toContain('record 51 of page 1')
    expect(await text(`${board.url}${address}&state=redriven`)).toContain('There are no such records in quarantine.')
    expect((await fetch(`${board.url}/quarantine?run=nothing`)).status).toBe(400)
  })

  test('leads from any of its pages to the first one of another state, and shows the beginning of a long record', async ({ database }) => {
    const { pool } = database
    const board = await startBoard({ pool, queues: startQueues(database) })
    await seedLocation(pool, 'long')
    const runId = await seedRun(pool, { location: 'long', status: 'succeeded' })
    const step = await seedStep(pool, { runId, location: 'long', asset: 'long/sales', status: 'succeeded' })
    const first = await seedQuarantine(pool, step, { index: 0, state: 'discarded' })
    await seedQuarantine(pool, step, { index: 1, state: 'discarded', record: JSON.stringify('y'.repeat(3000)) })
    await seedQuarantine(pool, step, { index: 2, state: 'discarded', place: 'the third', record: JSON.stringify('z'.repeat(1998)) })
    const page = await text(`${board.url}/quarantine?asset=long%2Fsales&state=discarded&after=${first}`)
    expect(page).toContain('<b>discarded</b>')
    expect(page).not.toContain('<b>kept</b>')
    expect(page).toContain('<a href="/quarantine?asset=long%2Fsales">kept</a>')
    expect(page).toContain('<a href="/quarantine?asset=long%2Fsales&amp;state=redriven">redriven</a>')
    expect(page).toContain(`${'y'.repeat(1999)}…</pre>`)
    expect(page).not.toContain('y'.repeat(2000))
    expect(page).toContain(`${'z'.repeat(1998)}&quot;</pre>`)
    expect(page).toContain('<span class="quiet">it is &quot;x&quot;</span>')
    await pool.query(`UPDATE millrace.quarantine SET issues = '[{"column":"(line)","message":"no JSON","value":""}]' WHERE id = $1`, [first])
    const whole = await text(`${board.url}/quarantine?location=long&state=discarded`)
    expect(whole).toMatch(/<b>\(line\)<\/b>: no JSON<\/li>/)
    expect(whole).toContain('/api/v1/quarantine?location=long&amp;state=discarded" download')
  })

  test('keeps what was chosen on its later pages, and downloads all of it from there too', async ({ database }) => {
    const { pool } = database
    const board = await startBoard({ pool, queues: startQueues(database) })
    await seedLocation(pool, 'paged')
    const runId = await seedRun(pool, { location: 'paged', status: 'succeeded' })
    const step = await seedStep(pool, { runId, location: 'paged', asset: 'paged/sales', status: 'succeeded' })
    for (let index = 0; index < 50; index += 1) await seedQuarantine(pool, step, { index, state: 'discarded', place: `the place ${String(index)}` })
    const address = `${board.url}/quarantine?location=paged&state=discarded`
    const full = await text(address)
    expect(full).toContain('Records discarded in paged: 50.')
    // A page that is just full has none after it.
    expect(full).not.toContain('rel="next"')
    await seedQuarantine(pool, step, { index: 50, state: 'discarded', place: 'the last place' })
    const next = /href="([^"]+)" rel="next"/.exec(await text(address))?.[1]?.replaceAll('&amp;', '&') ?? ''
    const second = await text(`${board.url}${next}`)
    expect(second).toContain('Records discarded in paged: 51.')
    expect(second).toContain('the last place')
    expect(second).not.toContain('the place 49')
    expect(second).toContain('<a href="/api/v1/quarantine?location=paged&amp;state=discarded" download>')
  })

  test('is linked from the step of its run', async ({ database }) => {
    const { pool } = database
    const board = await startBoard({ pool, queues: startQueues(database) })
    await seedLocation(pool, 'linked')
    const runId = await seedRun(pool, { location: 'linked', status: 'succeeded' })
    const step = await seedStep(pool, { runId, location: 'linked', asset: 'linked/sales', status: 'succeeded' })
    await seedBatches(pool, step, ['loaded'])
    await pool.query(`UPDATE millrace.batch SET quarantined = 3 WHERE step_id = $1`, [step])
    expect(await text(`${board.url}/runs/${runId}`)).toContain(`<a href="/quarantine?asset=linked%2Fsales&amp;run=${runId}">3 in quarantine</a>`)
  })
})

describe('the materialize form', () => {
  test('is none for a location that there is not', async ({ database }) => {
    const board = await startBoard({ pool: database.pool, queues: startQueues(database) })
    const answer = await fetch(`${board.url}/materialize?location=nowhere&assets=*`, { headers: { accept: 'text/html' } })
    expect(answer.status).toBe(404)
    const shown = await oneLine(answer)
    expect(shown).toContain('There is no location nowhere that has assets.')
    expect(shown).not.toContain('<form')
  })

  test('has a labelled field per setting with its default, and launches one run however often it is sent', async ({ database }) => {
    const { pool } = database
    const board = await startBoard({ pool, queues: startQueues(database) })
    await seedLocation(pool, 'formed')
    const address = `${board.url}/materialize?location=formed&assets=formed%2Fsales`
    const page = await text(address)
    expect(page).toContain('<label for="config-source_csv_path">')
    expect(page).toMatch(/<input id="config-source_csv_path" name="config.source_csv_path"[^>]*type="url" value="http:\/\/localhost\/stock.csv"/)
    expect(page).toMatch(/aria-describedby="config-source_csv_path-help"/)
    const key = /name="idempotency_key" value="([^"]+)"/.exec(page)?.[1] ?? ''
    const send = (fields: Record<string, string>) =>
      fetch(`${board.url}/materialize`, {
        method: 'POST',
        redirect: 'manual',
        body: new URLSearchParams({ location: 'formed', assets: 'formed/sales', idempotency_key: key, ...fields }),
      })
    const wrong = await send({ 'config.source_csv_path': 'http://localhost/a.csv', 'config.limit': 'many' })
    expect(wrong.status).toBe(422)
    const shown = await oneLine(wrong)
    expect(shown).toMatch(/aria-invalid="true"[^>]*type="number"/)
    expect(shown).toMatch(/id="config-limit-error" class="error">This must be a whole number/)
    expect(shown).toContain('value="http://localhost/a.csv"')
    const refused = await oneLine(await send({ 'config.source_csv_path': 'no address' }))
    expect(refused).toMatch(/id="config-source_csv_path-error" class="error">source_csv_path of formed\/sales/)
    const first = await send({ 'config.source_csv_path': 'http://localhost/a.csv', 'config.limit': '5' })
    const second = await send({ 'config.source_csv_path': 'http://localhost/a.csv', 'config.limit': '5' })
    expect([first.status, second.status]).toEqual([303, 303])
    expect(second.headers.get('location')).toBe(first.headers.get('location'))
    const { rows } = await pool.query(`SELECT config, launched_by FROM millrace.run WHERE location = 'formed'`)
    expect(rows).toEqual([{ config: { source_csv_path: 'http://localhost/a.csv', limit: 5 }, launched_by: 'page' }])
  })
})

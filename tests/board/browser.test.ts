import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, waitFor } from '../support/test.ts'
import type { Manifest } from '../../src/definitions/manifest.ts'
import { seedBatches, seedLocation, seedQuarantine, seedRun, seedStep, seedWorker, shopManifest } from './seed.ts'
import { startBoard, startQueues } from './start.ts'

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const found = existsSync(executablePath)
if (!found) {
  const sentence = `No Chromium at ${executablePath}: install chromium, or set CHROMIUM to its path.`
  if (process.env['CI']) throw new Error(sentence)
  console.warn(`The tests in a browser are skipped. ${sentence}`)
}

describe.skipIf(!found)('in a browser', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
  })
  afterAll(() => browser.close())

  /** A page, and everything that went wrong on it. */
  async function open(url: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<{ page: Page; wrong: string[] }> {
    const context = await browser.newContext(options)
    const page = await context.newPage()
    const wrong: string[] = []
    page.on('pageerror', (error) => wrong.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') wrong.push(message.text())
    })
    await page.goto(url)
    return { page, wrong }
  }

  test('a person materializes an asset by keyboard, sees the run move, and cancels it', async ({ database }) => {
    const { pool } = database
    await seedLocation(pool, 'seen')
    const board = await startBoard({ pool, queues: startQueues(database) })
    // Where it is five in the morning: an hour has two digits, too.
    const ahead = ((41 - new Date().getUTCHours()) % 24) - 12
    const { page, wrong } = await open(board.url, { timezoneId: `Etc/GMT${ahead < 0 ? '+' : '-'}${String(Math.abs(ahead))}` })
    await page.getByRole('heading', { name: 'Assets' }).waitFor()
    await page.getByRole('link', { name: 'Materialize seen/sales' }).focus()
    await page.keyboard.press('Enter')
    const field = page.getByLabel('source_csv_path')
    await field.waitFor()
    expect(await field.inputValue()).toBe('http://localhost/stock.csv')
    await field.fill('not an address')
    await page.keyboard.press('Enter')
    // The browser itself says what is wrong with it, and sends nothing.
    expect(await page.evaluate<boolean>(`document.querySelector('input[type=url]').validity.typeMismatch`)).toBe(true)
    expect(new URL(page.url()).pathname).toBe('/materialize')
    await field.fill('http://localhost/mine.csv')
    await page.keyboard.press('Enter')
    await page.waitForURL(/\/runs\/[0-9a-f-]{36}$/)
    const runId = new URL(page.url()).pathname.split('/').at(-1) ?? ''
    await page.getByText('No live worker for the queue seen.load').waitFor()
    expect(await page.getByText('http://localhost/mine.csv').first().isVisible()).toBe(true)

    await seedWorker(pool, 'seen', ['extract', 'transform', 'load'])
    const { rows } = await pool.query(`UPDATE millrace.step SET status = 'extracting', started_at = clock_timestamp() WHERE run_id = $1 RETURNING id`, [runId])
    await seedBatches(pool, rows[0].id, ['loaded', 'encoded'])
    await pool.query(`SELECT pg_notify('millrace_change', '{}')`)
    await page.getByText('In the queue seen.extract.').waitFor()
    expect(await page.locator('.stages').textContent()).toMatch(/extracted\s+2….*transformed\s+2.*loaded\s+1/s)

    // In the zone of whoever looks, and in the form that the terminal has.
    const launched = page.locator('#summary time').first()
    const there = new Date(Date.parse((await launched.getAttribute('datetime')) ?? '') + ahead * 3_600_000).toISOString()
    expect(await launched.textContent()).toMatch(new RegExp(`^${there.slice(0, 19).replace('T', ' ')} (GMT|UTC)\\S*$`))

    await page.getByRole('button', { name: 'Cancel this run' }).click()
    await page.getByText('canceled', { exact: true }).first().waitFor()
    await page.getByRole('button', { name: 'Run all steps again' }).waitFor()
    expect(wrong).toEqual([])
    await page.context().close()
  })

  test('a change keeps the focus and what was unfolded', async ({ database }) => {
    const { pool } = database
    await seedLocation(pool, 'kept')
    const board = await startBoard({ pool, queues: startQueues(database) })
    const { page, wrong } = await open(board.url)
    await page.locator('summary', { hasText: 'kept/sales' }).click()
    await page.getByText('What was sold').first().waitFor()
    await page.getByRole('link', { name: 'Materialize kept/totals' }).focus()
    const runId = await seedRun(pool, { location: 'kept' })
    await seedStep(pool, { runId, location: 'kept', asset: 'kept/sales', status: 'extracting' })
    await waitFor(
      async () => {
        await pool.query(`SELECT pg_notify('millrace_change', '{}')`)
        return (await page.locator('#assets').getByText('extracting').count()) > 0
      },
      { what: 'the asset to show that it runs' },
    )
    expect(await page.getByText('What was sold').first().isVisible()).toBe(true)
    expect(await page.evaluate<string>('document.activeElement.textContent')).toContain('kept/totals')
    expect(wrong).toEqual([])
    await page.context().close()
  })

  test('fits screens of any width, light and dark, without scrolling sideways, whatever is unfolded', async ({ database }) => {
    const { pool } = database
    const name = `a_${'very_'.repeat(9)}long_name`
    const manifest = JSON.stringify(shopManifest('narrow')).replaceAll('"product"', JSON.stringify(name))
    await seedLocation(pool, 'narrow', JSON.parse(manifest) as Manifest, 'A simulator stands in.')
    const runId = await seedRun(pool, { location: 'narrow', status: 'failed' })
    const error = { name: 'DataError', code: 'X', message: `A message with one very long word: ${'x'.repeat(200)}`, stack: `at ${'a'.repeat(200)}\n  at b` }
    const columns = [{ column: name, nulls: 1, nullShare: 0.5, distinct: 1234, min: 'a '.repeat(32), max: 'z'.repeat(64), cut: ['max'] }]
    const stages = [{ stage: 'extract', batches: 1234, rows: 1e9, bytes: 1e12, seconds: 1e5, rowsPerSecond: 1e6 }]
    const result = { rows: 1, statistics: { columns, stages } }
    const stepId = await seedStep(pool, { runId, location: 'narrow', asset: 'narrow/sales', status: 'failed', error, result })
    await seedBatches(pool, stepId, ['loaded', 'recorded'])
    await pool.query(`INSERT INTO millrace.asset VALUES ('narrow', 'narrow/sales', $1, now(), $2)`, [runId, JSON.stringify(result)])
    await seedQuarantine(pool, stepId, { record: JSON.stringify({ id: 'x'.repeat(500) }), message: `is ${'long '.repeat(50)}` })
    const board = await startBoard({ pool, queues: startQueues(database) })
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const path of ['/', `/runs/${runId}`, '/materialize?location=narrow&assets=*', `/quarantine?run=${runId}`, '/backfills', '/notifications']) {
        const { page, wrong } = await open(`${board.url}${path}`, { colorScheme })
        await page.evaluate(`document.querySelectorAll('details').forEach((one) => { one.open = true })`)
        for (const width of colorScheme === 'light' ? [360, 962, 1280] : [360]) {
          await page.setViewportSize({ width, height: 740 })
          expect(await page.evaluate<number>('document.documentElement.scrollWidth'), `${path} at ${String(width)}`).toBeLessThanOrEqual(width)
          // What is told beside a long name is no column of single letters.
          const narrowest = await page.evaluate<number>(
            `Math.min(...[...document.querySelectorAll('dl:not(.facts) dd, td:not(.number), th[scope=row]')].map((one) => one.clientWidth))`,
          )
          expect(narrowest, `${path} at ${String(width)}`).toBeGreaterThan(30)
        }
        expect(wrong).toEqual([])
        await page.context().close()
      }
    }
  })

  test('Markdown of users is shown as markup, and nothing of it runs, fetches or leads astray', async ({ database }) => {
    const { pool } = database
    await seedLocation(pool, 'written')
    const text = [
      '# Sales <script>window.ran = 1</script>',
      '<img src=x onerror="window.ran = 2"> <svg onload="window.ran = 3"></svg> <b onmouseover="window.ran = 4">raw</b>',
      '<iframe src="javascript:window.ran = 5"></iframe>',
      '[script](javascript:window.ran=6) [coded](&#106;avascript:window.ran=7) [tab](java\tscript:window.ran=8) <javascript:window.ran=9>',
      '[data](data:text/html;base64,PHNjcmlwdD4=) [file](file:///etc/passwd) [own](/runs?x) [quoted](https://example.com/"onclick="window.ran=10)',
      '![pixel](https://example.com/pixel.png) ![inline](data:image/svg+xml,<svg/onload=window.ran=11>)',
      '[ref]: javascript:window.ran=12',
      '[ref] and [web](https://example.com/report "a \\" onfocus=window.ran=13 autofocus x=\\"")',
      `${'> '.repeat(500)}deep`,
      '| item | price |\n| --- | ---: |\n| <img src=y onerror=window.ran=14> | **2** |',
    ].join('\n\n')
    const runId = await seedRun(pool, { location: 'written', status: 'succeeded' })
    const stepId = await seedStep(pool, {
      runId,
      location: 'written',
      asset: 'written/notes',
      status: 'succeeded',
      result: { notes: { type: 'markdown', value: text } },
    })
    await pool.query(`UPDATE millrace.step SET kind = 'function' WHERE id = $1`, [stepId])
    const board = await startBoard({ pool, queues: startQueues(database) })
    const { page, wrong } = await open(`${board.url}/runs/${runId}`)
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    await page.evaluate(`document.querySelectorAll('details').forEach((one) => { one.open = true })`)
    const markdown = page.locator('.markdown')
    await markdown.getByRole('heading', { level: 4, name: 'Sales' }).waitFor()
    for (const link of await markdown.getByRole('link').all()) await link.hover()
    expect(await page.evaluate('window.ran')).toBeUndefined()
    expect(await markdown.locator('script, img, svg, iframe, b, [onclick], [onerror], [onload], [onfocus], [onmouseover], [style]').count()).toBe(0)
    expect(await markdown.locator('a').evaluateAll((links) => links.map((one) => one.getAttribute('href')))).toEqual([
      'https://example.com/%22onclick=%22window.ran=10',
      'https://example.com/pixel.png',
      'https://example.com/report',
    ])
    expect(await markdown.locator('td').evaluateAll((cells) => cells.map((one) => [one.getAttribute('data-label'), one.innerHTML]))).toEqual([
      ['item', '&lt;img src=y onerror=window.ran=14&gt;'],
      ['price', '<strong>2</strong>'],
    ])
    expect(asked.filter((url) => !url.startsWith(board.url))).toEqual([])
    expect(wrong).toEqual([])
    await page.context().close()
  })

  test('Bull Board works under our Content-Security-Policy, its retry included', async ({ database }) => {
    const { pool } = database
    await seedLocation(pool, 'boarded')
    const queues = startQueues(database)
    const board = await startBoard({ pool, queues })
    const queue = queues.queue('boarded', 'ops')
    const job = await queue.add('probe', { stepId: 'x', password: 'hunter2' })
    let fail = true
    const worker = queues.connection.createWorker('boarded.ops', () => (fail ? Promise.reject(new Error('first time')) : Promise.resolve('done')), {})
    worker.on('error', () => undefined)
    try {
      await waitFor(async () => (await job.getState()) === 'failed', { what: 'the job to fail' })
      const { page, wrong } = await open(`${board.url}/queues/queue/boarded.ops?status=failed`)
      await page.getByText('probe').first().waitFor()
      expect(await page.content()).not.toContain('hunter2')
      fail = false
      await page.getByRole('button', { name: 'Retry all' }).click()
      const dialog = page.getByRole('alertdialog').or(page.getByRole('dialog'))
      await dialog.getByRole('button', { name: 'Confirm' }).click()
      await waitFor(async () => (await job.getState()) === 'completed', { what: 'the retried job to complete' })
      expect(wrong).toEqual([])
      await page.context().close()
    } finally {
      await worker.close()
    }
  })
})

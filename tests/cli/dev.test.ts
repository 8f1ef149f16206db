import { createServer } from 'node:http'
import { join } from 'node:path'
import pg from 'pg'
import { atFileEnd, describe, expect, freePort, spawnMillrace, temporaryFolder, test, waitFor } from '../support/test.ts'
import type { SpawnedMillrace } from '../support/test.ts'
import { familyOf, listProcesses, living } from './process-list.ts'

/** Rows of a table; undefined while there is no table. */
async function count(url: string, table: string): Promise<number | undefined> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${table}`)
    return rows[0]?.n
  } catch (error) {
    if (error instanceof pg.DatabaseError && (error.code === '42P01' || error.code === '3F000')) return undefined
    throw error
  } finally {
    await client.end()
  }
}

describe('millrace dev', () => {
  /** Sends Ctrl-C, and says how long it took and what was left. */
  /** What a worker elsewhere may take to end; here it is given less. */
  const drainMs = 20_000

  async function interrupt(dev: SpawnedMillrace, home: string) {
    const family = familyOf(dev.pid)
    expect(family.length).toBeGreaterThan(3)
    const begun = performance.now()
    // Twice, as where npm hands on what the terminal has sent already.
    dev.kill('SIGINT')
    dev.kill('SIGINT')
    const { code } = await dev.exited
    return { code, ms: performance.now() - begun, left: [...living(family), ...listProcesses().filter((one) => one.command.includes(home))] }
  }

  test('shows rows with nobody clicking, ends with Ctrl-C in order, and goes on with the same data', { timeout: 120_000 }, async () => {
    const home = join(await temporaryFolder(), '.millrace')
    const port = await freePort()
    const env = { MILLRACE_HOME: home, PORT: String(port) }
    const dev = spawnMillrace(['dev', '--no-watch'], env)
    await dev.waitForOutput(/Board {6}http:\/\/localhost:\d+|Board {6}http:\/\/127\.0\.0\.1:\d+/)
    // From the first moment on it answers: that the database is being started, then the assets.
    const early = await (await fetch(`http://127.0.0.1:${String(port)}/`)).text()
    expect(early).toContain('Millrace')
    await waitFor(async () => (await fetch(`http://127.0.0.1:${String(port)}/`)).status === 200, { what: 'the page of the assets' })
    await dev.waitForOutput(/Database {3}postgres/)
    const printed = spawnMillrace(['url'], env)
    await printed.exited
    const url = printed.stdout().trim()
    const rows = await waitFor(async () => (await count(url, 'tailscale.devices')) || null, { what: 'rows of tailscale/devices', timeoutMs: 60_000 })
    expect(rows).toBeGreaterThan(100)
    await dev.waitForOutput(/Note .*Tailscale/i)
    await dev.waitForOutput(/Scheduled {2}tailscale: tailscale_schedule \(\*\/30 \* \* \* \* UTC\), next \d{4}-/)
    await dev.waitForOutput(/Scheduled {2}tailscale: tailscale_device_deletion_schedule \(0 16 \* \* \* UTC\), stopped/)
    expect(await waitFor(async () => (await fetch(`http://127.0.0.1:${String(port)}/readyz`)).status === 200, { what: 'readyz' })).toBe(true)

    const twin = spawnMillrace(['dev', '--no-watch'], env)
    expect((await twin.exited).code).toBe(2)
    expect(twin.stderr()).toContain(`Millrace is already running in ${join(home, 'database')}`)
    expect(twin.stderr()).toContain('→')

    // Beside the installation that runs: its worker does the run.
    const beside = spawnMillrace(['materialize', '+tailscale/devices', '--json'], env)
    expect(await beside.exited).toMatchObject({ code: 0 })
    expect(JSON.parse(beside.stdout())).toMatchObject({ status: 'succeeded' })
    expect(beside.stderr()).not.toContain('starting')
    await waitFor(async () => (await count(url, `millrace.run WHERE status = 'started'`)) === 0, { what: 'all runs to be over' })
    const before = (await count(url, 'tailscale.devices')) ?? 0
    expect(before).toBeGreaterThanOrEqual(rows * 2 - 20)

    const end = await interrupt(dev, home)
    expect(end.left).toEqual([])
    expect(end.code).toBe(0)
    expect(end.ms).toBeLessThan(drainMs)

    const second = spawnMillrace(['dev', '--no-watch'], env)
    await second.waitForOutput(/Ctrl-C ends it/)
    const reprinted = spawnMillrace(['url'], env)
    await reprinted.exited
    expect(await count(reprinted.stdout().trim(), 'tailscale.devices')).toBe(before)
    // The first start is over: no tick of it comes again.
    expect(await count(reprinted.stdout().trim(), `millrace.tick WHERE schedule = 'tailscale_schedule' AND cause = 'first start'`)).toBe(1)
    const ended = await interrupt(second, home)
    expect(ended).toMatchObject({ code: 0, left: [] })
    expect(ended.ms).toBeLessThan(drainMs)
  })

  test('whose port is taken says so and how to choose another, and leaves nothing running', async () => {
    const home = join(await temporaryFolder(), '.millrace')
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    atFileEnd(() => void server.close())
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const dev = spawnMillrace(['dev'], { MILLRACE_HOME: home, PORT: String(port) })
    expect(await dev.exited).toMatchObject({ code: 2 })
    expect(dev.stderr()).toContain(`Port ${String(port)} on 127.0.0.1 is taken by another program. (PORT_TAKEN)`)
    expect(dev.stderr()).toContain('PORT=')
    expect(listProcesses().filter((one) => one.command.includes(home))).toEqual([])
  })

  test('that is interrupted while it starts ends in order', async () => {
    const home = join(await temporaryFolder(), '.millrace')
    const dev = spawnMillrace(['dev', '--no-watch'], { MILLRACE_HOME: home, PORT: String(await freePort()), LOG_FORMAT: 'pretty' })
    await dev.waitForOutput(/^Database {3}/m)
    const end = await interrupt(dev, home)
    expect(dev.stderr()).not.toMatch(/^\{/m)
    expect(end.left).toEqual([])
    expect(end.ms).toBeLessThan(drainMs)
  })
})

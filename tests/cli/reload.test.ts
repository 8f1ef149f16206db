import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { expect, freePort, spawnMillrace, test, waitFor } from '../support/test.ts'
import { createProject, definitionsOf } from './project.ts'

const Locations = z.object({
  locations: z.array(
    z.object({ name: z.string(), version: z.string().nullable(), error: z.object({ message: z.string() }).nullable(), workers: z.record(z.string(), z.int()) }),
  ),
})

/** Runs assets over the API. */
function runsAt(base: string) {
  const RunId = z.object({ id: z.string() })
  const headers = { 'content-type': 'application/json' }
  const launch = async (asset: string) =>
    RunId.parse(await (await fetch(`${base}/api/v1/runs`, { method: 'POST', headers, body: JSON.stringify({ assets: [asset] }) })).json()).id
  const statusOf = async (id: string) => z.object({ status: z.string() }).parse(await (await fetch(`${base}/api/v1/runs/${id}`)).json()).status
  const ended = async (id: string) => waitFor(async () => (await statusOf(id)) === 'succeeded', { what: 'the run to succeed' })
  return { launch, statusOf, ended }
}

test('dev takes over what is saved; what does not load leaves the last definitions in force and at work, and is told of until it does', async ({
  database,
}) => {
  const text = (id: number) => definitionsOf('shop', `yield [{ id: ${String(id)} }]`)
  const { folder, pipelines } = await createProject({ shop: text(1) })
  const file = join(pipelines, 'shop/definitions.ts')
  const port = String(await freePort())
  const env = { DATABASE_URL: database.url, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder, PORT: port }
  const dev = spawnMillrace(['dev'], env)
  await dev.waitForOutput(/Ctrl-C ends it/)
  const base = `http://127.0.0.1:${port}`
  const shop = async () => {
    const { locations } = Locations.parse(await (await fetch(`${base}/api/v1/locations`)).json())
    return locations.find(({ name }) => name === 'shop')
  }
  const { launch, ended } = runsAt(base)
  const run = async () => ended(await launch('shop/rows'))
  const ids = async () => (await database.pool.query<{ id: number }>('SELECT id::int FROM shop.rows ORDER BY id')).rows.map(({ id }) => id)
  const first = await waitFor(async () => (await shop())?.version, { what: 'the first version' })
  await run()

  await writeFile(file, text(2))
  const second = await waitFor(
    async () => {
      const now = await shop()
      // The new one works alone.
      return now?.version !== first && now?.version !== undefined && JSON.stringify(now?.workers) === JSON.stringify({ [String(now?.version)]: 1 })
        ? now.version
        : null
    },
    { what: 'the second version' },
  )
  await run()
  expect(await ids()).toEqual([1, 2])

  await writeFile(file, text(3).replace('const rows = table(', 'const rows = = table('))
  const broken = await waitFor(async () => (await shop())?.error?.message, { what: 'the fault' })
  expect(broken).toMatch(/definitions\.ts:4:14\)$/)
  await dev.waitForOutput(/definitions\.ts:4:14/)
  await dev.waitForOutput(/the version that loaded last stays in force/)
  await dev.waitForOutput(/"broken":\["shop"\],"msg":"reloaded, but for/)
  expect(await (await fetch(base)).text()).toContain('definitions.ts:4:14')
  expect(await shop()).toMatchObject({ version: second, workers: { [second]: 1 } })
  await run()
  expect(await ids()).toEqual([1, 2, 2])

  await writeFile(file, text(4))
  await waitFor(async () => (await shop())?.error === null && (await shop())?.version !== second, { what: 'the mended version' })
  await run()
  expect(await ids()).toEqual([1, 2, 2, 4])
  expect(await (await fetch(base)).text()).not.toContain('did not load')
  dev.kill('SIGINT')
  expect(await dev.exited).toMatchObject({ code: 0 })
})

test(
  'a save of definitions or of .env is at work at once, and functions that run are left to end; Ctrl-C waits for none',
  { timeout: 120_000 },
  async ({ database }) => {
    const { folder, pipelines } = await createProject({})
    const gate = join(folder, 'gate')
    const text = (version: number) => `import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { asset, defineLocation } from 'millrace'
import { jsonFiles } from 'millrace/io'

const io = jsonFiles({ folder: ${JSON.stringify(folder)} })
const slow = asset({
  key: 'lab/slow',
  io,
  run: async ({ log, signal }) => {
    log('slow has begun')
    while (!existsSync(${JSON.stringify(gate)})) await sleep(20, undefined, { signal })
    return ${String(version)}
  },
})
const said = asset({ key: 'lab/said', io, run: () => [${String(version)}, process.env['LAB_TOKEN'] ?? null, process.env['LAB_OWN'] ?? null] })
export default defineLocation({ name: 'lab', assets: [slow, said] })
`
    const save = async (version: number) => {
      await mkdir(join(pipelines, 'lab'), { recursive: true })
      await writeFile(join(pipelines, 'lab/definitions.ts'), text(version))
    }
    const port = String(await freePort())
    await save(1)
    await writeFile(join(folder, '.env'), `LAB_TOKEN=one\nLAB_OWN=of the file\nPORT=${port}\nDATABASE_URL=${database.url}\n`)
    const dev = spawnMillrace(['dev'], { MILLRACE_HOME: folder, LAB_OWN: 'of the shell' }, { cwd: folder })
    await dev.waitForOutput(/Ctrl-C ends it/)
    const { launch, statusOf, ended } = runsAt(`http://127.0.0.1:${port}`)
    const valueOf = async (key: string): Promise<unknown> => JSON.parse(await readFile(join(folder, key, 'value.json'), 'utf8'))
    const says = async (wanted: readonly unknown[]) =>
      waitFor(
        async () => {
          await ended(await launch('lab/said'))
          return JSON.stringify(await valueOf('lab/said')) === JSON.stringify(wanted)
        },
        { what: `functions that see ${JSON.stringify(wanted)}` },
      )
    const eventsOf = async (id: string) =>
      (await database.pool.query<{ kind: string }>('SELECT kind FROM millrace.event WHERE run_id = $1 ORDER BY id', [id])).rows.map(({ kind }) => kind)
    await says([1, 'one', 'of the shell'])
    const slow = await launch('lab/slow')
    await dev.waitForOutput(/slow has begun/)

    await writeFile(join(folder, '.env'), `LAB_TOKEN=two\nLAB_OWN=of the file\nPORT=1\nDATABASE_URL=${database.url}\n`)
    await says([1, 'two', 'of the shell'])
    await dev.waitForOutput(/"settings":\["PORT"\]/)
    await save(2)
    await says([2, 'two', 'of the shell'])
    await writeFile(join(folder, '.env'), '')
    await says([2, null, 'of the shell'])
    await dev.waitForOutput(/"settings":\["DATABASE_URL","PORT"\]/)
    expect(await statusOf(slow)).toBe('started')
    await writeFile(gate, '')
    await ended(slow)
    expect(await valueOf('lab/slow')).toBe(1)
    expect(await eventsOf(slow)).not.toContain('stopped')

    await rm(gate)
    const cut = await launch('lab/slow')
    await dev.waitForOutput(/slow has begun[^]*slow has begun/)
    await save(3)
    await says([3, null, 'of the shell'])
    dev.kill('SIGINT')
    expect(await dev.exited).toMatchObject({ code: 0 })
    expect(await eventsOf(cut)).toContain('stopped')
    // Whoever reads it without a terminal gets lines of one form.
    for (const line of dev.stderr().trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ msg: expect.any(String) })
  },
)

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { expect, freePort, spawnMillrace, test, waitFor } from '../support/test.ts'
import { createProject, definitionsOf } from './project.ts'

const Locations = z.object({
  locations: z.array(
    z.object({ name: z.string(), version: z.string().nullable(), error: z.object({ message: z.string() }).nullable(), workers: z.record(z.string(), z.int()) }),
  ),
})

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
  const run = async () => {
    const headers = { 'content-type': 'application/json' }
    const launched = await fetch(`${base}/api/v1/runs`, { method: 'POST', headers, body: JSON.stringify({ assets: ['shop/rows'] }) })
    const { id } = z.object({ id: z.string() }).parse(await launched.json())
    const status = async () => z.object({ status: z.string() }).parse(await (await fetch(`${base}/api/v1/runs/${id}`)).json()).status
    await waitFor(async () => (await status()) === 'succeeded', { what: 'the run to succeed' })
  }
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
  await dev.waitForOutput(/what did not load stays as it was/)
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

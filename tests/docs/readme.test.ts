import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createProject } from '../cli/project.ts'
import { describe, expect, spawnMillrace, startHttpServer, test } from '../support/test.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const pipeline = /^```ts\n([^]*?)^```$/m.exec(readme)?.[1] ?? ''

/** The shop that the pipeline reads: pages of 40 orders, the last one half full, then an empty one. */
const orders = Array.from({ length: 100 }, (_, index) => ({
  id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
  placedAt: '2026-11-01T08:00:00Z',
  country: index % 2 === 0 ? 'FR' : 'DE',
  cents: index, // the first one is worth nothing and is filtered
}))
const pageSize = 40

describe('the pipeline of README.md', () => {
  test('has at most 30 lines', () => {
    const lines = pipeline.trimEnd().split('\n')
    expect(lines.length).toBeGreaterThan(15)
    expect(lines.length).toBeLessThanOrEqual(30)
  })

  test('compiles under the settings of the project', async () => {
    const { folder } = await createProject({ shop: pipeline })
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions: { typeRoots: [join(root, 'node_modules/@types')] }, include: ['pipelines'] }),
    )
    const answer = await promisify(execFile)(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]).catch(
      (error: Error & { stdout?: string }) => ({ stdout: error.stdout ?? error.message }),
    )
    expect(answer.stdout).toBe('')
  })

  test('loads what its source serves, filters what its transform leaves out, and computes what depends on it', async ({ database }) => {
    const asked: string[] = []
    const shop = await startHttpServer((request, response) => {
      const page = Number(new URL(request.url ?? '', 'http://shop').searchParams.get('page'))
      asked.push(request.url ?? '')
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ orders: orders.slice((page - 1) * pageSize, page * pageSize) }))
    })
    const { folder, pipelines } = await createProject({ shop: pipeline })
    const config = JSON.stringify({ url: `${shop.url}/api/orders` })
    const env = { DATABASE_URL: database.url, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder }
    const run = spawnMillrace(['materialize', 'shop/orders', 'shop/revenue', '--config', config, '--json'], env)
    expect(await run.exited, run.output()).toMatchObject({ code: 0 })
    expect(asked).toEqual([1, 2, 3, 4].map((page) => `/api/orders?page=${String(page)}`))
    const { rows } = await database.pool.query(
      `SELECT count(*)::int AS orders, count(DISTINCT id)::int AS ids, sum(total)::text AS total, (SELECT count(*)::int FROM shop.revenue) AS countries FROM shop.orders`,
    )
    expect(rows).toEqual([{ orders: 99, ids: 99, total: '49.50', countries: 2 }])
  })
})

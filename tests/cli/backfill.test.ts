import { join } from 'node:path'
import { createDatabase, describe, expect, spawnMillrace, test } from '../support/test.ts'
import { createProject } from './project.ts'

const definitions = `import { asset, defineLocation, dailyPartitions, dynamicPartitions, graph, graphAsset, job, op } from 'millrace'
import { jsonFiles } from 'millrace/io'
import { existsSync } from 'node:fs'
import * as z from 'zod'

const io = jsonFiles({ folder: process.env.VALUES })
const days = dailyPartitions({ start: '2026-01-01', end: '2026-01-11' })
const sales = asset({
  key: 'shop/sales', partitions: days, io, retry: { retries: 0 },
  run: ({ partition }) => {
    if (partition.key === '2026-01-03' && !existsSync(process.env.VALUES + '/mended')) throw new Error('the file is torn')
    return 1
  },
})
const slow = asset({ key: 'shop/slow', partitions: days, io, run: ({ signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))) })
const branches = asset({ key: 'shop/branches', partitions: dynamicPartitions('branches'), io, run: () => 1 })
const say = op({ name: 'say', output: z.string(), run: ({ partition }) => partition.key })
const said = graphAsset({ key: 'shop/said', partitions: days, io, graph: graph({ name: 'saying', compose: () => say() }) })
const telling = job({ name: 'telling', graph: say, partitions: days })
export default defineLocation({ name: 'shop', assets: [sales, slow, branches, said], jobs: [telling] })
`

describe('millrace backfill', () => {
  test('by itself makes partitions, says what failed, lists and shows it, makes it again, and wipes', async () => {
    const database = await createDatabase()
    const { folder, pipelines } = await createProject({ shop: definitions })
    const env = { DATABASE_URL: database.url, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder, VALUES: join(folder, 'values') }
    const millrace = async (...args: string[]) => {
      const run = spawnMillrace(args, env)
      const { code } = await run.exited
      return { code, stdout: run.stdout(), stderr: run.stderr() }
    }
    for (const [args, message] of [
      [['shop/sales'], 'Say which: --partitions FROM..TO, --all or --missing.'],
      [['shop/sales', '--all', '--per-run', '0'], 'At least 1.'],
      [['shop/sales', '--job', 'telling', '--all'], 'Say what: assets, or --job NAME.'],
    ] as const) {
      expect(await millrace('backfill', ...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) as string })
    }
    const failed = await millrace('backfill', 'shop/sales', '--partitions', '2026-01-02..2026-01-04', '--tag', 'why=test')
    expect(failed.code).toBe(1)
    expect(failed.stdout).toMatch(/failed {2}2 of 3 · 1 failed/)
    expect(failed.stderr).toMatch(
      /shop\/sales 2026-01-03 \(run ([0-9a-f]{8})\): the file is torn\n`millrace runs show \1` tells what happened, `millrace backfills retry [0-9a-f]{8}` /,
    )
    const id = /Backfill ([0-9a-f-]{36}) failed after/.exec(failed.stdout)?.[1] ?? ''

    const short = id.slice(0, 8)
    // A process takes most of a second to start: those that only look do so at once.
    const [list, show, stretches, failures, towns, unsure] = await Promise.all([
      millrace('backfills', 'list'),
      millrace('backfills', 'show', short),
      millrace('partitions', 'list', 'shop/sales'),
      millrace('partitions', 'list', 'shop/sales', '--status', 'failed', '--json'),
      millrace('partitions', 'keys', 'towns'),
      millrace('assets', 'wipe', 'shop/sales'),
    ])
    expect(list.stdout).toMatch(new RegExp(`${id} +failed +2 of 3 · 1 failed .* cli `))
    for (const part of ['why=test', 'shop/sales', 'daily', 'the file is torn']) expect(show.stdout).toContain(part)
    expect(stretches.stdout).toMatch(
      /2026-01-01 +2026-01-01 +1 +missing\n2026-01-02 +2026-01-02 +1 +materialized\n2026-01-03 +2026-01-03 +1 +failed\n[^]*2 of 10 · 1 failed/,
    )
    expect(JSON.parse(failures.stdout)).toMatchObject({
      count: 10,
      counts: { materialized: 2, failed: 1 },
      stretches: [{ from: '2026-01-03', to: '2026-01-03', count: 1, status: 'failed' }],
    })
    expect(towns.stderr).toContain('There are: branches.')
    expect(unsure).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') as string })

    const [retried, wiped, added] = await Promise.all([
      millrace('backfills', 'retry', short),
      millrace('assets', 'wipe', 'shop/sales', '--partition', '2026-01-02', '--yes'),
      millrace('partitions', 'add', 'branches', 'oslo', 'bern'),
    ])
    expect(retried.stdout).toContain('1 partition is made again.')
    expect(wiped.stdout).toBe('1 partition of shop/sales was wiped.\n')
    expect(added.stdout).toBe('2 keys added.\n')
    const [canceled, removed] = await Promise.all([millrace('backfills', 'cancel', short), millrace('partitions', 'remove', 'branches', 'oslo', 'rome')])
    expect(canceled.stdout).toBe(`Backfill ${id} was canceled.\n`)
    expect(removed.stdout).toBe('1 key removed.\n')
    const [again, keys] = await Promise.all([millrace('backfills', 'cancel', id), millrace('partitions', 'keys', 'branches', '--json')])
    expect(again.stderr).toContain('BACKFILL_ENDED')
    expect(JSON.parse(keys.stdout)).toMatchObject([{ key: 'bern' }])

    const slow = spawnMillrace(['backfill', 'shop/slow', '--all', '--runs-at-once', '2'], env)
    await slow.waitForOutput(/0 of 10 · 2 running/)
    slow.kill('SIGINT')
    expect(await slow.exited).toMatchObject({ code: 130 })
    expect(slow.stdout()).toMatch(/canceled {2}0 of 10 · 10 canceled/)

    // What one run makes one by one is made by a backfill, whichever command is told to.
    for (const [args, what] of [
      [['launch', 'telling', '--partitions', '2026-01-02..2026-01-03'], 'job telling'],
      [['materialize', 'shop/said', '--partitions', '2026-01-04..2026-01-05'], 'shop/said'],
    ] as const) {
      const split = await millrace(...args)
      expect(split).toMatchObject({ code: 0, stderr: expect.stringContaining('each by a run of its own') as string })
      const name = /Backfill ([0-9a-f-]{36}) succeeded after/.exec(split.stdout)?.[1] ?? ''
      const shown = await millrace('backfills', 'show', name)
      expect(shown.stdout).toMatch(new RegExp(`${what} +daily +2 of 2`))
    }
    const [one, unsaid, told, never, jobs] = await Promise.all([
      millrace('launch', 'telling', '--partition', '2026-01-05', '--json'),
      millrace('launch', 'telling'),
      millrace('partitions', 'list', '--job', 'telling', '--status', 'succeeded'),
      millrace('partitions', 'list', '--job', 'telling', '--status', 'materialized'),
      millrace('jobs', 'list'),
    ])
    expect(jobs.stdout).toContain('graph say, 1 step, daily partitions')
    expect(one.code).toBe(0)
    expect(unsaid).toMatchObject({ code: 2, stderr: expect.stringContaining('--partition 2026-01-10') as string })
    expect(never).toMatchObject({ code: 2, stderr: expect.stringContaining('succeeded, failed, canceled or running') as string })
    expect(told.stdout).toMatch(/2026-01-02 +2026-01-03 +2 +succeeded\n/)
    await database.pool.end()
  })
})

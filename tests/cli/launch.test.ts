import { describe, expect, spawnMillrace, test } from '../support/test.ts'
import { createProject } from './project.ts'

const definitions = `import { defineLocation, graph, job, op, schedule } from 'millrace'
import * as z from 'zod'

const add = op({ name: 'add', inputs: { n: z.number() }, config: z.object({ by: z.number().default(1) }), output: z.number(), retry: { retries: 0 }, run: ({ inputs, config }) => {
  if (config.by === 0) throw new Error('by nothing')
  return inputs.n + config.by
} })
const twice = graph({ name: 'twice', compose: () => add({ n: add({ n: 1 }) }) })

const sumJob = job({ name: 'sum_job', graph: twice, description: 'Adds twice' })
const byNothing = schedule({ name: 'by_nothing', cron: '0 0 1 1 *', job: sumJob, config: { by: 0 }, retries: 1, retryFrom: 'start' })
export default defineLocation({ name: 'sums', jobs: [sumJob], schedules: [byNothing], runs: { retryDelayMs: 10 } })
`

describe('millrace launch', () => {
  test('runs a job, fails as it fails, and tries it again', { timeout: 60_000 }, async ({ database }) => {
    const { folder, pipelines } = await createProject({ sums: definitions })
    const millrace = (...args: readonly string[]) =>
      spawnMillrace([...args], { DATABASE_URL: database.url, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder })
    const done = millrace('launch', 'sum_job', '--json', '--tag', 'team=x')
    expect(await done.exited).toMatchObject({ code: 0 })
    expect(JSON.parse(done.stdout())).toMatchObject({
      status: 'succeeded',
      steps: [
        { asset: 'add', status: 'succeeded' },
        { asset: 'add_2', status: 'succeeded' },
      ],
    })

    const failed = millrace('launch', 'sum_job', '--config', '{"ops":{"add_2":{"config":{"by":0}}}}')
    expect(await failed.exited).toMatchObject({ code: 1 })
    expect(failed.stdout()).toMatch(/add +succeeded/)
    expect(failed.stderr()).toMatch(/✗ by nothing\n {2}at \/.*\/sums\/definitions\.ts:5:30\n/)
    expect(failed.stderr()).toMatch(/`millrace runs show ([0-9a-f]{8})` tells what happened, `millrace runs retry \1` goes on from what failed, once .*\n$/)

    const jobs = millrace('jobs', 'list')
    expect(await jobs.exited).toMatchObject({ code: 0 })
    expect(jobs.stdout()).toMatch(/sum_job +sums +graph twice, 2 steps +Adds twice/)

    const { rows } = await database.pool.query<{ id: string; status: string }>(`SELECT id, status FROM millrace.run ORDER BY created_at`)
    expect(rows.map(({ status }) => status)).toEqual(['succeeded', 'failed'])
    const retried = millrace('runs', 'retry', rows[1]?.id ?? '')
    expect(await retried.exited).toMatchObject({ code: 0 })
    const { rows: steps } = await database.pool.query(`SELECT asset, status, attempt FROM millrace.step WHERE run_id = $1 ORDER BY asset`, [rows[1]?.id])
    expect(steps).toEqual([
      { asset: 'add', status: 'succeeded', attempt: 1 },
      { asset: 'add_2', status: 'running', attempt: 2 },
    ])
    const again = millrace('runs', 'retry', rows[0]?.id ?? '', '--all')
    expect(await again.exited).toMatchObject({ code: 0 })
    const [, id = ''] = /^Run (\S{36}) is launched, with all steps of /.exec(again.stdout()) ?? []
    expect((await database.pool.query('SELECT job, tags FROM millrace.run WHERE id = $1', [id])).rows).toEqual([
      { job: 'sum_job', tags: { team: 'x', 'dagster/parent_run_id': rows[0]?.id } },
    ])
    const anew = millrace('schedules', 'tick', 'by_nothing')
    expect(await anew.exited).toMatchObject({ code: 1 })
    const [first, second, ...more] = Array.from(anew.stdout().matchAll(/^Run (\S{36}) failed after/gm), ([, run]) => run)
    expect([more, (await database.pool.query('SELECT retried_by FROM millrace.run WHERE id = $1', [first])).rows]).toEqual([[], [{ retried_by: second }]])
    const tried = `he run ${second ?? ''} tries it again from its start.\n`
    expect(anew.stdout()).toContain(`\nT${tried}`)
    const explained = millrace('explain', first ?? '')
    expect(await explained.exited).toMatchObject({ code: 0 })
    expect(explained.stdout()).toContain(`: by nothing. T${tried}`)
    const unknown = millrace('launch', 'other_job')
    expect(await unknown.exited).toMatchObject({ code: 2 })
    expect(unknown.stderr()).toContain('There is no job other_job')
  })
})

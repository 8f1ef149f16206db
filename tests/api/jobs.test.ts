import * as z from 'zod'
import { publishManifest } from '../../src/catalog/manifests.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { graph } from '../../src/definitions/ops/graph.ts'
import { job } from '../../src/definitions/ops/job.ts'
import { op } from '../../src/definitions/ops/op.ts'
import { staticPartitions } from '../../src/definitions/partitions/partitions.ts'
import { getJson, startBoard, startQueues } from '../board/start.ts'
import { describe, expect, test } from '../support/test.ts'

const add = op({
  name: 'add',
  inputs: { n: z.number() },
  config: z.object({ by: z.number().default(1) }),
  output: z.number(),
  run: ({ inputs, config }) => inputs.n + config.by,
})
const twice = graph({ name: 'twice', compose: () => add({ n: add({ n: 1 }) }) })
const parted = job({ name: 'parted', graph: twice, partitions: staticPartitions(['eu', 'us']) })
const location = defineLocation({ name: 'sums', jobs: [job({ name: 'sum_job', graph: twice, config: { by: 3 }, tags: { team: 'x' } }), parted] })

const post = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', 'idempotency-key': 'k' },
  body: JSON.stringify(body),
})

describe('jobs', () => {
  test('are listed with their steps and the schema of their configuration, and launched', async ({ database }) => {
    const board = await startBoard({ pool: database.pool, queues: startQueues(database) })
    await publishManifest(database.pool, manifestOf(location), 'v1', undefined)
    const api = `${board.url}/api/v1`
    const by = { type: 'number', default: 1 }
    const own = { type: 'object', properties: { config: { type: 'object', properties: { by }, additionalProperties: false } }, additionalProperties: false }
    expect((await getJson(`${api}/jobs`)).body).toMatchObject({
      jobs: [
        {
          name: 'sum_job',
          location: 'sums',
          graph: 'twice',
          steps: [
            { name: 'add', op: 'add', mapped: false, upstream: [] },
            { name: 'add_2', op: 'add', upstream: ['add'], inputs: { n: { type: 'number' } }, outputs: { result: { type: 'number' } } },
          ],
          config: { by: 3 },
          configSchema: { type: 'object', properties: { by, ops: { type: 'object', properties: { add: own, add_2: own } } } },
          partitions: null,
          runs: {},
        },
        { name: 'parted', partitions: 'static' },
      ],
    })
    const request = post({ config: { ops: { add_2: { config: { by: 5 } } } }, tags: { who: 'me' }, priority: 3, retries: 2 })
    const launched = await getJson(`${api}/jobs/sums/sum_job/runs`, request)
    expect(launched).toMatchObject({
      status: 201,
      body: { job: 'sum_job', assets: [], tags: { team: 'x', who: 'me' }, config: { by: 3, ops: { add_2: { config: { by: 5 } } } } },
    })
    expect(await getJson(`${api}/jobs/sums/sum_job/runs`, request)).toMatchObject({ status: 200, body: { id: (launched.body as { id: string }).id } })
    const options = await database.pool.query(`SELECT priority, retries FROM millrace.run WHERE id = $1`, [(launched.body as { id: string }).id])
    expect(options.rows).toEqual([{ priority: 3, retries: 2 }])
    expect(await getJson(`${api}/jobs/sums/other/runs`, post({}))).toMatchObject({ status: 404, body: { code: 'UNKNOWN_JOB' } })
    expect(await getJson(`${api}/jobs/sums/sum_job/runs`, post({ config: { by: 'x' } }))).toMatchObject({ status: 422, body: { code: 'CONFIG_INVALID' } })
    const { id } = launched.body as { id: string }
    expect(await getJson(`${api}/runs/${id}/relaunch`, post({}))).toMatchObject({ status: 409, body: { code: 'RUN_NOT_ENDED' } })
    await database.pool.query(`UPDATE millrace.run SET status = 'failed', ended_at = now() WHERE id = $1`, [id])
    const relaunched = await getJson(`${api}/runs/${id}/relaunch`, post({}))
    expect(relaunched).toMatchObject({
      status: 201,
      body: {
        job: 'sum_job',
        status: 'started',
        tags: { team: 'x', who: 'me', 'dagster/parent_run_id': id },
        config: { by: 3, ops: { add_2: { config: { by: 5 } } } },
      },
    })
    expect(await getJson(`${api}/runs/${id}/relaunch`, post({}))).toMatchObject({ status: 200, body: { id: (relaunched.body as { id: string }).id } })
    const { id: another } = relaunched.body as { id: string }
    await database.pool.query(`UPDATE millrace.run SET status = 'failed', ended_at = now() WHERE id = $1`, [another])
    expect(await getJson(`${api}/runs/${another}/relaunch`, post({}))).toMatchObject({ status: 201, body: { tags: { 'dagster/parent_run_id': another } } })
    await database.pool.query(`UPDATE millrace.run SET status = 'succeeded' WHERE id = $1`, [id])
    expect(
      await getJson(`${api}/jobs/sums/sum_job/runs`, { ...post({ tags: { 'dagster/priority': 'high' } }), headers: { 'content-type': 'application/json' } }),
    ).toMatchObject({
      status: 422,
      body: { code: 'TAG_INVALID' },
    })
    expect(await getJson(`${api}/runs/${id}/retry`, post({}))).toMatchObject({
      status: 409,
      body: { code: 'RUN_NOT_FAILED' },
    })
  })

  test('with partitions are launched for one of them, and backfilled', async ({ database }) => {
    const board = await startBoard({ pool: database.pool, queues: startQueues(database) })
    await publishManifest(database.pool, manifestOf(location), 'v1', undefined)
    const api = `${board.url}/api/v1`
    const plainPost = (body: unknown) => ({ ...post(body), headers: { 'content-type': 'application/json' } })
    expect(await getJson(`${api}/jobs/sums/parted/runs`, plainPost({ partitions: ['eu'] }))).toMatchObject({
      status: 201,
      body: { job: 'parted', partitions: ['eu'] },
    })
    for (const [name, body, code] of [
      ['parted', {}, 'PARTITION_NEEDED'],
      ['parted', { partitions: ['asia'] }, 'UNKNOWN_PARTITION'],
      ['parted', { partitions: ['eu', 'us'] }, 'ONE_PARTITION_PER_RUN'],
      ['sum_job', { partitions: ['eu'] }, 'NO_PARTITIONS'],
    ] as const) {
      expect(await getJson(`${api}/jobs/sums/${name}/runs`, plainPost(body))).toMatchObject({ status: 422, body: { code } })
    }
    expect(await getJson(`${api}/jobs/sums/parted/partitions`)).toMatchObject({
      status: 200,
      body: {
        kind: 'static',
        counts: { missing: 1, running: 1 },
        stretches: [
          { from: 'eu', to: 'eu', status: 'running' },
          { from: 'us', status: 'missing' },
        ],
      },
    })
    expect(await getJson(`${api}/jobs/sums/sum_job/partitions`)).toMatchObject({ status: 422, body: { code: 'NO_PARTITIONS' } })
    const backfill = await getJson(`${api}/backfills`, plainPost({ job: 'parted', location: 'sums' }))
    expect(backfill).toMatchObject({ status: 201, body: { job: 'parted', assets: [], counts: { running: 2 } } })
    const { id } = backfill.body as { id: string }
    expect(await getJson(`${api}/backfills/${id}`)).toMatchObject({ body: { job: 'parted', units: [{ assets: [], job: 'parted', kind: 'static' }] } })
    expect(await (await fetch(`${board.url}/backfills`)).text()).toContain('job parted')
    expect(await getJson(`${api}/backfills`, plainPost({ job: 'parted', assets: ['x'] }))).toMatchObject({ status: 400 })
    expect(await getJson(`${api}/backfills`, plainPost({ job: 'other', location: 'sums' }))).toMatchObject({ status: 404, body: { code: 'UNKNOWN_JOB' } })
  })
})

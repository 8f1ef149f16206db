import { join } from 'node:path'
import { describe, expect, spawnMillrace, temporaryFolder, test } from '../support/test.ts'
import { createProject, definitionsOf } from './project.ts'
import { familyOf, listProcesses, living } from './process-list.ts'

const locations = {
  counted: definitionsOf('counted', `for (let id = 0; id < config.count; id += 1) yield [{ id }]`),
  failing: definitionsOf('failing', `throw new Error('the source is on holiday')`),
  waiting: definitionsOf('waiting', `yield [{ id: 1 }]; await new Promise((resolve) => signal.addEventListener('abort', resolve))`),
}

describe('millrace materialize, with nothing running', () => {
  test('does one run on an embedded database, says what it does, exits 0 and leaves no process', async () => {
    const { folder, pipelines } = await createProject(locations)
    const env = { MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: join(folder, '.millrace') }
    const run = spawnMillrace(['materialize', 'counted/rows'], env)
    await run.waitForOutput(/No worker is running for this: starting one for this run alone\./)
    const family = familyOf(run.pid)
    expect(family.some((one) => one.command.includes(folder))).toBe(true)
    expect(await run.exited).toMatchObject({ code: 0 })
    expect(run.stderr()).toContain('Nothing is running here: starting the embedded database for this run.')
    expect(run.stdout()).toMatch(/counted\/rows {2}succeeded {2}2 rows/)
    expect(living(family)).toEqual([])
    expect(listProcesses().filter((one) => one.command.includes(folder))).toEqual([])

    const again = spawnMillrace(['materialize', 'counted/rows', '--json', '--config', '{"count":3}'], env)
    expect(await again.exited).toMatchObject({ code: 0 })
    expect(JSON.parse(again.stdout())).toMatchObject({ status: 'succeeded', steps: [{ asset: 'counted/rows', status: 'succeeded', result: { rows: 3 } }] })
    expect(listProcesses().filter((one) => one.command.includes(folder))).toEqual([])
  })
})

describe('millrace materialize', () => {
  const start = async (url: string, args: readonly string[]) => {
    const { folder, pipelines } = await createProject(locations)
    return spawnMillrace(['materialize', ...args], { DATABASE_URL: url, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder })
  }

  test('of a run that fails exits 1 and says why, on standard error', async ({ database }) => {
    const plain = await start(database.url, ['failing/rows'])
    expect(await plain.exited).toMatchObject({ code: 1 })
    expect(plain.stderr()).toContain('the source is on holiday')
    expect(plain.stderr()).not.toContain('    at ')
    const json = await start(database.url, ['failing/rows', '--json'])
    expect(await json.exited).toMatchObject({ code: 1 })
    expect(JSON.parse(json.stdout())).toMatchObject({ status: 'failed', steps: [{ status: 'failed', error: { message: 'the source is on holiday' } }] })
  })

  test('several at once each have a worker of their own, on one embedded database that stops with the last of them', { timeout: 180_000 }, async () => {
    const { folder, pipelines } = await createProject(locations)
    const env = { MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: join(folder, '.millrace') }
    const first = spawnMillrace(['materialize', 'waiting/rows'], env)
    await first.waitForOutput(/extracting/)
    const second = spawnMillrace(['materialize', 'counted/rows'], env)
    const third = spawnMillrace(['materialize', 'waiting/rows'], env)
    await third.waitForOutput(/extracting/)
    for (const one of [second, third]) await one.waitForOutput(/No worker is running for this: starting one for this run alone\./)
    first.kill('SIGINT')
    await first.waitForOutput(/Another command uses the embedded database/)
    expect(await second.exited).toMatchObject({ code: 0 })
    third.kill('SIGINT')
    expect(await third.exited).toMatchObject({ code: 130 })
    expect(await first.exited).toMatchObject({ code: 130 })
    expect(listProcesses().filter((one) => one.command.includes(folder))).toEqual([])
  })

  test('whose worker has another spool than the installation says so, instead of waiting', async ({ database }) => {
    const { folder, pipelines } = await createProject(locations)
    const env = { DATABASE_URL: database.url, MILLRACE_PIPELINES: pipelines }
    const worker = spawnMillrace(['worker', '--queues', 'load'], { ...env, MILLRACE_HOME: folder })
    await worker.waitForOutput(/worker ready/)
    const run = await start(database.url, ['counted/rows'])
    expect(await run.exited).toMatchObject({ code: 2 })
    expect(run.stderr()).toMatch(/can take no work: its spool .* is another one than the other workers'.*\(SPOOL_ANOTHER\)/)
    worker.kill('SIGTERM')
    expect(await worker.exited).toMatchObject({ code: 0 })
  })

  test.for<[args: readonly string[], code: number, message: string, hint: string]>([
    [['nothing/here'], 2, 'There is no asset nothing/here.', 'counted/rows'],
    [['counted/rows', '--config', '{"count":0}'], 2, 'count of counted/rows', 'The settings are: count.'],
    [['counted/rows', '--config', '{count}'], 2, 'It must be a JSON object', ''],
    [['counted/rows', '--config', '[]'], 2, 'It must be a JSON object, as {"url":"https://example.com"}.', ''],
    [['counted/rows', '--tag', 'alone'], 2, 'A tag is name=value.', ''],
    [[], 2, "missing required argument 'assets'", ''],
    [['counted/rows', '--no-follow'], 3, 'Nothing is running that could do the run.', 'npm start'],
  ])('%j exits with %i and says what is wrong', async ([args, code, message, hint], { database }) => {
    const run = await start(database.url, args)
    expect(await run.exited).toMatchObject({ code })
    expect(run.stderr()).toContain(message)
    expect(run.stderr()).toContain(hint)
    expect(run.stdout()).toBe('')
  })

  test('of a location whose definitions are wrong says what is wrong with them, also where an older version of it was loaded before', async ({ database }) => {
    const wrong = definitionsOf('counted', '').replace('id: z.int()', 'id: z.promise(z.int())')
    const { folder, pipelines } = await createProject({ counted: wrong, failing: locations.failing })
    const env = { DATABASE_URL: database.url, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder }
    for (const known of ['nothing of it', 'an older version']) {
      if (known === 'an older version') expect(await (await start(database.url, ['counted/rows'])).exited).toMatchObject({ code: 0 })
      const run = spawnMillrace(['materialize', 'counted/rows'], env)
      expect(await run.exited, known).toMatchObject({ code: 1 })
      expect(run.stderr(), known).toMatch(/The location counted does not load: .*The field "id" is a promise.*\(DEFINITION_INVALID\)/)
    }
  })

  test('that is interrupted cancels its run and exits 130', async ({ database }) => {
    const run = await start(database.url, ['waiting/rows'])
    await run.waitForOutput(/waiting\/rows {2}extracting/)
    run.kill('SIGINT')
    expect(await run.exited).toMatchObject({ code: 130 })
    const { rows } = await database.pool.query(`SELECT status FROM millrace.run WHERE 'waiting/rows' = ANY(assets)`)
    expect(rows).toEqual([{ status: 'canceled' }])
  })

  test('with a database that does not answer exits 3 and names it, without its password', async () => {
    const run = spawnMillrace(['materialize', 'counted/rows'], {
      DATABASE_URL: 'postgres://someone:hunter2@127.0.0.1:1/shop',
      MILLRACE_HOME: await temporaryFolder(),
    })
    expect(await run.exited).toMatchObject({ code: 3 })
    expect(run.stderr()).toContain('The database 127.0.0.1:1/shop does not answer')
    expect(run.output()).not.toContain('hunter2')
  })
})

import { join } from 'node:path'
import { migrate } from '../../src/catalog/migrate.ts'
import { createEmbeddedPostgres } from '../../src/embedded/embedded-postgres.ts'
import { expect, freePort, spawnMillrace, temporaryFolder, test, waitFor } from '../support/test.ts'
import { createProject, definitionsOf } from './project.ts'

const good = definitionsOf('good', 'yield [{ id: 1 }, { id: 2 }]')

test('a definitions file that cannot be loaded is told of with file and line, and the other locations are served', async ({ database }) => {
  const { folder, pipelines } = await createProject({
    good,
    throwing: `import 'millrace'\nconst text: string = 'x'\nif (text !== '') throw new Error('the token is missing')\nexport default text\n`,
    doubled: definitionsOf('doubled', 'yield []').replace('assets: [rows]', 'assets: [rows, rows]'),
    twin: definitionsOf('good', 'yield []'),
    wrong: `export default { kind: 'something else' }\n`,
    unparsable: `export default {{\n`,
    enumerated: `enum Size { S }\nexport default Size\n`,
  })
  const env = { DATABASE_URL: database.url, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder }
  const worker = spawnMillrace(['worker'], env)
  await worker.waitForOutput(/worker ready/)
  const { rows } = await database.pool.query<{ name: string; error: { message: string; code: string; hint: string } | null }>(
    'SELECT name, error FROM millrace.location ORDER BY name',
  )
  const errors = new Map(rows.map((row) => [row.name, row.error]))
  expect([...errors.keys()]).toEqual(['doubled', 'enumerated', 'good', 'throwing', 'twin', 'unparsable', 'wrong'])
  expect(errors.get('good')).toBeNull()
  const file = (name: string) => join(pipelines, name, 'definitions.ts')
  expect(errors.get('throwing')).toMatchObject({
    code: 'DEFINITIONS_THREW',
    message: expect.stringContaining(`${file('throwing')} could not be loaded: the token is missing`),
  })
  expect(errors.get('throwing')?.message).toContain('definitions.ts:3:')
  expect(errors.get('doubled')).toMatchObject({
    code: 'DEFINITION_INVALID',
    message: expect.stringContaining('The asset key doubled/rows is defined twice in the location doubled.'),
  })
  expect(errors.get('doubled')?.message).toMatch(/doubled\/definitions\.ts:\d+:\d+/)
  expect(errors.get('twin')).toMatchObject({ code: 'DEFINITION_INVALID', message: 'Two definitions files define the location good.' })
  expect(errors.get('wrong')).toMatchObject({
    code: 'DEFINITION_INVALID',
    message: `The default export of ${file('wrong')} is not a location.`,
    hint: expect.stringContaining('defineLocation'),
  })
  expect(errors.get('unparsable')?.message).toContain(file('unparsable'))
  expect(errors.get('enumerated')).toMatchObject({ code: 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX', hint: expect.stringContaining('no enum') })
  for (const error of errors.values()) if (error !== null) expect(worker.output()).toContain(error.message.slice(0, 60))

  const run = spawnMillrace(['materialize', 'good/rows'], env)
  expect(await run.exited).toMatchObject({ code: 0 })
  worker.kill('SIGTERM')
  expect(await worker.exited).toMatchObject({ code: 0 })
  expect((await database.pool.query('SELECT count(*)::int AS rows FROM good.rows')).rows).toEqual([{ rows: 2 }])
})

test('a location or queue that is not there is an error of the command line', async ({ database }) => {
  const { folder, pipelines } = await createProject({ good })
  const env = { DATABASE_URL: database.url, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder }
  const [location, queue, project] = [
    spawnMillrace(['worker', '--location', 'better'], env),
    spawnMillrace(['worker', '--queues', 'extract,transfrom'], env),
    spawnMillrace(['worker'], { ...env, MILLRACE_PIPELINES: join(folder, 'nothing') }),
  ]
  expect(await location.exited).toMatchObject({ code: 2 })
  expect(location.stderr()).toMatch(/There is no location better in .*\n.*The locations are: good\./)
  expect(await queue.exited).toMatchObject({ code: 2 })
  expect(queue.stderr()).toContain('The queues are: ticks, extract, transform, load, ops.')
  expect(await project.exited).toMatchObject({ code: 2 })
  expect(project.stderr()).toContain('`millrace init`')
})

test('workers of some queues each do a run together; one with another spool takes no stage jobs and says why', async ({ database }) => {
  const { folder, pipelines } = await createProject({ shared: definitionsOf('shared', 'yield [{ id: 1 }, { id: 2 }]') })
  const env = { DATABASE_URL: database.url, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder }
  const workers = ['extract', 'transform', 'load'].map((queue) => spawnMillrace(['worker', '--location', 'shared', '--queues', queue], env))
  for (const worker of workers) await worker.waitForOutput(/worker ready/)
  const other = spawnMillrace(['worker'], { ...env, MILLRACE_SPOOL: await temporaryFolder() })
  await other.waitForOutput(/this worker takes no stage jobs: its spool .* is another one/)
  await other.waitForOutput(/worker ready/)
  const { rows } = await database.pool.query('SELECT queues, problem IS NOT NULL AS problem FROM millrace.process WHERE pid = $1', [other.pid])
  expect(rows).toEqual([{ queues: ['ticks', 'ops'], problem: true }])
  const run = spawnMillrace(['materialize', 'shared/rows', '--json'], env)
  expect(await run.exited).toMatchObject({ code: 0 })
  for (const worker of [...workers, other]) worker.kill('SIGTERM')
  for (const worker of [...workers, other]) expect(await worker.exited).toMatchObject({ code: 0 })
  const left = await waitFor(async () => (await database.pool.query('SELECT 1 FROM millrace.process WHERE lease_until > now()')).rowCount === 0, {
    what: 'all sessions to be over',
  })
  expect(left).toBe(true)
})

test('a function that never gives the event loop back ends its worker, which says where, and not a worker that was only frozen', async ({ database }) => {
  const start = async (name: string, definitions: string) => {
    const { folder, pipelines } = await createProject({ [name]: definitions })
    const env = { DATABASE_URL: database.url, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder, MILLRACE_STUCK_SECONDS: '3' }
    return { worker: spawnMillrace(['worker'], env), env }
  }
  const { worker: importing } = await start('importing', 'for (;;);\n')
  expect(await importing.exited).toMatchObject({ signal: 'SIGKILL' })
  expect(importing.stderr()).toContain('In hand: its code locations being loaded.')

  const { worker, env } = await start('looping', definitionsOf('looping', 'for (;;);'))
  await worker.waitForOutput(/worker ready/)
  worker.kill('SIGSTOP')
  const frozen = performance.now()
  await waitFor(() => performance.now() - frozen > 4500, { what: 'longer than a worker may be stuck' })
  worker.kill('SIGCONT')
  const launched = spawnMillrace(['materialize', 'looping/rows', '--no-follow'], env)
  expect(await launched.exited).toMatchObject({ code: 0 })
  expect(await worker.exited).toMatchObject({ signal: 'SIGKILL' })
  expect(worker.stderr()).toMatch(/Nothing else got a turn for 3 s: .* In hand: extract of looping\/rows\. Look for a loop/)
})

test('producers that are told to stop while Redis is not there end in order', async ({ database }) => {
  const env = { DATABASE_URL: database.url, REDIS_URL: `redis://127.0.0.1:${String(await freePort())}`, MILLRACE_HOME: await temporaryFolder() }
  await database.pool.query(`INSERT INTO millrace.location (name) VALUES ('queueless')`)
  const producers = spawnMillrace(['producers'], env)
  await producers.waitForOutput(/leading/)
  producers.kill('SIGTERM')
  expect(await producers.exited).toMatchObject({ code: 0 })
  expect(producers.stderr()).not.toContain('not everything stopped in order')
})

test('a worker that is told to stop while its database is gone ends all the same', async () => {
  const { folder, pipelines } = await createProject({ good })
  const postgres = await createEmbeddedPostgres({ folder: join(folder, 'database'), durable: false })
  await migrate({ databaseUrl: postgres.url, destinationUrl: postgres.url, queuesInPostgres: true })
  const env = { DATABASE_URL: postgres.url, REDIS_URL: '', MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder, MILLRACE_DRAIN_SECONDS: '0' }
  const worker = spawnMillrace(['worker'], env)
  await worker.waitForOutput(/worker ready/)
  await postgres.close()
  worker.kill('SIGTERM')
  const { code } = await worker.exited
  if (code !== 0) expect(worker.stderr()).toContain('not everything stopped in order')
  expect(code === 0 || code === 1).toBe(true)
})

import { PassThrough } from 'node:stream'
import { manifestOf } from '../../src/definitions/manifest.ts'
import { createLogger } from '../../src/logger.ts'
import { queueKinds } from '../../src/queues/jobs.ts'
import { startWorker } from '../../src/workers/worker.ts'
import type { RunningWorker } from '../../src/workers/worker.ts'
import { failureOf } from '../sources/failure.ts'
import { createLocation } from '../support/engine.ts'
import { describe, expect, onTestFinished, temporaryFolder, test, waitFor } from '../support/test.ts'
import type { TestDatabase } from '../support/test.ts'

interface Started {
  readonly starting: Promise<RunningWorker>
  readonly location: string
  /** The queues whose workers' errors were logged at warn level, one for each line. */
  readonly warned: () => readonly string[]
}

async function start({ url }: TestDatabase): Promise<Started> {
  const location = createLocation([])
  const lines = new PassThrough({ encoding: 'utf8' })
  let text = ''
  lines.on('data', (chunk: string) => (text += chunk))
  const starting = startWorker({
    databaseUrl: url,
    destinationUrl: url,
    redisUrl: undefined,
    queuePrefix: 'unused',
    locations: { loaded: [{ location, manifest: manifestOf(location), version: 'v1' }], broken: [] },
    queueKinds,
    spool: { kind: 'files', folder: await temporaryFolder() },
    demo: false,
    drainMs: 1000,
    leaseMs: 8000,
    limits: { batchBytes: 65_536, window: 4, maxRecordBytes: 65_536 },
    env: {},
    logger: createLogger({ level: 'warn', pretty: false, destination: lines }),
  })
  onTestFinished(async () => {
    const worker = await starting.catch(() => undefined)
    await worker?.stop()
  })
  const warned = (): string[] =>
    text
      .split('\n')
      .filter((line) => line.includes('queue worker failed'))
      .map((line) => String((JSON.parse(line) as { queue: unknown }).queue))
  return { starting, location: location.name, warned }
}

describe('a worker on the Postgres backend', () => {
  test('does not start when the queues could not get ready, and leaves nothing open', async ({ database }) => {
    // As good as away for the queues alone: they ask it for their schema before anything else.
    await database.pool.query('ALTER SCHEMA bullmq RENAME TO away')
    const { starting, warned, location } = await start(database)
    const failure = await failureOf(starting)
    await database.pool.query('ALTER SCHEMA away RENAME TO bullmq')
    expect(failure).toBeInstanceOf(Error)
    expect(new Set(warned())).toEqual(new Set(queueKinds.map((kind) => `${location}.${kind}`)))
    expect((await database.pool.query(`SELECT FROM millrace.process WHERE lease_until > clock_timestamp()`)).rowCount).toBe(0)
    const open = `SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND (application_name LIKE 'millrace%' OR application_name LIKE 'place_%')`
    await waitFor(async () => (await database.pool.query(open)).rowCount === 0, { what: 'its connections to be closed' })
  })

  test('says once a minute for each queue that its connections break', async ({ database }) => {
    const { starting, warned, location } = await start(database)
    await starting
    const listening = `FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '${location}.%'`
    const cut = async (): Promise<void> => {
      await waitFor(async () => (await database.pool.query(`SELECT ${listening}`)).rowCount === queueKinds.length, { what: 'all its workers to listen' })
      await database.pool.query(`SELECT pg_terminate_backend(pid) ${listening}`)
    }
    const names = queueKinds.map((kind) => `${location}.${kind}`).toSorted()
    await cut()
    await waitFor(() => warned().length >= names.length, { what: 'a line for each of its queues' })
    await cut()
    await cut()
    expect(warned().toSorted()).toEqual(names)
  })
})

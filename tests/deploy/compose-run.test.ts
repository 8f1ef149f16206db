import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import {
  atFileEnd,
  backends,
  createDatabase,
  expect,
  findRedisServer,
  freePort,
  queuePrefix,
  redisUrl,
  spawnMillrace,
  startRedisServer,
  temporaryFolder,
  test,
  waitFor,
} from '../support/test.ts'
import { ownServices, readCompose } from './compose-file.ts'

const healthcheck = fileURLToPath(new URL('../../deploy/healthcheck.js', import.meta.url))

/** A Redis with nothing in it, as the compose file's; on a shared one, names of our own. */
async function emptyRedis(): Promise<Record<string, string>> {
  if (findRedisServer() === null) return { REDIS_URL: redisUrl ?? '', MILLRACE_QUEUE_PREFIX: queuePrefix }
  const redis = await startRedisServer(await temporaryFolder())
  atFileEnd(() => redis.stop())
  return { REDIS_URL: redis.url }
}

test.skipIf(!backends.includes('redis'))(
  "the compose file's commands and environment, run as processes, see a scheduled run through",
  { timeout: 180_000 },
  async () => {
    const database = await createDatabase('template0')
    atFileEnd(() => database.pool.end())
    // What differs from the containers: where the databases and the volume are, and that port 3000 may be taken here.
    const here = { DATABASE_URL: database.url, ...(await emptyRedis()), MILLRACE_SPOOL: await temporaryFolder(), MILLRACE_HOME: await temporaryFolder() }
    const port = String(await freePort())
    const services = ownServices(readCompose()).map(([name, service]) => {
      const env = { ...service.environment, ...here, ...(name === 'board' ? { PORT: port } : {}) }
      return { name, env, start: () => spawnMillrace(service.command.slice(1), env) }
    })

    const migrated = services.find(({ name }) => name === 'migrate')?.start()
    expect([await migrated?.exited, migrated?.output()]).toMatchObject([{ code: 0 }, expect.any(String)])
    const running = services.filter(({ name }) => name !== 'migrate').map((service) => ({ ...service, process: service.start() }))

    const succeeded = waitFor(
      async () => {
        const { rows } = await database.pool.query(
          'SELECT t.schedule, t.status, t.error, r.status AS run FROM millrace.tick t LEFT JOIN millrace.run r ON r.id = t.run_id',
        )
        // Of two locations: the other one's run may be over first.
        return rows.some((row) => row.schedule === 'tailscale_schedule' && row.run === 'succeeded') || Promise.reject(new Error(JSON.stringify(rows)))
      },
      { what: 'a scheduled run to succeed', timeoutMs: 90_000 },
    )
    const ended = Promise.race(
      running.map(async ({ name, process }) => {
        await process.exited
        throw new Error(`${name} ended early:\n${process.output()}`)
      }),
    )
    await Promise.race([succeeded, ended]).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${running.map(({ name, process }) => `== ${name}\n${process.output().slice(-3000)}`).join('\n')}`, { cause: error })
    })
    ended.catch(() => undefined) // from here on they are told to end

    const { rows } = await database.pool.query('SELECT count(*)::int AS devices FROM tailscale.devices')
    expect(rows[0].devices).toBeGreaterThan(0)
    for (const { name, env } of running) {
      const role = name.startsWith('worker-') ? 'worker' : name
      await waitFor(() => spawnSync(process.execPath, [healthcheck, role], { env }).status === 0, { what: `${name} to be healthy` })
    }

    for (const { process } of running) process.kill('SIGTERM')
    const codes = await Promise.all(running.map(async ({ name, process }) => [name, (await process.exited).code]))
    expect(codes).toEqual(running.map(({ name }) => [name, 0]))
    expect(spawnSync(process.execPath, [healthcheck, 'worker'], { env: running[0]?.env }).status).toBe(1)
  },
)

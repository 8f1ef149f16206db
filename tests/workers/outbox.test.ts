import { existsSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import { startSession } from '../../src/workers/session.ts'
import { claimOutbox, keepNotifications, markDone, retryOutbox } from '../../src/catalog/outbox.ts'
import { fromEnv } from '../../src/definitions/destination.ts'
import { asset } from '../../src/definitions/function-asset.ts'
import { hook, notify } from '../../src/definitions/hook.ts'
import { defineLocation } from '../../src/definitions/location.ts'
import { jsonFiles } from '../../src/io/json-files.ts'
import { email } from '../../src/notifiers/email.ts'
import { slack } from '../../src/notifiers/slack.ts'
import { webhook } from '../../src/notifiers/webhook.ts'
import { startBoard } from '../board/start.ts'
import { startEngine, testLogger } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { createProject } from '../cli/project.ts'
import { atFileEnd, beforeAll, createDatabase, describe, expect, spawnMillrace, startHttpServer, temporaryFolder, test, waitFor } from '../support/test.ts'

interface Post {
  readonly key: string | undefined
  readonly body: { readonly title: string }
  readonly at: number
}

interface Answer {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** A server that takes notifications: it answers what is in line, then 204. */
async function startTaker(line: Answer[] = []): Promise<{ readonly url: string; readonly posts: Post[] }> {
  const posts: Post[] = []
  const { url } = await startHttpServer(async (request, response) => {
    posts.push({ key: headerOf(request, 'idempotency-key'), body: JSON.parse(await textOf(request)) as Post['body'], at: performance.now() })
    const { status, headers = {}, body = '' } = line.shift() ?? { status: 204 }
    response.writeHead(status, headers).end(body)
  })
  return { url, posts }
}

const headerOf = (request: IncomingMessage, name: string): string | undefined => String(request.headers[name])
async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

describe('the outbox', () => {
  let engine: Engine
  let io: ReturnType<typeof jsonFiles>
  beforeAll(async () => {
    engine = await startEngine({ backend: 'postgres' })
    io = jsonFiles({ folder: await temporaryFolder() })
    return engine.stop
  })
  const rows = (location: string) =>
    engine.query<{ id: string; status: string; attempt: number; code: string | null; message: string | null }>(
      `SELECT id, status, attempt, error->>'code' AS code, error->>'message' AS message FROM millrace.outbox WHERE location = $1 AND kind = 'notification' ORDER BY created_at`,
      [location],
    )
  const only = async (location: string, status: string) =>
    waitFor(async () => (await rows(location)).find((one) => one.status === status), { what: `the notification to be ${status}` })
  let places = 0
  /** A location whose asset tells a server of its end. */
  const define = async (url: string, retry = {}) => {
    places += 1
    const key = `told${String(places)}/one`
    const alerts = webhook({ url: fromEnv('ALERTS_URL'), headers: { authorization: fromEnv('ALERTS_AUTH') }, retry: { delayMs: 10, ...retry } })
    const { location } = await engine.define([asset({ key, io, run: () => 1, onSuccess: notify({ alerts }) })], {
      outboxLookMs: 50,
      boardUrl: 'https://mill.example.com',
      env: { ALERTS_URL: `${url}/hooks/s3cretpath?key=s3cretkey`, ALERTS_AUTH: 's3cretheader' },
    })
    return { key, name: location.name }
  }

  test('sends a notification once, and has no secret of who sends it', async () => {
    const { url, posts } = await startTaker()
    const { key, name } = await define(url)
    const { id } = await engine.succeed(key)
    const row = await only(name, 'done')
    expect(posts).toMatchObject([
      { key: row.id, body: { id: row.id, title: `${key} succeeded`, level: 'info', fields: { run: id }, url: `https://mill.example.com/runs/${id}` } },
    ])
    expect((await engine.view(id)).events.at(-1)).toMatchObject({ kind: 'notification', message: 'A notification was sent through alerts.' })
    const stored = await engine.query(
      `SELECT to_jsonb(o) FROM millrace.outbox o UNION ALL SELECT to_jsonb(e) FROM millrace.event e UNION ALL SELECT document FROM millrace.manifest`,
    )
    expect(JSON.stringify(stored)).not.toMatch(/s3cret/)
  })

  test('tries again with the same key, not before Retry-After is over', async () => {
    const { url, posts } = await startTaker([{ status: 503 }, { status: 429, headers: { 'retry-after': '1' } }])
    const { key, name } = await define(url)
    await engine.succeed(key)
    expect(await only(name, 'done')).toMatchObject({ attempt: 3 })
    expect(posts).toHaveLength(3)
    expect(new Set(posts.map((post) => post.key)).size).toBe(1)
    expect((posts[2]?.at ?? 0) - (posts[1]?.at ?? 0)).toBeGreaterThanOrEqual(990)
  })

  test.for<[name: string, line: Answer[], retry: object, code: string, tries: number]>([
    ['after its last try', [{ status: 500, body: 'at /hooks/s3cretpath' }, { status: 502 }], { retries: 1 }, 'NOTIFICATION_NOT_TAKEN', 2],
    ['at once where it is refused', [{ status: 404, body: 'no s3cretkey, s3cretheader' }], {}, 'NOTIFICATION_REFUSED', 1],
    ['at once where it is sent elsewhere', [{ status: 308, headers: { location: 'http://127.0.0.1:9/' } }], {}, 'NOTIFICATION_REFUSED', 1],
  ])('gives up %s, shows it, and tries again when a person asks', async ([, line, retry, code, tries]) => {
    const { url, posts } = await startTaker(line)
    const { key, name } = await define(url, retry)
    const { id } = await engine.succeed(key)
    const failed = await only(name, 'failed')
    expect(failed).toMatchObject({ code, attempt: tries })
    expect(posts).toHaveLength(tries)
    expect(JSON.stringify([failed, (await engine.view(id)).events])).not.toMatch(/s3cret/)
    expect((await engine.view(id)).events.at(-1)).toMatchObject({ kind: 'notification', level: 'error' })
    expect(await retryOutbox(engine.database.pool, { id: failed.id })).toEqual([failed.id])
    await only(name, 'done')
    expect(posts).toHaveLength(tries + 1)
  })

  test.for([
    ['hook', 'HOOK_UNKNOWN'],
    ['notification', 'NOTIFIER_UNKNOWN'],
  ] as const)('counts no try of a %s that another version may know, until four hours are over; one that knows it takes it', async ([kind, code]) => {
    const pool = engine.database.pool
    const { url, posts } = await startTaker()
    const key = `later_${kind}/one`
    const { location, worker } = await engine.define([asset({ key, io, run: () => 1 })], { outboxLookMs: 50 })
    const { id: run } = await engine.succeed(key)
    await pool.query(
      `INSERT INTO millrace.outbox (location, kind, target, caused_by, content)
       SELECT location, $2, 'later', 'test', CASE $2 WHEN 'hook' THEN jsonb_build_object('outcome', 'success', 'run', millrace.run_facts(r)) ELSE '{"title": "It is late"}' END FROM millrace.run r WHERE id = $1`,
      [run, kind],
    )
    const row = () =>
      pool.query<{ status: string; attempt: number; claim: number; code: string | null; later: boolean }>(
        `SELECT status, attempt, claim, error->>'code' AS code, due_at > clock_timestamp() AS later FROM millrace.outbox WHERE location = $1`,
        [location.name],
      )
    const given = (claims: number) =>
      waitFor(async () => (await row()).rows.find(({ status, claim }) => status !== 'working' && claim === claims), {
        what: `the row to be given back ${String(claims)} times`,
      })
    const now = (createdAt: string) =>
      pool.query(`UPDATE millrace.outbox SET due_at = clock_timestamp(), created_at = ${createdAt} WHERE location = $1`, [location.name])
    expect(await given(1)).toMatchObject({ status: 'waiting', attempt: 0, code: null, later: true })
    await now(`clock_timestamp() - interval '4 h'`)
    expect(await given(2)).toMatchObject({ status: 'waiting', attempt: 1, code, later: true })
    await worker.stop()

    let calls = 0
    const later = hook({ name: 'later', run: () => void (calls += 1) })
    const said = kind === 'hook' ? later : notify({ later: webhook({ url: fromEnv('ALERTS_URL') }) })
    const next = defineLocation({ name: location.name, assets: [asset({ key, io, run: () => 1, onFailure: said })] })
    await engine.work(next, { version: 'v2', outboxLookMs: 50, env: { ALERTS_URL: url } })
    await now('created_at')
    expect(await given(3)).toMatchObject({ status: 'done', attempt: 2 })
    expect(calls + posts.length).toBe(1)
  })

  test('keeps what no worker can send until one can', async () => {
    await keepNotifications(engine.database.pool, { location: 'nowhere', causedBy: 'test' }, [{ through: 'alerts', content: { title: 'Bearer abc123456789' } }])
    expect(await engine.query(`SELECT status, content FROM millrace.outbox WHERE location = 'nowhere'`)).toEqual([
      { status: 'waiting', content: { title: 'Bearer [redacted]' } },
    ])
    const { url, posts } = await startTaker()
    const alerts = webhook({ url: fromEnv('ALERTS_URL') })
    const asked = asset({ key: 'nowhere/one', io, run: () => 1, onSuccess: notify({ alerts }) })
    await engine.work(defineLocation({ name: 'nowhere', assets: [asked] }), { outboxLookMs: 50, env: { ALERTS_URL: url } })
    await only('nowhere', 'done')
    expect(posts.map(({ body }) => body.title)).toEqual(['Bearer [redacted]'])
  })

  test('tells of an error without its secrets, to everybody and wherever it is kept', async () => {
    const posts: string[] = []
    const { url } = await startHttpServer(async (request, response) => {
      posts.push(await textOf(request))
      response.writeHead(204).end()
    })
    const mails: string[] = []
    const smtp = new SMTPServer({
      disabledCommands: ['AUTH', 'STARTTLS'],
      onData(stream, _session, done) {
        const chunks: Buffer[] = []
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
        stream.on('end', () => {
          mails.push(Buffer.concat(chunks).toString().replaceAll('=\r\n', '').replaceAll('=3D', '='))
          done()
        })
      },
    })
    await new Promise<void>((resolve) => smtp.listen(0, '127.0.0.1', resolve))
    atFileEnd(() => new Promise<void>((resolve) => smtp.close(() => resolve())))
    const [chat, hooked] = [slack({ url: fromEnv('ALERTS_URL') }), webhook({ url: fromEnv('ALERTS_URL') })]
    const mail = email({ url: fromEnv('SMTP_URL'), from: 'mill@example.org', to: 'a@example.com' })
    const failing = asset({
      key: 'secretive/one',
      io,
      retry: { retries: 0 },
      run: (): number => {
        throw new Error('no answer from postgres://mill:s3cret1@db.example/shop?password=s3cret2 with api_key=s3cret3, Bearer s3cret4567', {
          cause: new Error('{"token": "s3cret5"}'),
        })
      },
      onFailure: [
        notify({ chat }),
        notify({ mail }),
        notify(
          { hooked },
          {
            message: ({ error }) => ({
              // Cut within the password.
              title: `${'x'.repeat(270)} postgres://mill:${'s3cret'.repeat(9)}@db.example`,
              text: `${'x'.repeat(19_980)} password=s3cret6`,
              fields: { error: error?.message ?? '', apiKey: 's3cret7' },
            }),
          },
        ),
      ],
    })
    const env = { ALERTS_URL: url, SMTP_URL: `smtp://127.0.0.1:${String((smtp.server.address() as AddressInfo).port)}` }
    const { location } = await engine.define([failing], { outboxLookMs: 50, env })
    const run = await engine.run(failing.key)
    expect(run.status).toBe('failed')
    await waitFor(async () => (await rows(location.name)).filter(({ status }) => status === 'done').length === 3, { what: 'the notifications to be sent' })
    expect([...posts, ...mails]).toHaveLength(3)
    for (const told of [...posts, ...mails]) expect(told).toContain('no answer from postgres://mill:[redacted]@db.example/shop?password=[redacted]')
    const board = await startBoard({ pool: engine.database.pool, queues: engine.queues })
    const pages = ['/notifications', '/api/v1/notifications', `/runs/${run.id}`, `/api/v1/runs/${run.id}`].map(async (path) =>
      (await fetch(`${board.url}${path}?location=${location.name}`)).text(),
    )
    const shown = await Promise.all(pages)
    for (const page of shown) expect(page.includes(run.id.slice(0, 8))).toBe(true)
    const kept = await engine.query(
      `SELECT to_jsonb(o) FROM millrace.outbox o UNION ALL SELECT to_jsonb(e) FROM millrace.event e UNION ALL SELECT to_jsonb(s) FROM millrace.step s`,
    )
    expect(JSON.stringify([posts, mails, shown, kept])).not.toContain('s3cret')
  })

  test('hands a row to one session, and to another only when its lease is over', async () => {
    const pool = engine.database.pool
    await keepNotifications(pool, { location: 'leased', causedBy: 'test' }, [{ through: 'alerts', content: { title: 'one' } }])
    const open = () => startSession({ pool, logger: testLogger, leaseMs: 60_000, row: { role: 'worker', queues: [], versions: {} } })
    const [first, second] = [await open(), await open()]
    const id = String(await engine.value(`SELECT id FROM millrace.outbox WHERE location = 'leased'`))
    const claim = (session: string, inHand = [id]) => claimOutbox(pool, { locations: ['leased'], session, inHand, limit: 4 })
    const claims = await Promise.all([claim(first.id), claim(second.id), claim(first.id), claim(second.id)])
    const [mine] = claims.flat()
    expect(claims.flat()).toHaveLength(1)
    expect(await claim(second.id)).toEqual([])
    await pool.query(`UPDATE millrace.outbox SET claimed_by = $1 WHERE id = $2`, [first.id, id])
    // The answer to its claim was lost: it has the row, and does not know.
    expect(await claim(first.id, [])).toMatchObject([{ id, attempt: 2 }])
    await pool.query(`UPDATE millrace.process SET lease_until = clock_timestamp() WHERE id = ANY($1)`, [[first.id]])
    // Whoever's lease is over claims nothing, and what it had is another's.
    expect(await claim(first.id)).toEqual([])
    expect(await claim(second.id)).toMatchObject([{ id, attempt: 3 }])
    if (mine !== undefined) expect(await markDone(pool, mine)).toBe(false)
    await Promise.all([first.close(), second.close()])
  })
})

describe('in processes of their own', () => {
  const started = async (url: string, databaseUrl: string) => {
    const { folder, pipelines } = await createProject({
      told: `import { asset, defineLocation, fromEnv, notify } from 'millrace'
import { jsonFiles } from 'millrace/io'
import { webhook } from 'millrace/notifiers'
const alerts = webhook({ url: fromEnv('ALERTS_URL') })
const one = asset({ key: 'told/one', io: jsonFiles({ folder: 'values' }), run: () => 1, onSuccess: notify({ alerts }) })
export default defineLocation({ name: 'told', assets: [one] })
`,
    })
    return { folder, env: { DATABASE_URL: databaseUrl, MILLRACE_PIPELINES: pipelines, MILLRACE_HOME: folder, ALERTS_URL: url, MILLRACE_LEASE_SECONDS: '2' } }
  }

  test('workers that die before and after they have sent are followed by one that sends the same key again', async () => {
    const { url, posts } = await startTaker()
    const { url: databaseUrl, pool } = await createDatabase()
    const { folder, env } = await started(url, databaseUrl)
    await keepNotifications(pool, { location: 'told', causedBy: 'test' }, [{ through: 'alerts', content: { title: 'It is late' } }])
    const fault = { MILLRACE_FAULT: 'outbox.claimed=kill,outbox.sent=kill', MILLRACE_FAULT_MARK: `${folder}/struck-` }
    for (const point of ['claimed', 'sent']) {
      await spawnMillrace(['worker'], { ...env, ...fault }).exited
      expect(existsSync(`${folder}/struck-outbox.${point}`)).toBe(true)
    }
    const last = spawnMillrace(['worker'], { ...env, ...fault })
    const row = await waitFor(
      async () => (await pool.query<{ id: string; attempt: number }>(`SELECT id, attempt FROM millrace.outbox WHERE status = 'done'`)).rows[0],
      { what: 'the notification to be sent', timeoutMs: 60_000 },
    )
    expect(row.attempt).toBe(3)
    expect(posts.map(({ key, body }) => [key, body.title])).toEqual([
      [row.id, 'It is late'],
      [row.id, 'It is late'],
    ])
    await last.stop()
    await pool.end()
  }, 120_000)

  test('a lone materialize sends what its run asks for before it ends', async () => {
    const { url, posts } = await startTaker()
    const { url: databaseUrl, pool } = await createDatabase()
    const { env, folder } = await started(url, databaseUrl)
    expect((await spawnMillrace(['materialize', 'told/one'], env, { cwd: folder }).exited).code).toBe(0)
    expect(posts.map(({ body }) => body.title)).toEqual(['told/one succeeded'])
    await pool.end()
  }, 120_000)
})

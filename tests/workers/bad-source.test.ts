import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import * as z from 'zod'
import { tailscaleClient } from '../../pipelines/tailscale/client.ts'
import { resource } from '../../src/definitions/resource.ts'
import { table } from '../../src/definitions/table.ts'
import { httpClient, jsonPages } from '../../src/sources/index.ts'
import type { HttpClientOptions } from '../../src/sources/index.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine } from '../support/engine.ts'
import { beforeAll, describeBackends, expect, startHttpServer, test } from '../support/test.ts'

const Row = z.object({ id: z.int() })
type Answer = (response: ServerResponse) => unknown

const rows = (from: number): string => JSON.stringify(Array.from({ length: 5 }, (_, index) => ({ id: from + index })))
const good =
  (from: number): Answer =>
  (response) =>
    response.end(rows(from))
const status =
  (code: number, body = '', headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(code, headers).end(body)

describeBackends('a source that answers badly', (backend) => {
  let engine: Engine
  let tables = 0
  beforeAll(async () => {
    engine = await startEngine({ backend })
    return engine.stop
  })

  /** A table of three pages, with one good run behind it; then the answers to the second page are the ones given, in turn, and good ones after that. */
  async function startTable(answers: readonly Answer[], client: HttpClientOptions = {}) {
    const name = `t${String((tables += 1))}`
    const left: Answer[] = []
    let asked = 0
    const server = await startHttpServer(async (request, response) => {
      const page = Number(new URL(request.url ?? '/', 'http://test').searchParams.get('page'))
      if (page !== 2) return response.end(page > 3 ? '[]' : rows(page * 10))
      asked += 1
      return (left.shift() ?? good(20))(response)
    })
    const asset = table({
      key: `source/${name}`,
      columns: Row,
      write: { disposition: 'replace' },
      retry: { retries: 1, delayMs: 1 },
      extract: ({ signal }) =>
        jsonPages({
          url: `${server.url}/list?key=k3y`,
          paging: { kind: 'number', parameter: 'page' },
          client: httpClient({ retry: { tries: 2, delayMs: 1 }, ...client }),
          signal,
        }),
    })
    await engine.define([asset], { batchBytes: 1 })
    await engine.succeed(asset.key)
    asked = 0
    left.push(...answers)
    return {
      key: asset.key,
      url: `${server.url}/list?key=[redacted]&page=2`,
      asked: () => asked,
      ids: () => engine.query(`SELECT count(*)::int AS rows, count(DISTINCT id)::int AS ids, min(id)::int AS least FROM source.${name}`),
    }
  }
  const whole = [{ rows: 15, ids: 15, least: 10 }]

  test.for([
    [401, 'SOURCE_UNAUTHORIZED', 1, 1, 'The credentials are missing, wrong or expired'],
    [404, 'SOURCE_NOT_FOUND', 1, 1, 'Check the address'],
    [500, 'SOURCE_HTTP_STATUS', 2, 4, 'The fault is the server’s'],
    [429, 'SOURCE_RATE_LIMITED', 2, 4, 'ask less often'],
  ] as const)('%i fails the step with the request, the answer and what to do; the rows from before stay', async ([code, name, attempt, tries, hint]) => {
    const one = await startTable(Array.from({ length: 9 }, () => status(code, 'no such luck')))
    const run = await engine.run(one.key)
    expect(run.step).toMatchObject({ status: 'failed', attempt, error: { name: 'SourceError', code: name, hint: expect.stringContaining(hint) } })
    expect(run.step.error?.message).toMatch(new RegExp(`^GET http://127\\.0\\.0\\.1:\\d+/list\\?\\S*page=2 answered ${String(code)}.*: no such luck$`))
    expect(one.asked()).toBe(tries)
    expect(await one.ids()).toEqual(whole)
  })

  test('429 with Retry-After is waited for, and nobody sees a failure', async () => {
    const one = await startTable([status(429, '', { 'retry-after': '1' })])
    const begun = performance.now()
    expect((await engine.succeed(one.key)).step).toMatchObject({ attempt: 1, result: { rows: 15 } })
    expect(performance.now() - begun).toBeGreaterThan(980)
    expect([one.asked(), await one.ids()]).toEqual([2, whole])
  })

  test('a server that hangs is given up, and asked again by the next attempt', async () => {
    const hang: Answer = (response) => once(response, 'close')
    const one = await startTable([hang], { idleTimeoutMs: 150 })
    const run = await engine.succeed(one.key)
    expect(run.step).toMatchObject({ attempt: 2, result: { rows: 15 } })
    expect(run.events.find((event) => event.kind === 'retry')?.message).toContain('did not answer within 0.15 s')
    expect(await one.ids()).toEqual(whole)
  })

  test('a connection cut in the middle of a page loses and doubles nothing', async () => {
    const cut: Answer = (response) => response.writeHead(200, { 'content-length': '500' }).write(rows(20).slice(0, 20), () => response.destroy())
    const one = await startTable([cut])
    const run = await engine.succeed(one.key)
    expect(run.step).toMatchObject({ attempt: 2, result: { rows: 15 } })
    expect(run.events.find((event) => event.kind === 'retry')?.message).toMatch(/The connection of GET \S+ broke off after \d+ bytes of its answer/)
    expect(await one.ids()).toEqual(whole)
  })

  test('JSON that ends in the middle is fetched again', async () => {
    const one = await startTable([status(200, rows(20).slice(0, -10))])
    const run = await engine.succeed(one.key)
    expect(run.step).toMatchObject({ attempt: 2, result: { rows: 15 } })
    expect(run.events.find((event) => event.kind === 'retry')?.message).toMatch(/The page http\S+ is cut off: its JSON ends in the middle, at byte \d+/)
    expect(await one.ids()).toEqual(whole)
  })

  test('JSON that is broken inside begins afresh, and comes out right', async () => {
    const one = await startTable([status(200, rows(20).replace('},', '}, {"id":'))])
    const run = await engine.succeed(one.key)
    expect(run.step).toMatchObject({ attempt: 2, generation: 2, result: { rows: 15 } })
    expect(await one.ids()).toEqual(whole)
  })

  test('an error page in HTML is quoted from its beginning', async () => {
    const one = await startTable(Array.from({ length: 2 }, () => status(200, '<html><body>Sign in</body></html>')))
    expect((await engine.run(one.key)).step.error).toMatchObject({
      code: 'PAGE_NOT_JSON',
      message: expect.stringContaining('it begins with "<html><body>Sign in'),
    })
    expect(await one.ids()).toEqual(whole)
  })

  test('credentials that are half given fail the step at once and name the variable that is missing, never the one that is there', async () => {
    const tailscale = resource({ start: ({ env, signal }) => tailscaleClient({ env, signal }) })
    const asset = table({
      key: 'source/devices',
      columns: Row,
      resources: { tailscale },
      extract: async function* ({ resources, signal }) {
        yield { body: JSON.stringify(await resources.tailscale.list(signal)), format: { kind: 'json' } }
      },
    })
    await engine.define([asset], { env: { TAILSCALE_OAUTH_CLIENT_SECRET: 'tskey-very-secret', TAILSCALE_TAILNET: 'example.com' } })
    const run = await engine.run('source/devices')
    expect(run.step).toMatchObject({
      status: 'failed',
      attempt: 1,
      error: {
        code: 'TAILSCALE_CREDENTIALS_HALF',
        message: 'TAILSCALE_OAUTH_CLIENT_ID is not set, though TAILSCALE_OAUTH_CLIENT_SECRET is',
        hint: expect.stringContaining('Set TAILSCALE_OAUTH_CLIENT_ID too'),
      },
    })
    expect(JSON.stringify(run)).not.toContain('very-secret')
  })
})

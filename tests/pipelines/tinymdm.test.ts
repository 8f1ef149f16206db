import { spawn } from 'node:child_process'
import { once } from 'node:events'
import tinymdm from '../../pipelines/tinymdm/definitions.ts'
import { deviceApps } from '../../pipelines/tinymdm/device-apps.ts'
import { openDeviceStore } from '../../pipelines/tinymdm/device-store.ts'
import { organizationsOf } from '../../pipelines/tinymdm/organizations.ts'
import type { AppRecord } from '../../pipelines/tinymdm/rows.ts'
import { simulatedApps, simulatedDevice } from '../../pipelines/tinymdm/simulated-fleets.ts'
import { startSimulator } from '../../pipelines/tinymdm/simulator.ts'
import type { ApiDevice, SimulatedAccount, SimulatedRequest, Simulator } from '../../pipelines/tinymdm/simulator.ts'
import type { Json } from '../../src/definitions/json.ts'
import type { RecordPage } from '../../src/definitions/page.ts'
import { getJson, startBoard } from '../board/start.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine, RunView } from '../support/engine.ts'
import { atFileEnd, beforeAll, describe, expect, test } from '../support/test.ts'

const readers = [0, 1, 2, 3, 6].map((index) => simulatedDevice(index))
const kiosks = [7, 8].map((index) => simulatedDevice(index))
const acme: SimulatedAccount = {
  accountId: 'acme-1',
  publicKey: 'acme-public-key',
  secretKey: 'acme-hidden-key',
  paidLicences: 10,
  groups: { '11': readers, '12': kiosks, '13': [] },
  appsOf: simulatedApps,
}
const credentials = {
  TINYMDM_ORGANIZATIONS: 'globex,initech,acme',
  // Its secret key is another one: every request is refused.
  TINYMDM_GLOBEX_ACCOUNT_ID: 'globex-1',
  TINYMDM_GLOBEX_APIKEY_PUBLIC: 'globex-public-key',
  TINYMDM_GLOBEX_APIKEY_SECRET: 'globex-wrong-key',
  TINYMDM_GLOBEX_FLEETS: '[{ "name": "all", "group": "1" }]',
  TINYMDM_ACME_ACCOUNT_ID: acme.accountId,
  TINYMDM_ACME_APIKEY_PUBLIC: acme.publicKey,
  TINYMDM_ACME_APIKEY_SECRET: acme.secretKey,
  TINYMDM_ACME_FLEETS: JSON.stringify([
    { name: 'readers', group: '11', user: 'reader' },
    { name: 'kiosks', group: 12 },
    { name: 'to come', group: '13' },
    { name: 'on paper' },
  ]),
}

/** Statuses for the next requests whose method and path these are. */
const faults = new Map<string, number[]>()
const fault = ({ method, path }: Pick<SimulatedRequest, 'method' | 'path'>): number | undefined => faults.get(`${method} ${path}`)?.shift()

/** A program of its own that knows nothing but the API's address: starts a job, follows the run to its end, and prints what became of it. */
const otherProgram = `
const [url, job, config] = process.argv.slice(1)
const headers = { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() }
const started = await fetch(url + '/jobs/tinymdm/' + job + '/runs', { method: 'POST', headers, body: JSON.stringify({ config: JSON.parse(config) }) })
let answer = await started.json()
while (started.ok && answer.endedAt === null) {
  await new Promise((resolve) => setTimeout(resolve, 50))
  answer = await (await fetch(url + '/runs/' + answer.id)).json()
}
console.log(JSON.stringify({ status: started.status, answer }))
`

interface Followed {
  readonly status: number
  readonly answer: {
    readonly status: string | number
    readonly code?: string
    readonly detail?: string
    readonly steps?: readonly {
      readonly asset: string
      readonly status: string
      readonly attempt: number
      readonly error: { readonly message: string } | null
    }[]
  }
}

describe('tinymdm', () => {
  let engine: Engine
  let simulator: Simulator
  let api = ''
  let stopFast: () => Promise<void>

  beforeAll(async () => {
    simulator = await startSimulator({ accounts: [acme], perSecond: 10_000, pageSize: 2, fault })
    atFileEnd(simulator.stop)
    engine = await startEngine({ backend: 'postgres' })
    const env = { ...credentials, TINYMDM_BASE_URL: simulator.baseUrl, TINYMDM_REQUESTS_PER_SECOND: '500' }
    const workers = [await engine.work(tinymdm, { env }), await engine.work(tinymdm, { env })]
    stopFast = async () => {
      for (const worker of workers) await worker.stop()
    }
    const board = await startBoard({ pool: engine.database.pool, queues: engine.queues })
    api = `${board.url}/api/v1`
    return engine.stop
  })
  const messages = ({ events }: RunView, level: string): string[] => events.filter((one) => one.level === level).map(({ message }) => message)
  const ask = async (job: string, config: object): Promise<Followed> => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', otherProgram, api, job, JSON.stringify(config)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let printed = ''
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()))
    await once(child, 'close')
    return JSON.parse(printed) as Followed
  }
  const start = (job: string, config: object) =>
    getJson(`${api}/jobs/tinymdm/${job}/runs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ config }) })
  const devices = () =>
    engine.query<{ id: string; fleet: string; name: string; user_name: string | null; gone: boolean }>(
      `SELECT id, fleet, name, user_name, deleted_at IS NOT NULL AS gone FROM tinymdm.device ORDER BY id`,
    )
  const pushes = (from: number) =>
    simulator.requests
      .slice(from)
      .filter(({ method }) => method !== 'GET')
      .map(({ method, path, body, status }) => ({ request: `${method} ${path}`, body, status }))

  test('the apps of no snapshot are an error that says what to do', async () => {
    const { step } = await engine.run('tinymdm/device_snapshot_app')
    expect(step.error).toMatchObject({ code: 'TINYMDM_NO_SNAPSHOT', hint: expect.stringContaining('Materialize tinymdm/device_snapshot first') })
  })

  test('a sync stores exactly what the API lists; an organization that has no credentials is a warning, one that fails stops nobody', async () => {
    faults.set('GET devices?group_id=11&per_page=1000', [503])
    faults.set('GET devices?group_id=11&per_page=1000&page=2', [500])
    const run = await engine.succeed('group:mdm_assets')
    const at = await engine.value('SELECT created_at FROM millrace.run WHERE id = $1', [run.id])
    const rowOf = (fleet: string) => (raw: ApiDevice) => {
      const { nickname, name, serial_number, battery_level, os_version, geolocation_positions } = raw as Record<string, unknown>
      const position = (geolocation_positions as { latitude: number; longitude: number }[] | undefined)?.at(-1)
      return {
        id: raw.id,
        organization: 'acme',
        fleet,
        name: nickname ?? name,
        serial_number: serial_number ?? '',
        manufacturer: raw['manufacturer'],
        os_version,
        battery_level,
        enrollment_type: raw['enrollment_type'],
        last_sync: new Date(Number(raw['last_sync_timestamp']) * 1000),
        latitude: position?.latitude ?? null,
        longitude: position?.longitude ?? null,
        raw,
        synced_at: at,
      }
    }
    const listed = [...readers.map(rowOf('readers')), ...kiosks.map(rowOf('kiosks'))]
    expect(await engine.query('SELECT * FROM tinymdm.device_snapshot ORDER BY id')).toEqual(listed)
    expect(await engine.query('SELECT * FROM tinymdm.device_snapshot_app ORDER BY device_id, package_name COLLATE "C"')).toEqual(
      listed.flatMap(({ id }) =>
        simulatedApps(String(id))
          .map((app) => ({ device_id: id, ...app, version_code: String(app.version_code), synced_at: at }))
          .toSorted((a, b) => (a.package_name < b.package_name ? -1 : 1)),
      ),
    )
    expect(await devices()).toEqual(listed.map(({ id, fleet, name }) => ({ id, fleet, name, user_name: fleet === 'readers' ? 'reader' : null, gone: false })))
    for (const id of ['d1000', 'd1008']) expect(simulator.requests.filter(({ path }) => path === `devices/${id}/apps`)).toHaveLength(1)

    const warned = messages(run, 'warn').filter((message) => !message.startsWith('Check '))
    expect(new Set(warned)).toEqual(new Set(['the organization initech is not configured: TINYMDM_INITECH_ACCOUNT_ID is not set']))
    expect(messages(run, 'error').join('\n')).toContain('the fleet all of globex failed: GET')
    const checks = await engine.query<{ passed: boolean; message: string }>('SELECT passed, message FROM millrace.check_result WHERE run_id = $1', [run.id])
    expect(checks).toMatchObject([{ passed: false, message: expect.stringContaining('answered 401: {"message":"Unauthorized"}') }])
    const status = (await engine.value(`SELECT value FROM tinymdm.asset_value WHERE asset = 'tinymdm/organization_status'`)) as object[]
    expect(status).toMatchObject([
      { organization: 'globex', licences: null },
      { organization: 'acme', licences: { paid: 10, used: 7, left: 3 }, fleets: { readers: 5, kiosks: 2, 'to come': 0 }, problems: [] },
    ])
    const kept = await engine.value(`SELECT json_agg(e)::text || (SELECT json_agg(s)::text FROM millrace.step s) FROM millrace.event e`)
    for (const secret of [acme.secretKey, acme.publicKey, 'globex-wrong-key']) expect(kept).not.toContain(secret)
  })

  test('a device that was enrolled again is a new one, one that is gone is deleted softly, one that moved moves, and one that comes back stays deleted', async () => {
    const [first, second, third, ...rest] = readers
    if (first === undefined || second === undefined || third === undefined) throw new Error('too few devices')
    acme.groups['11'] = [{ ...second, nickname: 'renamed' }, { ...first, id: 'd2000' }, ...rest.slice(1)]
    acme.groups['12'] = [...kiosks, third]
    const run = await engine.succeed('tinymdm/device')
    expect((await devices()).map(({ id, fleet, name, user_name, gone }) => [id, fleet, name, user_name, gone].join())).toEqual([
      'd1000,readers,SM-T500,reader,true',
      'd1001,readers,renamed,reader,false',
      'd1002,kiosks,tablet 2,reader,false',
      'd1003,readers,SM-T503,reader,true',
      'd1006,readers,SM-T506,reader,false',
      'd1007,kiosks,tablet 7,,false',
      'd1008,kiosks,tablet 8,,false',
      'd2000,readers,SM-T500,reader,false',
    ])
    const said = messages(run, 'info').join('\n')
    for (const note of [
      'the device d1000 (SM-T500) was enrolled again as d2000: the one is deleted, the other new',
      'the device d1002 (tablet 2) moved from readers of acme to kiosks of acme',
      'the device d1003 (SM-T503) is no longer listed: it is deleted',
    ]) {
      expect(said).toContain(note)
    }
    const before = await engine.query(`SELECT * FROM tinymdm.device WHERE id = 'd1003'`)
    acme.groups['11'] = [...(acme.groups['11'] ?? []), ...rest.slice(0, 1)]
    const again = await engine.succeed('tinymdm/device')
    expect(messages(again, 'warn').join('\n')).toContain('the device d1003 (SM-T503) is listed again, and stays deleted')
    expect(await engine.query(`SELECT * FROM tinymdm.device WHERE id = 'd1003'`)).toEqual(before)
  })

  test('nothing is deleted while a fleet of the organization does not answer, or not wholly', async () => {
    acme.groups['12'] = []
    faults.set('GET devices?group_id=13&per_page=1000', [404])
    const run = await engine.succeed('tinymdm/device')
    expect(messages(run, 'error').join('\n')).toContain('the fleet to come of acme failed: GET')
    acme.groups['13'] = [simulatedDevice(9, { battery_level: 'full' })]
    const unreadable = await engine.succeed('tinymdm/device')
    expect(messages(unreadable, 'error').join('\n')).toContain('the list of the fleet to come of acme is not whole: A device cannot be read: battery_level')
    expect((await devices()).filter(({ gone }) => gone).map(({ id }) => id)).toEqual(['d1000', 'd1003'])
    acme.groups['13'] = []
    acme.groups['12'] = [...kiosks, ...readers.slice(2, 3)]
  })

  test('another program starts push_device_config and follows it: one device that fails leaves the others alone, and is named', async () => {
    await engine.query(`INSERT INTO tinymdm.device_config VALUES ('d1001', 'anna', 'settings of anna'), ('d1006', NULL, 'settings'), ('d1008', 'bob', '')`)
    const from = simulator.requests.length
    faults.set('POST groups/11/users/u2001', [429])
    faults.set('PUT users/u2008', [503])
    faults.set('POST groups/11/users/u2006', [500])
    const { status, answer } = await ask('push_device_config', { device_ids: ['d1001', 'd1006', 'd1007', 'd1008', 'd1001'] })
    expect([status, answer.status]).toEqual([201, 'failed'])
    const failed = (answer.steps ?? []).filter((step) => step.status === 'failed')
    expect(failed).toMatchObject([
      { asset: 'push_device[d1006]', attempt: 1, error: { message: expect.stringContaining('groups/11/users/u2006 answered 500') } },
    ])
    const text = { title: expect.any(String), message: expect.any(String) }
    const sent = pushes(from)
    const of = (user: string, device: string) =>
      sent.filter(({ request, body }) => request.endsWith(`users/${user}`) || JSON.stringify(body ?? '').includes(`["${device}"]`))
    const user = (request: string, name: string, custom_field_1: string, answered = 200) => ({ request, body: { name, custom_field_1 }, status: answered })
    const join = (request: string, answered = 204) => ({ request, body: undefined, status: answered })
    const told = (device: string) => ({ request: 'POST actions/message', body: { ...text, devices: [device] }, status: 201 })
    expect(of('u2001', 'd1001')).toEqual([
      user('PUT users/u2001', 'anna - d1001', 'settings of anna'),
      join('POST groups/11/users/u2001', 429),
      join('POST groups/11/users/u2001'),
      told('d1001'),
    ])
    expect(of('u2006', 'd1006')).toEqual([user('PUT users/u2006', 'reader - d1006', 'settings'), join('POST groups/11/users/u2006', 500)])
    expect(of('u2007', 'd1007')).toEqual([user('PUT users/u2007', 'd1007', ''), join('POST groups/12/users/u2007')])
    expect(of('u2008', 'd1008')).toEqual([
      user('PUT users/u2008', 'bob - d1008', '', 503),
      user('PUT users/u2008', 'bob - d1008', ''),
      join('POST groups/12/users/u2008'),
    ])
    expect(sent).toHaveLength(11)
  })

  test('devices that are unknown or deleted are an error that lists them, and nothing is pushed; wrong configuration is refused at once', async () => {
    const from = simulator.requests.length
    const { answer } = await ask('push_device_config', { ops: { push_device_config: { config: { device_ids: ['d1001', 'nobody', 'd1000', 'no one'] } } } })
    expect(answer).toMatchObject({ status: 'failed', steps: [{ asset: 'push_device_config', status: 'failed', attempt: 1 }] })
    expect(answer.steps?.[0]?.error?.message).toContain('unknown: nobody, no one; deleted: d1000')
    for (const config of [{}, { device_ids: [] }, { device_ids: [1] }, { devices: ['d1001'] }]) {
      expect(await start('push_device_config', config)).toMatchObject({ status: 422, body: { code: 'CONFIG_INVALID' } })
    }
    expect(simulator.requests).toHaveLength(from)
  })

  test('sync_and_push syncs one organization, and pushes to its devices that have a user name', async () => {
    expect(await start('sync_and_push', {})).toMatchObject({ status: 422, body: { code: 'CONFIG_INVALID' } })
    const from = simulator.requests.length
    const { answer } = await ask('sync_and_push', { organization: 'acme' })
    expect(answer.status).toBe('succeeded')
    const asked = simulator.requests.slice(from)
    expect(new Set(asked.map(({ accountId }) => accountId))).toEqual(new Set(['acme-1']))
    expect(await engine.value('SELECT count(DISTINCT synced_at)::int FROM tinymdm.device_snapshot')).toBe(2)
    const users = asked.filter(({ method }) => method === 'PUT').map(({ path, body }) => `${path} ${(body as { name: string }).name}`)
    expect(users.toSorted()).toEqual([
      'users/u2000 reader - d2000',
      'users/u2001 anna - d1001',
      'users/u2002 reader - d1002',
      'users/u2006 reader - d1006',
      'users/u2008 bob - d1008',
    ])
    const { answer: unknown } = await ask('sync_and_push', { organization: 'umbrella' })
    expect(unknown.steps?.find(({ asset }) => asset === 'tinymdm/device_snapshot')?.error?.message).toBe('There is no organization umbrella')
  })

  test('the apps are listed on from where an attempt stopped: each device is asked for once, and a fleet that failed is not begun again', async () => {
    const at = new Date().toISOString()
    const env = { ...credentials, TINYMDM_BASE_URL: simulator.baseUrl, DESTINATION_URL: engine.database.url }
    const throttle = { turn: () => Promise.resolve(), pause: () => Promise.resolve() }
    const store = openDeviceStore(env)
    await using _ = { [Symbol.asyncDispose]: () => store.close() }
    const resources = { mdm: organizationsOf(env, throttle), devices: store }
    const log = Object.assign(() => undefined, { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined })
    const { signal } = new AbortController()
    const pagesFrom = (position: Json | undefined) => deviceApps({ config: {}, resources, signal, position, runStartedAt: at, log })
    const asked = (from: number) =>
      simulator.requests.slice(from).flatMap(({ path, status }) => /^devices\/(\w+)\/apps$/.exec(path)?.slice(1, status === 200 ? 2 : 1) ?? [])
    const listed = (await store.snapshot(at))?.map(({ id }) => id) ?? []
    expect(listed).toEqual(['d1001', 'd1002', 'd1003', 'd1006', 'd1007', 'd1008', 'd2000'])

    // As many pages as an attempt may have recorded before it died.
    for (let recorded = 0; ; recorded += 1) {
      const from = simulator.requests.length
      const before: RecordPage<AppRecord>[] = []
      for await (const page of pagesFrom(undefined)) {
        if (before.length === recorded) break
        before.push(page)
      }
      const middle = simulator.requests.length
      const after: RecordPage<AppRecord>[] = []
      for await (const page of pagesFrom(before.at(-1)?.position)) after.push(page)
      const devicesOf = (pages: readonly RecordPage<AppRecord>[]) => [...new Set(pages.flatMap(({ records }) => records.map(({ deviceId }) => deviceId)))]
      expect([...devicesOf(before), ...devicesOf(after)].toSorted(), String(recorded)).toEqual(listed)
      expect(asked(middle).toSorted()).toEqual(devicesOf(after).toSorted())
      expect(simulator.requests.slice(from).filter(({ path }) => path.startsWith('devices?'))).toEqual([])
      if (after.length === 0) break
    }

    // Every device of the fleet fails, and so the fleet: what was listed of it before stays as it is.
    const kiosksOf = listed.filter((id) => ['d1002', 'd1007', 'd1008'].includes(id))
    for (const id of kiosksOf) faults.set(`GET devices/${id}/apps`, [400])
    const pages: RecordPage<AppRecord>[] = []
    for await (const page of pagesFrom(undefined)) pages.push(page)
    expect(pages.flatMap(({ records }) => records).some(({ deviceId }) => kiosksOf.includes(deviceId))).toBe(false)
    expect(
      await engine.value(
        'SELECT count(DISTINCT device_id)::int FROM tinymdm.device_snapshot_app WHERE synced_at = (SELECT max(synced_at) FROM tinymdm.device_snapshot)',
      ),
    ).toBe(listed.length)
  })

  test('two workers, one that syncs and one that pushes, share five turns a second at an account, and no request comes before its turn', async () => {
    await stopFast()
    const strict = await startSimulator({ accounts: [acme] })
    atFileEnd(strict.stop)
    // Every turn that anybody is given, by the database's clock.
    await engine.query(`CREATE TABLE turn (due timestamptz);
      CREATE FUNCTION turn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO public.turn VALUES (NEW.next_at - interval '1 second' / 4.5);
        RETURN NULL;
      END $$;
      CREATE TRIGGER turn AFTER UPDATE ON millrace.rate_limit FOR EACH ROW
        WHEN (NEW.name = 'tinymdm acme-1' AND NEW.paused_until IS NOT DISTINCT FROM OLD.paused_until) EXECUTE FUNCTION turn()`)
    const env = { ...credentials, TINYMDM_BASE_URL: strict.baseUrl }
    await engine.work(tinymdm, { env, queues: ['extract', 'transform', 'load'] })
    await engine.work(tinymdm, { env, queues: ['ops'] })
    const [sync, push] = await Promise.all([
      engine.launch('tinymdm/device_snapshot_app'),
      ask('push_device_config', { device_ids: ['d1007', 'd1008', 'd1001'] }),
    ])
    expect(push.answer.status).toBe('succeeded')
    expect((await engine.ended(sync.runId)).status).toBe('succeeded')
    const arrived = strict.requests.filter(({ accountId }) => accountId === acme.accountId).map(({ at }) => at)
    const turns = (await engine.query<{ due: number }>('SELECT extract(epoch FROM due)::float8 * 1000 AS due FROM turn ORDER BY due')).map(({ due }) => due)
    expect(strict.requests.filter(({ method }) => method !== 'GET').length).toBeGreaterThan(6)
    expect(new Set(strict.requests.map(({ path }) => path).filter((path) => path.endsWith('/apps'))).size).toBe(7)
    // No two turns within a fifth of a second, so no six within one; and no request before its turn.
    expect(Math.min(...turns.slice(1).map((due, index) => due - (turns[index] ?? 0)))).toBeGreaterThan(200)
    expect(turns.length).toBeGreaterThanOrEqual(arrived.length)
    expect(arrived.filter((at, index) => at < (turns[index] ?? Infinity) - 5)).toEqual([])
  })
})

test('the simulator refuses whoever asks more than five times within a second, and nobody else', async () => {
  const other = { ...acme, accountId: 'other-1' }
  const { baseUrl, requests, stop } = await startSimulator({ accounts: [acme, other] })
  atFileEnd(stop)
  const ask = (accountId: string) =>
    fetch(`${baseUrl}enterprise/info`, {
      headers: { 'x-account-id': accountId, 'x-tinymdm-manager-apikey-public': acme.publicKey, 'x-tinymdm-manager-apikey-secret': acme.secretKey },
    })
  const answers = await Promise.all(Array.from({ length: 60 }, () => ask(acme.accountId)))
  const refused = answers.filter(({ status }) => status === 429)
  expect(refused[0]?.headers.get('retry-after')).toBe('1')
  expect(answers.map(({ status }) => status).filter((status) => status !== 200 && status !== 429)).toEqual([])
  const taken = requests.filter(({ status }) => status === 200).map(({ at }) => at)
  // Of any six that it took, the last came a second after the first.
  expect(taken.slice(5).every((at, index) => at - (taken[index] ?? 0) >= 1000)).toBe(true)
  expect(taken.length).toBeGreaterThanOrEqual(5)
  expect((await ask(other.accountId)).status).toBe(200)
})

test('the jobs and the schedule are those that are looked for', async () => {
  expect(tinymdm.schedules).toMatchObject([{ spec: { name: 'mdm_schedule', cron: ['*/30 * * * *'], startsStopped: false, assets: ['group:mdm_assets'] } }])
  expect(tinymdm.jobs.map(({ name }) => name)).toEqual(['push_device_config', 'sync_and_push'])
  const { demo } = tinymdm
  expect(demo?.when({ TINYMDM_ACCOUNT_ID: ' ' })).toBe(true)
  for (const name of ['TINYMDM_ORGANIZATIONS', 'TINYMDM_ACCOUNT_ID', 'TINYMDM_APIKEY_PUBLIC']) expect(demo?.when({ [name]: 'x' })).toBe(false)
  const started = await demo?.start()
  expect(await getJson(`${started?.env['TINYMDM_BASE_URL'] ?? ''}devices`)).toMatchObject({ status: 401 })
  await started?.stop()
})

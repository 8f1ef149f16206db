import tailscale from '../../pipelines/tailscale/definitions.ts'
import { simulatedDevices } from '../../pipelines/tailscale/simulated-devices.ts'
import { staleMinutesOf, staleOf } from '../../pipelines/tailscale/stale.ts'
import { thrownBy } from '../sources/failure.ts'
import { startEngine } from '../support/engine.ts'
import type { Engine, RunView } from '../support/engine.ts'
import { beforeAll, describe, expect, startHttpServer, test } from '../support/test.ts'

const day = 86_400_000
const ago = (days: number): string => new Date(Date.now() - days * day).toISOString()
const device = (id: string, lastSeen?: string) => ({ id, nodeId: `n${id}`, name: `${id}.example.com`, ...(lastSeen === undefined ? {} : { lastSeen }) })

test.each([
  [{}, 129_600],
  [{ TAILSCALE_DEVICE_STALE_MINUTES: ' ' }, 129_600],
  [{ TAILSCALE_DEVICE_STALE_MINUTES: '0.5' }, 0.5],
])('%j is stale after %d minutes', (env, minutes) => {
  expect(staleMinutesOf(env)).toBe(minutes)
})

test.each(['ninety', '-1', '0', '1e3', '10 minutes'])('%s minutes are a clear error', (text) => {
  const error = thrownBy(() => staleMinutesOf({ TAILSCALE_DEVICE_STALE_MINUTES: text }))
  expect(error).toMatchObject({ name: 'ConfigError', message: expect.stringContaining(`TAILSCALE_DEVICE_STALE_MINUTES is ${JSON.stringify(text)}`) })
})

test('a device is stale by the list alone: one that is connected never is, and one whose date cannot be read is not judged', () => {
  const before = '2026-03-01T00:00:00Z'
  const devices = [
    device('old', '2026-02-28T23:59:59Z'),
    device('there'),
    device('odd', 'yesterday'),
    { ...device('number'), lastSeen: 5 },
    device('just', '2026-03-01T00:00:00Z'),
  ]
  const { stale, unreadable } = staleOf(devices, before)
  expect([stale, unreadable].map((some) => some.map(({ id }) => id))).toEqual([['old'], ['odd', 'number']])
})

describe('on a worker', () => {
  let engine: Engine
  const asked: string[] = []
  let devices: readonly object[] = [device('1', ago(91)), device('2', ago(400)), device('3', ago(100)), device('4', ago(89)), device('5'), device('6', 'never')]
  const answers: Record<string, number> = { '1': 200, '2': 404, '3': 500 }

  beforeAll(async () => {
    const server = await startHttpServer((request, response) => {
      const id = /\/device\/(\w+)$/.exec(request.url ?? '')?.[1]
      asked.push(`${request.method ?? ''} ${id ?? 'list'} ${request.headers.authorization ?? ''}`)
      if (id === undefined) return response.end(JSON.stringify({ devices }))
      return response.writeHead(answers[id] ?? 403, { 'content-type': 'application/json' }).end('{"message":"as told"}')
    })
    engine = await startEngine({ backend: 'postgres' })
    const env = { TAILSCALE_BASE_URL: server.url, TAILSCALE_API_KEY: 'to-read', TAILSCALE_PRUNING_API_KEY: 'to-write', TAILSCALE_TAILNET: 'example.com' }
    await engine.work(tailscale, { env })
    return engine.stop
  })
  const stored = async (asset: string): Promise<unknown> => engine.value('SELECT value FROM tailscale.asset_value WHERE asset = $1', [`tailscale/${asset}`])
  const checksOf = async ({ id }: RunView) =>
    engine.query(`SELECT name, passed, blocking, message FROM millrace.check_result WHERE run_id = $1 AND asset = 'tailscale/pruned_devices'`, [id])

  test('a table without a snapshot says what to do', async () => {
    const { step } = await engine.run('tailscale/devices')
    expect(step).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'VALUE_MISSING', hint: 'Materialize tailscale/device_snapshot first.' } })
    expect(asked).toEqual([])
  })

  test('removes what is stale, each with one request and its own credentials; what is left fails a check, and the rest is removed', async () => {
    const run = await engine.succeed('+tailscale/pruned_devices')
    expect(asked).toEqual(['GET list Bearer to-read', 'DELETE 1 Bearer to-write', 'DELETE 2 Bearer to-write', 'DELETE 3 Bearer to-write'])
    expect(await stored('device_snapshot')).toEqual({ tailnet: 'example.com', listedAt: expect.any(String), devices })
    const named = (id: string) => ({ id, name: `${id}.example.com` })
    expect(await stored('pruned_devices')).toEqual({
      pruned: [named('1')],
      goneAlready: [named('2')],
      left: [{ ...named('3'), problem: expect.stringContaining('answered 500: {"message":"as told"}') }],
    })
    expect(await checksOf(run)).toEqual([{ name: 'all_pruned', passed: false, blocking: false, message: '1 of 3 are left: 3.example.com.' }])
    expect(run.events.map(({ message }) => message)).toContain('the device 6.example.com is left out: its lastSeen cannot be read')
  })

  test('goes by no list but the one just downloaded', async () => {
    await engine.query(`UPDATE tailscale.asset_value SET value = jsonb_set(value, '{listedAt}', to_jsonb($1::text)) WHERE asset = 'tailscale/stale_devices'`, [
      ago(1),
    ])
    const before = asked.length
    const run = await engine.run('tailscale/pruned_devices')
    expect(run.step).toMatchObject({ status: 'failed', attempt: 1, error: { code: 'TAILSCALE_LIST_OLD' } })
    expect(asked).toHaveLength(before)
  })

  test('of nothing says so', async () => {
    devices = [device('5')]
    const run = await engine.succeed('+tailscale/pruned_devices')
    expect(run.events.map(({ message }) => message)).toContain('no device is stale: nothing to prune')
    expect(await stored('pruned_devices')).toEqual({ pruned: [], goneAlready: [], left: [] })
  })

  test('a list without a device is taken for a mistake: nothing is stored of it', async () => {
    const before = await stored('device_snapshot')
    devices = []
    const run = await engine.run('group:tailscale')
    expect(run.steps.map(({ status }) => status).toSorted()).toEqual(['failed', 'skipped', 'skipped', 'skipped'])
    expect(run.events.map(({ message }) => message).join('\n')).toContain('The check not_empty of tailscale/device_snapshot failed: example.com has no device.')
    expect(await stored('device_snapshot')).toEqual(before)
  })

  test('a sync asks for the list once, and makes every table of it, with its time; a list is in a table once', async () => {
    const listed = async () => (await stored('device_snapshot')) as { readonly listedAt: string; readonly devices: readonly object[] }
    const rows = () =>
      engine.query(
        `SELECT synced_at, count(*)::int AS history, (SELECT count(*)::int FROM tailscale.devices d WHERE d.synced_at = h.synced_at) AS devices
         FROM tailscale.device_history h GROUP BY synced_at ORDER BY synced_at`,
      )
    devices = simulatedDevices(Date.now(), 'example.com')
    const before = asked.length
    await engine.succeed('group:tailscale')
    expect(asked.slice(before)).toEqual(['GET list Bearer to-read'])
    const first = await listed()
    expect(first.devices).toEqual(devices)
    expect(await rows()).toEqual([{ synced_at: new Date(first.listedAt), history: 200, devices: 200 }])
    const raw = await engine.query('SELECT raw_data FROM tailscale.device_history WHERE tailnet = $1', ['example.com'])
    expect(raw.map((one) => one['raw_data'])).toEqual(expect.arrayContaining([...devices]))
    expect(await engine.value('SELECT count(*)::int FROM tailscale.device WHERE last_synced_at = $1', [first.listedAt])).toBe(200)

    await engine.succeed(['tailscale/devices', 'tailscale/device_history'])
    expect(asked.slice(before)).toHaveLength(1)
    expect(await rows()).toHaveLength(1)

    devices = devices.slice(1)
    await engine.succeed('group:tailscale')
    const { listedAt } = await listed()
    expect(await rows()).toEqual([
      { synced_at: new Date(first.listedAt), history: 200, devices: 200 },
      { synced_at: new Date(listedAt), history: 199, devices: 199 },
    ])
    expect(await engine.value('SELECT count(*)::int FROM tailscale.device WHERE last_synced_at = $1', [listedAt])).toBe(199)
  })
})

test('the schedules are the ones that are looked for: syncing goes on by itself, and somebody has to start what deletes', () => {
  expect(tailscale.schedules.map(({ spec }) => spec)).toMatchObject([
    { name: 'tailscale_schedule', cron: ['*/30 * * * *'], assets: ['group:tailscale'], startsStopped: false },
    { name: 'tailscale_device_deletion_schedule', cron: ['0 16 * * *'], timeZone: 'UTC', startsStopped: true },
  ])
  const groupOf = (name: string) => tailscale.assets.filter(({ group }) => group === name).map(({ key }) => key)
  expect(groupOf('tailscale')).toEqual(['tailscale/device_snapshot', 'tailscale/devices', 'tailscale/device_history', 'tailscale/device'])
  expect(groupOf('tailscale_pruning')).toEqual(['tailscale/stale_devices', 'tailscale/pruned_devices'])
})

import { describe, expect, test } from 'vitest'
import { tinymdm } from '../../pipelines/tinymdm/client.ts'
import { currentDevices } from '../../pipelines/tinymdm/current-devices.ts'
import type { ListedFleet } from '../../pipelines/tinymdm/current-devices.ts'
import type { ManagedDevice } from '../../pipelines/tinymdm/device-manager.ts'
import { organizationsOf } from '../../pipelines/tinymdm/organizations.ts'
import type { DeviceRow } from '../../pipelines/tinymdm/rows.ts'
import { managedApps, managedDevice } from '../../pipelines/tinymdm/tinymdm-device.ts'
import { thrownBy } from '../sources/failure.ts'
import { startHttpServer } from '../support/http-server.ts'

const [monday, tuesday] = ['2026-03-02T10:00:00.000Z', '2026-03-03T10:00:00.000Z']

function read(raw: object): ManagedDevice {
  const device = managedDevice(raw)
  if (typeof device === 'string') throw new Error(device)
  return device
}
const listed = (id: string, more: object = {}): ManagedDevice => read({ id, name: `name of ${id}`, ...more })
const fleet = (devices: readonly ManagedDevice[], more: Partial<ListedFleet> = {}): ListedFleet => ({
  organization: 'o',
  fleet: 'f',
  user: 'reader',
  devices,
  ...more,
})
const known = (id: string, more: Partial<DeviceRow> = {}): DeviceRow => ({
  id,
  organization: 'o',
  fleet: 'f',
  name: `name of ${id}`,
  serialNumber: '',
  userId: null,
  userName: 'someone',
  raw: {},
  firstListedAt: monday,
  lastListedAt: monday,
  deletedAt: null,
  ...more,
})

describe('the current devices', () => {
  const both = fleet([listed('a', { serial_number: 'S1' })])
  test.each<
    [
      what: string,
      rows: readonly DeviceRow[],
      fleets: readonly ListedFleet[],
      complete: readonly string[],
      written: Record<string, object>,
      notes: readonly string[],
    ]
  >([
    ['a new one has the fleet’s user', [], [both], ['o'], { a: { userName: 'reader', firstListedAt: tuesday, deletedAt: null } }, []],
    [
      'a known one keeps its user and its first time',
      [known('a')],
      [both],
      ['o'],
      { a: { userName: 'someone', firstListedAt: monday, lastListedAt: tuesday, serialNumber: 'S1' } },
      [],
    ],
    [
      'one that is not listed is deleted',
      [known('b')],
      [both],
      ['o'],
      { a: {}, b: { deletedAt: tuesday, lastListedAt: monday } },
      ['the device b (name of b) is no longer listed: it is deleted'],
    ],
    ['nothing is deleted where a list is not whole', [known('b')], [both], [], { a: {} }, []],
    ['nothing is deleted of a fleet that was not asked for', [known('b', { fleet: 'other' })], [both], ['o'], { a: {} }, []],
    ['what is deleted is not written again', [known('b', { deletedAt: monday })], [both], ['o'], { a: {} }, []],
    [
      'what is deleted and listed again stays deleted, and is told of',
      [known('a', { deletedAt: monday })],
      [both],
      ['o'],
      {},
      [`the device a (name of a) is listed again, and stays deleted as of ${monday}`],
    ],
    [
      'one enrolled again is a new one; the old is deleted, in whatever fleet it was',
      [known('old', { serialNumber: 'S1', fleet: 'elsewhere' })],
      [both],
      [],
      { old: { deletedAt: tuesday }, a: { userName: 'reader', firstListedAt: tuesday } },
      ['the device old (name of old) was enrolled again as a: the one is deleted, the other new'],
    ],
    [
      'two with one serial number that are both listed stay',
      [known('b', { serialNumber: 'S1' })],
      [fleet([...both.devices, listed('b')])],
      ['o'],
      { a: {}, b: { deletedAt: null } },
      [],
    ],
    ['an empty serial number is nobody’s', [known('b')], [fleet([listed('a')])], [], { a: {} }, []],
    [
      'one that is listed in another fleet moves',
      [known('a')],
      [fleet([], {}), fleet([listed('a')], { fleet: 'g' })],
      ['o'],
      { a: { fleet: 'g', userName: 'someone', deletedAt: null } },
      ['the device a (name of a) moved from f of o to g of o'],
    ],
    [
      'one that is listed twice is of the first',
      [],
      [both, fleet([listed('a')], { fleet: 'g' })],
      ['o'],
      { a: { fleet: 'f' } },
      ['the device a is listed in f of o and in g of o: it is taken to be in the first'],
    ],
  ])('%s', (_, rows, fleets, complete, written, notes) => {
    const made = currentDevices({ known: rows, fleets, complete: new Set(complete), at: tuesday })
    expect(Object.fromEntries(made.rows.map((row) => [row.id, row]))).toEqual(
      Object.fromEntries(Object.entries(written).map(([id, some]) => [id, expect.objectContaining(some)])),
    )
    expect(made.notes.map(({ message }) => message)).toEqual(notes)
  })
})

describe('what the API lists', () => {
  test.each([
    [
      { id: 7, name: 'n', nickname: 'nick', serial_number: null },
      { id: '7', name: 'nick', serialNumber: '' },
    ],
    [
      { id: '', serial_number: 12, name: 'n', nickname: '' },
      { id: '12', name: 'n', serialNumber: '12' },
    ],
    [
      { id: 'a', os_version: null, battery_level: null, geolocation_positions: [] },
      { osVersion: null, batteryLevel: null, latitude: null, lastSync: null },
    ],
    [{ id: 'a', last_sync_timestamp: 0 }, { lastSync: null }],
    [{ id: 'a', last_sync_timestamp: 1_767_225_600 }, { lastSync: '2026-01-01T00:00:00.000Z' }],
    [
      {
        id: 'a',
        geolocation_positions: [
          { latitude: 1, longitude: 2 },
          { latitude: '47.5', longitude: '-8' },
        ],
      },
      { latitude: 47.5, longitude: -8 },
    ],
    [
      { id: 'a', geolocation_positions: [{ latitude: 1, longitude: 2 }, { latitude: null }] },
      { latitude: null, longitude: null },
    ],
  ])('%j is read', (raw, device) => {
    expect(read(raw)).toMatchObject({ ...device, raw })
  })

  test.each([
    [{ name: 'n' }, 'neither id nor serial_number'],
    [{ id: 'a', battery_level: 'full' }, 'battery_level'],
    ['a', 'expected object'],
  ])('%j cannot be, and says why', (raw, why) => {
    expect(managedDevice(raw)).toContain(why)
  })

  test('a package that is there twice is one app, of its newest version', () => {
    const app = (version_code: number) => ({ package_name: 'org.example', app_name: 'x', version_code, version_name: null })
    expect(managedApps([app(3), app(9), app(4)])).toEqual([{ packageName: 'org.example', appName: 'x', versionCode: 9, versionName: null }])
  })
})

const throttle = { turn: () => Promise.resolve(), pause: () => Promise.resolve() }

test.each<[what: string, pages: readonly [count: number, ...ids: string[]][], ids: string, gap: string | undefined]>([
  [
    'in pages',
    [
      [3, 'a', 'b'],
      [3, 'c'],
    ],
    'a,b,c',
    undefined,
  ],
  ['of nothing', [[0]], '', undefined],
  [
    'that knows no second page',
    [
      [3, 'a', 'b'],
      [3, 'a', 'b'],
    ],
    'a,b',
    'Of 3 devices 2 were listed.',
  ],
  ['that ends early', [[3, 'a', 'b'], [3]], 'a,b', 'Of 3 devices 2 were listed.'],
  [
    'in which one came first meanwhile',
    [
      [3, 'a', 'b'],
      [4, 'b', 'c'],
    ],
    'a,b,c',
    'It had 3 devices at first and 4 at last.',
  ],
  [
    'in which one left, and another is on no page',
    [
      [4, 'a', 'b'],
      [3, 'd'],
    ],
    'a,b,d',
    'It had 4 devices at first and 3 at last.',
  ],
])('a list %s is whole, or says that it is not', async (_, pages, ids, gap) => {
  const server = await startHttpServer((request, response) => {
    const [count, ...listed] = pages[Number(new URL(request.url ?? '', 'http://x').searchParams.get('page') ?? 1) - 1] ?? [0]
    response.end(JSON.stringify({ count, results: listed.map((id) => ({ id })) }))
  })
  const account = { accountId: '1', publicKey: 'public', secretKey: 'secret' }
  const manager = tinymdm({ account, baseUrl: new URL(`${server.url}/`), perSecond: 5, throttle, variables: 'X' })
  const list = await manager.list('1', new AbortController().signal)
  expect(list.devices.map(({ id }) => id).join()).toBe(ids)
  expect(list.gaps).toEqual(gap === undefined ? [] : [gap])
})

describe('organizations', () => {
  const account = {
    TINYMDM_ACCOUNT_ID: '1',
    TINYMDM_APIKEY_PUBLIC: 'p',
    TINYMDM_APIKEY_SECRET: 'hidden-key',
    TINYMDM_FLEETS: '[{"name":"f","group":3},{"name":"g"}]',
  }

  test('are one by default, or those that are named, each with its own variables and state', () => {
    expect(organizationsOf(account, throttle)).toMatchObject([{ name: 'default', state: 'ready', fleets: [{ name: 'f', group: '3' }, { name: 'g' }] }])
    const env = { ...account, TINYMDM_ORGANIZATIONS: 'acme, globex', TINYMDM_ACME_ACCOUNT_ID: '2' }
    expect(organizationsOf(env, throttle)).toMatchObject([
      { name: 'acme', state: 'wrong', error: { message: expect.stringContaining('TINYMDM_ACME_APIKEY_PUBLIC and TINYMDM_ACME_APIKEY_SECRET') } },
      { name: 'globex', state: 'not configured', variable: 'TINYMDM_GLOBEX_ACCOUNT_ID' },
    ])
  })

  test.each([
    [{ TINYMDM_FLEETS: '' }, 'TINYMDM_FLEETS is not set'],
    [{ TINYMDM_FLEETS: '{' }, 'TINYMDM_FLEETS is no JSON'],
    [{ TINYMDM_FLEETS: '[{"group":"1"}]' }, '0.name'],
    [{ TINYMDM_FLEETS: '[{"name":"f"},{"name":"f"}]' }, 'names the fleet f twice'],
  ])('with %j are wrong, and say why', (env, message) => {
    expect(organizationsOf({ ...account, ...env }, throttle)).toMatchObject([{ state: 'wrong', error: { message: expect.stringContaining(message) } }])
  })

  test.each([{ TINYMDM_ORGANIZATIONS: 'acme,acme' }, { TINYMDM_ORGANIZATIONS: 'Acme' }, { TINYMDM_BASE_URL: 'tinymdm' }, { TINYMDM_REQUESTS_PER_SECOND: '0' }])(
    'with %j are an error that names the variable',
    (env) => {
      const [variable = ''] = Object.keys(env)
      expect(thrownBy(() => organizationsOf({ ...account, ...env }, throttle))).toMatchObject({
        name: 'ConfigError',
        message: expect.stringContaining(variable),
      })
    },
  )
})

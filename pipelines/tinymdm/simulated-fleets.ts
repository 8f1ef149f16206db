import type { Demo } from 'millrace'
import { startSimulator } from './simulator.ts'
import type { ApiApp, ApiDevice } from './simulator.ts'

const packages = ['org.example.forms', 'org.example.maps', 'org.example.reader', 'com.example.launcher'] as const

/** A made-up device: nulls, absences and lists of positions as the API has them. */
export function simulatedDevice(index: number, more: Readonly<Record<string, unknown>> = {}): ApiDevice {
  return {
    id: `d${String(1000 + index)}`,
    name: `SM-T${String(500 + index)}`,
    nickname: index % 3 === 0 ? null : `tablet ${String(index)}`,
    serial_number: index % 7 === 6 ? null : `R52W${String(index).padStart(5, '0')}`,
    manufacturer: index % 2 === 0 ? 'samsung' : 'Lenovo',
    os_version: index % 5 === 4 ? null : String(11 + (index % 4)),
    battery_level: index % 4 === 3 ? null : (index * 37) % 101,
    enrollment_type: index % 6 === 5 ? 'work_profile' : 'fully_managed',
    last_sync_timestamp: 1_767_225_600 + index * 61,
    ...(index % 3 === 1 ? {} : { geolocation_positions: positionsOf(index) }),
    user_id: `u${String(2000 + index)}`,
    ...more,
  }
}

function positionsOf(index: number): readonly { readonly latitude: number; readonly longitude: number }[] {
  return Array.from({ length: index % 3 }, (_, step) => ({ latitude: 47 + index / 100 + step / 1000, longitude: 8 + index / 100 }))
}

/** The apps of a device, by its id alone. */
export function simulatedApps(deviceId: string): ApiApp[] {
  const number = Number(/\d+$/.exec(deviceId)?.[0] ?? 0)
  return packages.slice(0, 1 + (number % packages.length)).map((name, index) => ({
    package_name: name,
    app_name: index === 3 ? null : (name.split('.').at(-1) ?? null),
    version_code: 10 + (number % 5),
    version_name: `1.${String(number % 5)}`,
  }))
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index)

/** Two fleets of one organization, for this process alone: the simulator and its secrets live and die with it. */
export const startDemo: Demo['start'] = async () => {
  const account = { accountId: 'demo', publicKey: crypto.randomUUID(), secretKey: crypto.randomUUID() }
  const groups = { '1': range(0, 12).map((index) => simulatedDevice(index)), '2': range(12, 20).map((index) => simulatedDevice(index)) }
  const simulator = await startSimulator({ accounts: [{ ...account, paidLicences: 25, groups, appsOf: simulatedApps }] })
  return {
    env: {
      TINYMDM_BASE_URL: simulator.baseUrl,
      TINYMDM_ACCOUNT_ID: account.accountId,
      TINYMDM_APIKEY_PUBLIC: account.publicKey,
      TINYMDM_APIKEY_SECRET: account.secretKey,
      TINYMDM_FLEETS: JSON.stringify([
        { name: 'readers', group: '1', user: 'reader' },
        { name: 'kiosks', group: '2' },
      ]),
    },
    notice:
      'No TinyMDM account is set, so a bundled simulator of its API with 20 made-up devices stands in. Set TINYMDM_ACCOUNT_ID, its keys and TINYMDM_FLEETS to use your own.',
    stop: simulator.stop,
  }
}

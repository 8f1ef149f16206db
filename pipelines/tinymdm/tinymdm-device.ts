import * as z from 'zod'
import type { ManagedApp, ManagedDevice, RawDevice } from './device-manager.ts'

const Name = z.union([z.string(), z.number()]).transform(String)
const Text = z.string().nullish()
/** Coordinates come as numbers and as text. */
const Coordinate = z.union([
  z.number(),
  z
    .string()
    .regex(/^\s*-?\d+(\.\d+)?\s*$/)
    .transform(Number),
])
const Position = z.object({ latitude: Coordinate, longitude: Coordinate })

const Device = z.looseObject({
  id: Name.nullish(),
  name: Text,
  nickname: Text,
  serial_number: Name.nullish(),
  manufacturer: Text,
  os_version: Name.nullish(),
  battery_level: z.number().nullish(),
  enrollment_type: Text,
  /** Unix seconds. */
  last_sync_timestamp: z.number().nullish(),
  /** The last one is the latest. */
  geolocation_positions: z.array(z.unknown()).nullish(),
  user_id: Name.nullish(),
})

/** One that TinyMDM lists, or why it cannot be read, as the end of a sentence. */
export function managedDevice(raw: unknown): ManagedDevice | string {
  const parsed = Device.safeParse(raw)
  if (!parsed.success) return parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`).join('; ')
  const one = parsed.data
  const serialNumber = one.serial_number ?? ''
  const id = one.id === null || one.id === undefined || one.id === '' ? serialNumber : one.id
  if (id === '') return 'it has neither id nor serial_number'
  const position = Position.safeParse(one.geolocation_positions?.at(-1)).data
  return {
    id,
    name: (one.nickname ?? '') === '' ? (one.name ?? '') : (one.nickname ?? ''),
    serialNumber,
    manufacturer: one.manufacturer ?? null,
    osVersion: one.os_version ?? null,
    batteryLevel: one.battery_level ?? null,
    enrollmentType: one.enrollment_type ?? null,
    lastSync: timeOf(one.last_sync_timestamp),
    latitude: position?.latitude ?? null,
    longitude: position?.longitude ?? null,
    userId: one.user_id ?? null,
    // It was parsed as JSON, and is an object.
    raw: raw as RawDevice,
  }
}

/** One that never synced has no time, or 0. */
function timeOf(seconds: number | null | undefined): string | null {
  const time = new Date((seconds ?? 0) * 1000)
  return time.getTime() > 0 ? time.toISOString() : null
}

const App = z.looseObject({ package_name: z.string().min(1), app_name: Text, version_code: z.int().nullish(), version_name: Text })

/** What a device's list of apps has, each package once: where one is there twice, its newest version. Throws ZodError. */
export function managedApps(raw: readonly unknown[]): ManagedApp[] {
  const apps = new Map<string, ManagedApp>()
  for (const one of z.array(App).parse(raw)) {
    const app = { packageName: one.package_name, appName: one.app_name ?? null, versionCode: one.version_code ?? null, versionName: one.version_name ?? null }
    const known = apps.get(app.packageName)
    if (known === undefined || (known.versionCode ?? 0) < (app.versionCode ?? 0)) apps.set(app.packageName, app)
  }
  return [...apps.values()]
}

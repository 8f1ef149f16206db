import * as z from 'zod'
import { RawDevice } from './device-manager.ts'
import type { ManagedApp, ManagedDevice } from './device-manager.ts'

const syncedAt = z.iso.datetime().meta({ description: 'When the sync began; one time for all that it found' })

/** One row per device per sync. */
export const SnapshotRow = z.object({
  id: z.string().meta({ description: 'The id in the MDM; the serial number where there is none' }),
  organization: z.string(),
  fleet: z.string(),
  name: z.string().meta({ description: 'Its nickname, or else its name' }),
  serialNumber: z.string().meta({ description: 'Empty where there is none' }),
  manufacturer: z.string().nullable(),
  osVersion: z.string().nullable(),
  batteryLevel: z.number().nullable().meta({ description: 'Percent' }),
  enrollmentType: z.string().nullable(),
  lastSync: z.iso.datetime().nullable().meta({ description: 'When it was last in touch with the MDM; null: never' }),
  latitude: z.number().nullable().meta({ description: 'Of its latest position' }),
  longitude: z.number().nullable().meta({ description: 'Of its latest position' }),
  raw: RawDevice.meta({ description: 'The device as the API told it' }),
  syncedAt,
})

export interface SnapshotRecord {
  readonly organization: string
  readonly fleet: string
  readonly device: ManagedDevice
}

export function snapshotRow({ organization, fleet, device }: SnapshotRecord, at: string): z.input<typeof SnapshotRow> {
  const { userId: _, ...listed } = device
  return { organization, fleet, ...listed, syncedAt: at }
}

/** One row per app per device per sync. */
export const AppRow = z.object({
  deviceId: z.string(),
  packageName: z.string(),
  appName: z.string().nullable(),
  versionCode: z.int().nullable(),
  versionName: z.string().nullable(),
  syncedAt,
})

export interface AppRecord {
  readonly deviceId: string
  readonly app: ManagedApp
}

/** The current devices. */
export const DeviceRow = z.object({
  id: z.string().meta({ description: 'The id in the MDM; the serial number where there is none' }),
  organization: z.string(),
  fleet: z.string(),
  name: z.string(),
  serialNumber: z.string(),
  userId: z.string().nullable().meta({ description: 'Its user in the MDM, to whom configuration is pushed' }),
  userName: z.string().nullable().meta({ description: 'Given when the device was first listed: the fleet’s' }),
  raw: RawDevice.nullable().meta({ description: 'As last listed; null: never synced' }),
  firstListedAt: z.iso.datetime(),
  lastListedAt: z.iso.datetime().nullable().meta({ description: 'The sync that last listed it, and so its latest snapshot' }),
  deletedAt: z.iso.datetime().nullable().meta({ description: 'The sync that found it gone; null: it is there' }),
})
export type DeviceRow = z.input<typeof DeviceRow>

import * as z from 'zod'

/** How the API says that a key never expires. */
const never = '0001-01-01T00:00:00Z'

/** A device as the API lists it. What may be absent there is optional here. */
export interface Device {
  readonly addresses: string[]
  readonly authorized: boolean
  readonly blocksIncomingConnections: boolean
  readonly clientVersion: string
  /** Empty for a device that is shared into the tailnet. */
  readonly created?: string
  readonly expires?: string
  readonly hostname: string
  readonly id: string
  readonly isExternal: boolean
  readonly keyExpiryDisabled: boolean
  /** Absent while the device is connected. */
  readonly lastSeen?: string
  readonly machineKey: string
  readonly name: string
  readonly nodeId: string
  readonly nodeKey: string
  readonly os: string
  readonly tags?: string[]
  readonly tailnetLockError?: string
  readonly tailnetLockKey?: string
  readonly updateAvailable: boolean
  readonly user: string
}

/** One row per device per sync: every field of the API. */
export const DeviceRow = z.object({
  addresses: z.array(z.string()),
  authorized: z.boolean(),
  blocksIncomingConnections: z.boolean(),
  clientVersion: z.string(),
  created: z.iso.datetime().nullable().meta({ description: 'When it joined; null where the API does not say' }),
  expires: z.iso.datetime().nullable().meta({ description: 'When its key expires; null: never' }),
  hostname: z.string(),
  id: z.string(),
  isExternal: z.boolean(),
  keyExpiryDisabled: z.boolean(),
  lastSeen: z.iso.datetime().nullable().meta({ description: 'When it was last connected; null: it was connected at the sync' }),
  machineKey: z.string(),
  name: z.string(),
  nodeId: z.string(),
  nodeKey: z.string(),
  os: z.string(),
  tags: z.array(z.string()).nullable(),
  tailnetLockError: z.string().nullable(),
  tailnetLockKey: z.string().nullable(),
  updateAvailable: z.boolean(),
  user: z.string(),
  syncedAt: z.iso.datetime().meta({ description: 'When the list was asked for; one time for all of its devices' }),
})

/** A device as a row of `tailscale/devices`. */
export function deviceRow(device: Device, syncedAt: string): z.input<typeof DeviceRow> {
  return {
    ...device,
    created: device.created === '' ? null : (device.created ?? null),
    expires: device.expires === never || device.expires === '' ? null : (device.expires ?? null),
    lastSeen: device.lastSeen ?? null,
    tags: device.tags ?? null,
    tailnetLockError: device.tailnetLockError ?? null,
    tailnetLockKey: device.tailnetLockKey ?? null,
    syncedAt,
  }
}

import * as z from 'zod'

/** A device as a manager's API tells it. */
export const RawDevice = z.record(z.string(), z.json())
export type RawDevice = z.infer<typeof RawDevice>

/** A device as a manager of devices lists it. */
export interface ManagedDevice {
  /** The serial number where the manager gives no id. */
  readonly id: string
  readonly name: string
  /** Empty where there is none. */
  readonly serialNumber: string
  readonly manufacturer: string | null
  readonly osVersion: string | null
  /** Percent. */
  readonly batteryLevel: number | null
  readonly enrollmentType: string | null
  /** ISO 8601, UTC. */
  readonly lastSync: string | null
  readonly latitude: number | null
  readonly longitude: number | null
  /** Whom the manager has it assigned to, which is where its configuration goes. */
  readonly userId: string | null
  readonly raw: RawDevice
}

/** The devices of a group. */
export interface DeviceList {
  readonly devices: readonly ManagedDevice[]
  /** Why devices may be missing in it; empty where none can be. Then a device that is not in the list is not in the group. */
  readonly gaps: readonly string[]
}

export interface ManagedApp {
  readonly packageName: string
  readonly appName: string | null
  readonly versionCode: number | null
  readonly versionName: string | null
}

/** Devices that an account may have. */
export interface Licences {
  readonly paid: number
  readonly used: number
}

/**
 * What a manager of devices (MDM) must be able to do: one account of it. TinyMDM is one; another needs a function that answers this.
 * All of it throws SourceError, and the signal's reason once that is aborted.
 */
export interface DeviceManager {
  readonly list: (groupId: string, signal: AbortSignal) => Promise<DeviceList>
  /** How many devices a group has. */
  readonly count: (groupId: string, signal: AbortSignal) => Promise<number>
  /** Of a device that is gone: undefined. */
  readonly apps: (deviceId: string, signal: AbortSignal) => Promise<readonly ManagedApp[] | undefined>
  readonly licences: (signal: AbortSignal) => Promise<Licences>
  /** Names a device's user, and hands it a configuration; empty text for none. */
  readonly configureUser: (user: { readonly userId: string; readonly name: string; readonly configuration: string }, signal: AbortSignal) => Promise<void>
  readonly joinGroup: (member: { readonly userId: string; readonly groupId: string }, signal: AbortSignal) => Promise<void>
  readonly notify: (message: { readonly deviceId: string; readonly title: string; readonly message: string }, signal: AbortSignal) => Promise<void>
}

import type { ManagedDevice } from './device-manager.ts'
import type { DeviceRow } from './rows.ts'

/** What a sync found in one fleet. */
export interface ListedFleet {
  readonly organization: string
  readonly fleet: string
  /** The user name of devices that are new in it. */
  readonly user: string | null
  readonly devices: readonly ManagedDevice[]
}

export interface Sync {
  /** What is stored, what is deleted too. */
  readonly known: readonly DeviceRow[]
  readonly fleets: readonly ListedFleet[]
  /** Organizations of which every fleet was listed whole: what none of them has is gone. */
  readonly complete: ReadonlySet<string>
  /** When the sync began; ISO 8601, UTC. */
  readonly at: string
}

export interface Note {
  readonly level: 'info' | 'warn'
  readonly message: string
}

/**
 * The rows to be written: each device that was listed, and those that are gone, with the time. A device is known by its id. One whose serial number is known under another id
 * was enrolled again: the other is deleted. What is deleted stays so, and is not written again.
 */
export function currentDevices({ known, fleets, complete, at }: Sync): { readonly rows: DeviceRow[]; readonly notes: Note[] } {
  const notes: Note[] = []
  const note = (message: string, level: Note['level'] = 'info'): void => void notes.push({ level, message })
  const byId = new Map(known.map((row) => [row.id, row]))
  const bySerial = Map.groupBy(
    known.filter((row) => row.deletedAt === null && row.serialNumber !== ''),
    (row) => row.serialNumber,
  )
  const places = new Map<string, string>()
  const rows = new Map<string, DeviceRow>()
  const listed = fleets.flatMap((fleet) => fleet.devices.map((device) => ({ device, ...fleet })))
  for (const { device, organization, fleet } of listed) {
    const place = `${fleet} of ${organization}`
    const other = places.get(device.id)
    if (other === undefined) places.set(device.id, place)
    else note(`the device ${device.id} is listed in ${other} and in ${place}: it is taken to be in the first`, 'warn')
  }
  for (const { device, organization, fleet, user } of listed) {
    if (rows.has(device.id)) continue
    const before = byId.get(device.id)
    if (before !== undefined && before.deletedAt !== null) {
      note(`the device ${device.id} (${device.name}) is listed again, and stays deleted as of ${before.deletedAt}`, 'warn')
      continue
    }
    if (before === undefined) {
      for (const old of bySerial.get(device.serialNumber) ?? []) {
        if (places.has(old.id) || rows.has(old.id)) continue
        rows.set(old.id, { ...old, deletedAt: at })
        note(`the device ${old.id} (${old.name}) was enrolled again as ${device.id}: the one is deleted, the other new`)
      }
    } else if (before.organization !== organization || before.fleet !== fleet) {
      note(`the device ${device.id} (${device.name}) moved from ${before.fleet} of ${before.organization} to ${fleet} of ${organization}`)
    }
    rows.set(device.id, {
      id: device.id,
      organization,
      fleet,
      name: device.name,
      serialNumber: device.serialNumber,
      userId: device.userId,
      userName: before === undefined ? user : before.userName,
      raw: device.raw,
      firstListedAt: before?.firstListedAt ?? at,
      lastListedAt: at,
      deletedAt: null,
    })
  }
  const synced = new Set(fleets.map(({ organization, fleet }) => `${organization} ${fleet}`))
  for (const row of known) {
    if (row.deletedAt !== null || places.has(row.id) || rows.has(row.id)) continue
    if (!complete.has(row.organization) || !synced.has(`${row.organization} ${row.fleet}`)) continue
    rows.set(row.id, { ...row, deletedAt: at })
    note(`the device ${row.id} (${row.name}) is no longer listed: it is deleted`)
  }
  return { rows: [...rows.values()], notes }
}

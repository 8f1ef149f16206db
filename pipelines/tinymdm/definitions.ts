import { defineLocation, graphAsset, job, schedule, table } from 'millrace'
import type { Log } from 'millrace'
import { postgresJson } from 'millrace/io'
import * as z from 'zod'
import { currentDevices } from './current-devices.ts'
import type { ListedFleet } from './current-devices.ts'
import { deviceApps } from './device-apps.ts'
import type { DeviceList } from './device-manager.ts'
import { eachFleet, fleetsOf } from './fleets.ts'
import type { FleetPlace, FleetsContext } from './fleets.ts'
import { organizationStatus } from './organization-status.ts'
import { hasNoAccount } from './organizations.ts'
import type { Organization } from './organizations.ts'
import { pushChosen, pushOrganization } from './push.ts'
import { devices, mdm } from './resources.ts'
import { AppRow, DeviceRow, snapshotRow, SnapshotRow } from './rows.ts'
import type { AppRecord, SnapshotRecord } from './rows.ts'
import { startDemo } from './simulated-fleets.ts'

const group = 'mdm_assets'
const config = z.object({ organization: z.string().optional().meta({ description: 'Only this organization. Default: all' }) })
const io = postgresJson({ schema: 'tinymdm' })

/** Devices on a page of rows. */
const perPage = 500

interface SyncContext {
  readonly config: { readonly organization?: string | undefined }
  readonly resources: { readonly mdm: readonly Organization[] }
  readonly signal: AbortSignal
  readonly log: Log
}

const fleetsContext = ({ config: { organization }, resources, signal, log }: SyncContext): FleetsContext => ({
  organizations: resources.mdm,
  only: organization,
  signal,
  log,
})

async function listFleet({ organization, fleet, groupId }: FleetPlace, { signal, log }: SyncContext): Promise<DeviceList> {
  const list = await organization.manager.list(groupId, signal)
  for (const gap of list.gaps) log.error(`the list of the fleet ${fleet} of ${organization.name} is not whole: ${gap}`)
  log('listed', { organization: organization.name, fleet, devices: list.devices.length })
  return list
}

const deviceSnapshot = table({
  key: 'tinymdm/device_snapshot',
  description: 'One row per device per sync, as the MDM listed it.',
  group,
  columns: SnapshotRow,
  primaryKey: ['id', 'syncedAt'],
  // By which the latest of an organization is found.
  indexes: [['organization', 'syncedAt']],
  write: { disposition: 'append' },
  config,
  resources: { mdm },
  extract: async function* (context) {
    // A device is in one fleet; one that the MDM lists in two has one row.
    const seen = new Set<string>()
    yield* eachFleet(fleetsContext(context), async function* (place) {
      const list = await listFleet(place, context)
      const fresh = list.devices.filter(({ id }) => !seen.has(id))
      for (const { id } of fresh) seen.add(id)
      for (const page of pagesOf(fresh, perPage)) yield page.map((device) => ({ organization: place.organization.name, fleet: place.fleet, device }))
    })
  },
  transform: (record: SnapshotRecord, context) => snapshotRow(record, context.runStartedAt),
  quarantine: true,
})

const deviceSnapshotApp = table({
  key: 'tinymdm/device_snapshot_app',
  description: 'One row per app per device of the snapshot, per sync. One request a device, as fast as the account may be asked.',
  group,
  columns: AppRow,
  primaryKey: ['deviceId', 'packageName', 'syncedAt'],
  write: { disposition: 'append' },
  deps: [deviceSnapshot],
  config,
  resources: { mdm, devices },
  extract: deviceApps,
  resumable: true,
  transform: ({ deviceId, app }: AppRecord, context) => ({ deviceId, ...app, syncedAt: context.runStartedAt }),
  quarantine: true,
  // At five requests a second 60,000 devices take so long.
  timeoutMs: 4 * 3_600_000,
})

const device = table({
  key: 'tinymdm/device',
  description: 'The devices as last listed, one row each. One that is gone stays, with the time at which a sync found that.',
  group,
  columns: DeviceRow,
  primaryKey: ['id'],
  indexes: ['serialNumber'],
  write: { disposition: 'merge' },
  deps: [deviceSnapshot],
  // What is known is read before it is merged: two syncs at once would decide by the same.
  pool: 'tinymdm_device',
  config,
  resources: { mdm, devices },
  extract: async function* (context) {
    const known = await context.resources.devices.known()
    const fleets: (ListedFleet & { readonly whole: boolean })[] = []
    for await (const fleet of eachFleet(fleetsContext(context), async function* (place) {
      const { devices: listed, gaps } = await listFleet(place, context)
      yield { organization: place.organization.name, fleet: place.fleet, user: place.user, devices: listed, whole: gaps.length === 0 }
    })) {
      fleets.push(fleet)
    }
    const isWhole = (organization: string, fleet: string): boolean =>
      fleets.some((one) => one.whole && one.organization === organization && one.fleet === fleet)
    const complete = context.resources.mdm.filter((one) => one.state === 'ready' && fleetsOf(one).every(({ fleet }) => isWhole(one.name, fleet)))
    const { rows, notes } = currentDevices({ known, fleets, complete: new Set(complete.map(({ name }) => name)), at: context.runStartedAt })
    for (const { level, message } of notes) context.log[level](message)
    yield* pagesOf(rows, perPage)
  },
  quarantine: true,
})

const pushedDevices = graphAsset({
  key: 'tinymdm/pushed_devices',
  description: 'The devices that the organization’s configuration was last pushed to.',
  group: 'mdm_push',
  deps: [device],
  graph: pushOrganization,
  io,
})

export default defineLocation({
  name: 'tinymdm',
  assets: [deviceSnapshot, deviceSnapshotApp, device, organizationStatus(io), pushedDevices],
  jobs: [
    job({ name: 'push_device_config', description: 'Pushes the configuration of the devices named by `device_ids`.', graph: pushChosen }),
    job({
      name: 'sync_and_push',
      description: 'Syncs the fleets of one `organization`, then pushes the configuration of its devices that have a user name.',
      assets: [deviceSnapshot, deviceSnapshotApp, device, pushedDevices].map(({ key }) => key),
    }),
  ],
  schedules: [schedule({ name: 'mdm_schedule', cron: '*/30 * * * *', timeZone: 'UTC', runOnFirstStart: true, assets: `group:${group}` })],
  pools: { tinymdm_device: 1 },
  demo: { when: hasNoAccount, start: startDemo },
})

function* pagesOf<T>(all: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += size) yield all.slice(from, from + size)
}

import { defineLocation, notEmpty, schedule, sqlAsset, table, unique } from 'millrace'
import * as z from 'zod'
import { hasNoCredentials } from './client.ts'
import { DeviceRow, deviceRow } from './device.ts'
import type { Device } from './device.ts'
import { deviceSnapshot, ListPage, snapshotDevices, stored } from './device-snapshot.ts'
import { prunedDevices, staleDevices } from './pruning.ts'
import { group } from './resources.ts'
import { startSimulator } from './simulator.ts'

const devices = table({
  key: 'tailscale/devices',
  description: 'One row per device per sync, with every field of the API.',
  group,
  columns: DeviceRow,
  write: { disposition: 'append' },
  deps: [deviceSnapshot],
  cursor: { field: 'syncedAt' },
  resources: { stored },
  extract: snapshotDevices,
  transform: (device: Device, { page }) => deviceRow(device, ListPage.parse(page).listedAt),
  checks: [unique(['nodeId', 'syncedAt'])],
})

const deviceHistory = table({
  key: 'tailscale/device_history',
  description: 'One row per device per sync: the device as the API told it. Its node_id leads to its current device.',
  group,
  columns: z.object({
    tailnet: z.string(),
    nodeId: z.string(),
    rawData: z.record(z.string(), z.json()),
    syncedAt: z.iso.datetime(),
  }),
  write: { disposition: 'append' },
  indexes: ['syncedAt', 'tailnet', 'nodeId'],
  deps: [deviceSnapshot],
  cursor: { field: 'syncedAt' },
  resources: { stored },
  extract: snapshotDevices,
  transform: (device: Device, { page }) => {
    const { tailnet, listedAt } = ListPage.parse(page)
    return { tailnet, nodeId: device.nodeId, rawData: { ...device }, syncedAt: listedAt }
  },
  checks: [unique(['nodeId', 'syncedAt'])],
})

const device = sqlAsset({
  key: 'tailscale/device',
  description: 'The devices as last listed, one row each. One that has left the tailnet stays, with the time at which it was last in a list.',
  group,
  // A device without lastSeen was connected when it was listed: null.
  select: `
    SELECT DISTINCT ON (node_id)
      node_id,
      raw_data ->> 'name' AS name,
      (raw_data ->> 'lastSeen')::timestamptz AS last_seen,
      tailnet,
      synced_at AS last_synced_at
    FROM tailscale.device_history
    ORDER BY node_id, synced_at DESC`,
  store: { kind: 'table', primaryKey: ['node_id'], indexes: ['last_seen'] },
  deps: [deviceHistory],
  checks: [notEmpty()],
})

export default defineLocation({
  name: 'tailscale',
  assets: [deviceSnapshot, devices, deviceHistory, device, staleDevices, prunedDevices],
  schedules: [
    schedule({ name: 'tailscale_schedule', cron: '*/30 * * * *', timeZone: 'UTC', runOnFirstStart: true, assets: 'group:tailscale' }),
    // It deletes: somebody has to start it.
    schedule({ name: 'tailscale_device_deletion_schedule', cron: '0 16 * * *', timeZone: 'UTC', startsStopped: true, assets: '+tailscale/pruned_devices' }),
  ],
  demo: {
    when: hasNoCredentials,
    start: async () => {
      // For this process alone: the simulator and its secret live and die with it.
      const account = { tailnet: 'demo.example.com', clientId: 'simulator', clientSecret: crypto.randomUUID() }
      const simulator = await startSimulator(account)
      return {
        env: {
          TAILSCALE_BASE_URL: simulator.baseUrl,
          TAILSCALE_OAUTH_CLIENT_ID: account.clientId,
          TAILSCALE_OAUTH_CLIENT_SECRET: account.clientSecret,
          TAILSCALE_TAILNET: account.tailnet,
        },
        notice:
          'No Tailscale credentials are set, so a bundled simulator of its API with 200 made-up devices stands in. Set TAILSCALE_API_KEY and TAILSCALE_TAILNET to use your own tailnet.',
        stop: simulator.stop,
      }
    },
  },
})

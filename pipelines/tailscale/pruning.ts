import { asset, DataError, output } from 'millrace'
import * as z from 'zod'
import { deviceSnapshot, Listed, preview, stored } from './device-snapshot.ts'
import { pruner, staleness } from './resources.ts'
import { staleOf } from './stale.ts'

const pruningGroup = 'tailscale_pruning'
const minute = 60_000
/** A device that was away may be back: nothing is removed by a list that is older. */
const freshFor = 60 * minute

export const staleDevices = asset({
  key: 'tailscale/stale_devices',
  description: 'Those of the list that were not seen for TAILSCALE_DEVICE_STALE_MINUTES.',
  group: pruningGroup,
  inputs: { list: deviceSnapshot },
  resources: { staleness },
  value: Listed,
  io: stored,
  run: ({ inputs: { list }, resources, log }) => {
    const before = new Date(Date.parse(list.listedAt) - resources.staleness.minutes() * minute).toISOString()
    const { stale, unreadable } = staleOf(list.devices, before)
    for (const { id, name, lastSeen } of unreadable) log.warn(`the device ${name} is left out: its lastSeen cannot be read`, { id, lastSeen: lastSeen ?? null })
    log('stale', { devices: stale.length, of: list.devices.length, before })
    return output({ ...list, devices: stale }, { metadata: { ...preview('Stale Devices Preview', stale), count: stale.length } })
  },
})

const Named = z.object({ id: z.string(), name: z.string() })

export const prunedDevices = asset({
  key: 'tailscale/pruned_devices',
  description: 'Removes the stale devices from the tailnet, one by one.',
  group: pruningGroup,
  inputs: { stale: staleDevices },
  resources: { pruner },
  value: z.object({ pruned: z.array(Named), goneAlready: z.array(Named), left: z.array(Named.extend({ problem: z.string() })) }),
  io: stored,
  checks: [{ name: 'all_pruned', blocking: false, description: 'No stale device is left in the tailnet.' }],
  // What could not be removed is in the check; a removal is sent once.
  retry: { retries: 0 },
  run: async ({ inputs: { stale }, resources, signal, log }) => {
    refuseOld(stale.listedAt)
    if (stale.devices.length === 0) log('no device is stale: nothing to prune')
    const value: { pruned: Named[]; goneAlready: Named[]; left: (Named & { problem: string })[] } = { pruned: [], goneAlready: [], left: [] }
    for (const { id, name } of stale.devices) {
      try {
        const how = await resources.pruner.remove(id, signal)
        value[how === 'removed' ? 'pruned' : 'goneAlready'].push({ id, name })
        log(`${how === 'removed' ? 'removed' : 'gone already:'} ${name}`, { id })
      } catch (error) {
        signal.throwIfAborted()
        const problem = error instanceof Error ? error.message : String(error)
        value.left.push({ id, name, problem })
        log.error(`not removed: ${name}`, { id, problem })
      }
    }
    const { pruned, goneAlready, left } = value
    return output(value, {
      metadata: { pruned: pruned.length + goneAlready.length, 'gone already': goneAlready.length, left: left.length },
      checks: [
        left.length === 0
          ? { name: 'all_pruned', passed: true, message: 'none is left.' }
          : {
              name: 'all_pruned',
              passed: false,
              message: `${String(left.length)} of ${String(stale.devices.length)} are left: ${left.map(({ name }) => name).join(', ')}.`,
              metadata: { left },
            },
      ],
    })
  },
})
type Named = z.infer<typeof Named>

/** @throws DataError where a device may have been seen since */
function refuseOld(listedAt: string): void {
  if (Date.now() - Date.parse(listedAt) <= freshFor) return
  throw new DataError(`The stale devices are those of a list of ${listedAt}, which is more than an hour old: nothing was removed`, {
    code: 'TAILSCALE_LIST_OLD',
    hint: 'Materialize +tailscale/pruned_devices, which lists them anew.',
  })
}

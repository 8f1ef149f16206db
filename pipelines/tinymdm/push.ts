import { ConfigError, DataError, graph, mapOver, op } from 'millrace'
import type { Log } from 'millrace'
import * as z from 'zod'
import type { PushTarget } from './device-store.ts'
import { configured, fleetsOf } from './fleets.ts'
import type { Organization } from './organizations.ts'
import { devices, mdm } from './resources.ts'

const deviceIds = z.array(z.string())

const chosenDevices = op({
  name: 'push_device_config',
  description: 'The devices that are asked for, all of which must be known.',
  config: z.object({ device_ids: z.array(z.string().min(1)).min(1).meta({ description: 'Ids, as in tinymdm.device' }) }),
  resources: { devices },
  output: deviceIds,
  run: async ({ config, resources, log }) => {
    const wanted = [...new Set(config.device_ids)]
    const found = await resources.devices.targets({ ids: wanted })
    refuseUnknown(wanted, found)
    return syncedOnes(found, log)
  },
})

const devicesOfOrganization = op({
  name: 'devices_of_organization',
  description: 'The devices of an organization that are there and have a user name.',
  config: z.object({ organization: z.string().min(1) }),
  resources: { devices, mdm },
  output: deviceIds,
  run: async ({ config, resources, log }) => {
    configured({ organizations: resources.mdm, only: config.organization, log })
    const found = await resources.devices.targets({ organization: config.organization })
    return syncedOnes(
      found.filter(({ deleted, userName }) => !deleted && (userName ?? '') !== ''),
      log,
    )
  },
})

const pushDevice = op({
  name: 'push_device',
  description: 'Gives the device’s user its name and configuration, puts it into the group of the fleet, and tells the device where there is a configuration.',
  inputs: { device: z.string() },
  resources: { devices, mdm },
  output: z.string(),
  run: async ({ inputs, resources, signal, log }) => {
    const [target] = await resources.devices.targets({ ids: [inputs.device] })
    if (target === undefined || target.deleted) {
      throw new DataError(`The device ${inputs.device} is no longer there`, { code: 'TINYMDM_DEVICE_GONE', hint: 'A sync found meanwhile that it is gone.' })
    }
    const { manager, groupId } = placeOf(target, resources.mdm)
    if (target.userId === null) {
      throw new DataError(`The device ${target.id} has no user in the MDM`, {
        code: 'TINYMDM_DEVICE_WITHOUT_USER',
        hint: 'A configuration is its user’s. Give it one there, and sync.',
      })
    }
    const { id, userId, configuration } = target
    const userName = target.userName ?? ''
    await manager.configureUser({ userId, name: userName === '' ? id : `${userName} - ${id}`, configuration }, signal)
    await manager.joinGroup({ userId, groupId }, signal)
    if (configuration !== '') await manager.notify({ deviceId: id, ...newConfiguration }, signal)
    log('pushed', { device: id, user: userId, configuration: configuration === '' ? 'none' : 'sent' })
    return id
  },
})

/** What the device shows. The configuration itself is with its user. */
const newConfiguration = {
  title: 'New configuration',
  message: 'This device has a new configuration. Close its apps and open them again; if nothing changes, restart it.',
}

const pushedOnes = { key: (id: string): string => id }

/** A step for each device, so that one that fails leaves the others alone, and a retry pushes only what failed. */
export const pushChosen = graph({
  name: 'push_chosen_devices',
  compose: () => {
    mapOver(chosenDevices(), (device) => pushDevice({ device }), pushedOnes)
  },
})

export const pushOrganization = graph({
  name: 'push_organization',
  compose: () => mapOver(devicesOfOrganization(), (device) => pushDevice({ device }), pushedOnes).collect(),
})

function refuseUnknown(wanted: readonly string[], found: readonly PushTarget[]): void {
  const known = new Map(found.map((one) => [one.id, one]))
  const unknown = wanted.filter((id) => !known.has(id))
  const deleted = wanted.filter((id) => known.get(id)?.deleted === true)
  if (unknown.length === 0 && deleted.length === 0) return
  const named = [...(unknown.length === 0 ? [] : [`unknown: ${unknown.join(', ')}`]), ...(deleted.length === 0 ? [] : [`deleted: ${deleted.join(', ')}`])]
  throw new DataError(`Not all of these devices are there; nothing was pushed. ${named.join('; ')}.`, {
    code: 'TINYMDM_DEVICES_UNKNOWN',
    hint: 'The ids are those of tinymdm.device. One that is new in the MDM is there after the next sync.',
  })
}

/** One that no sync has listed yet has no user whom it could be pushed to. */
function syncedOnes(targets: readonly PushTarget[], log: Log): string[] {
  for (const { id } of targets.filter(({ synced }) => !synced)) log.warn(`the device ${id} was never synced, and is left out`)
  return targets.filter(({ synced }) => synced).map(({ id }) => id)
}

function placeOf({ id, organization: name, fleet }: PushTarget, organizations: readonly Organization[]) {
  const organization = organizations.find((one) => one.name === name)
  if (organization?.state === 'wrong') throw organization.error
  const place = organization?.state === 'ready' ? fleetsOf(organization).find((one) => one.fleet === fleet) : undefined
  if (organization?.state === 'ready' && place !== undefined) return { manager: organization.manager, groupId: place.groupId }
  const what = organization?.state === 'ready' ? `the fleet ${fleet} of ${name}, which has no group` : `the organization ${name}, which is not configured`
  throw new ConfigError(`The device ${id} is of ${what}`, {
    code: 'TINYMDM_FLEET_UNKNOWN',
    hint: 'See TINYMDM_ORGANIZATIONS and the fleets’ variables in docs/tinymdm.md.',
  })
}

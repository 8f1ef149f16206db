import { asset, metadata, output } from 'millrace'
import type { ExtractContext, IoManager, JsonObject, RawPage } from 'millrace'
import { postgresJson } from 'millrace/io'
import * as z from 'zod'
import { ListedDevice } from './client.ts'
import { group, tailscale } from './resources.ts'

/** Where the list is kept, and what is made of it as JSON. */
export const stored = postgresJson({ schema: 'tailscale' })

/** A list of devices, as it was downloaded. */
export const Listed = z.object({
  /** The list lacks it. */
  tailnet: z.string(),
  listedAt: z.iso.datetime(),
  devices: z.array(ListedDevice),
})

export const deviceSnapshot = asset({
  key: 'tailscale/device_snapshot',
  description: 'The devices of the tailnet, as the API lists them: what all the others are made from.',
  group,
  resources: { tailscale },
  value: Listed,
  io: stored,
  checks: [
    {
      name: 'not_empty',
      blocking: true,
      run: ({ value }) => (value.devices.length > 0 ? { passed: true } : { passed: false, message: `${value.tailnet} has no device.` }),
    },
  ],
  run: async ({ resources, signal, log }) => {
    const listedAt = new Date().toISOString()
    const devices = await resources.tailscale.list(signal)
    log('listed', { devices: devices.length })
    return output({ tailnet: resources.tailscale.tailnet, listedAt, devices }, { metadata: preview('Devices preview', devices) })
  },
})

/** What each page of the list brings along for its devices. */
export const ListPage = Listed.pick({ tailnet: true, listedAt: true })

/** Devices on a page. */
const perPage = 500

type SnapshotContext = Pick<ExtractContext<JsonObject, { readonly stored: IoManager }>, 'resources' | 'cursor' | 'signal' | 'log'>

/**
 * The devices of the snapshot that is stored, for a table whose cursor is the time of the list. None where the table has that list already: whoever materializes it
 * again, or beside another run, adds nothing twice.
 * @throws DataError `VALUE_MISSING` where there is no snapshot
 */
export async function* snapshotDevices({ resources, cursor, signal, log }: SnapshotContext): AsyncGenerator<RawPage, void, undefined> {
  const { devices, ...extra } = Listed.parse(await resources.stored.load({ asset: deviceSnapshot.key, partition: undefined }, { signal }))
  if (typeof cursor === 'string' && Date.parse(extra.listedAt) <= Date.parse(cursor)) {
    log('nothing is new: the table has this list already', { listedAt: extra.listedAt })
    return
  }
  for (let from = 0; from < devices.length; from += perPage) {
    yield { body: JSON.stringify(devices.slice(from, from + perPage)), format: { kind: 'json' }, extra }
  }
}

/** The first two devices, whole. */
export function preview(name: string, devices: readonly ListedDevice[]) {
  const rows = devices.slice(0, 2).map((one) => z.record(z.string(), z.json()).parse(one))
  return { [name]: metadata.json(rows) }
}

import { DataError } from 'millrace'
import type { ExtractContext, RecordPage } from 'millrace'
import * as z from 'zod'
import type { DeviceStore, SnapshotDevice } from './device-store.ts'
import { eachFleet } from './fleets.ts'
import type { FleetPlace, FleetsContext } from './fleets.ts'
import type { Organization } from './organizations.ts'
import type { AppRecord } from './rows.ts'

/** Requests that are under way at once, so that the rate limit is what they wait for, and not each other. */
const atOnce = 4
/** Devices of a fleet whose apps may fail to be listed. Where more do, it is not the devices: each would be tried for seconds. */
const mostFailed = 5

/** How far a sync has got. Fleets by `nameOf`. */
const Position = z.object({
  /** Those that it is through with, also where it gave one up. */
  done: z.array(z.string()),
  fleet: z.string(),
  /** The last device of the fleet that was asked for: they come in the order of their ids. */
  device: z.string(),
})
type Position = z.infer<typeof Position>

type Context = Pick<
  ExtractContext<{ readonly organization?: string | undefined }, { readonly mdm: readonly Organization[]; readonly devices: DeviceStore }>,
  'config' | 'resources' | 'signal' | 'position' | 'runStartedAt' | 'log'
>

/**
 * The apps of the devices of the latest snapshot: one request a device, so that it takes hours for many. It goes on after the last device that was recorded; which
 * devices there are, and their order, is the snapshot's, and so the same for every attempt.
 * @throws DataError `TINYMDM_NO_SNAPSHOT` where none was ever stored; what `eachFleet` throws
 */
export async function* deviceApps({ config, resources, signal, position, runStartedAt, log }: Context): AsyncGenerator<RecordPage<AppRecord>, void, undefined> {
  const listed = await resources.devices.snapshot(runStartedAt)
  if (listed === undefined) {
    throw new DataError('There is no snapshot of devices whose apps could be asked for.', {
      code: 'TINYMDM_NO_SNAPSHOT',
      hint: 'Materialize tinymdm/device_snapshot first: +tinymdm/device_snapshot_app does both.',
    })
  }
  if (listed.length === 0) log.warn('no device was listed within a day: there is nothing to ask for')
  const began = position === undefined ? undefined : Position.parse(position)
  const done = [...(began?.done ?? [])]
  const fleets: FleetsContext = { organizations: resources.mdm, only: config.organization, signal, log }
  yield* eachFleet(fleets, async function* (place) {
    const fleet = nameOf(place.organization.name, place.fleet)
    if (done.includes(fleet)) return
    const all = listed.filter((one) => nameOf(one.organization, one.fleet) === fleet)
    const rest = began?.fleet === fleet ? all.filter(({ id }) => id > began.device) : all
    try {
      for await (const { device, records } of appsOf(place, rest, all.length, { signal, log })) yield { records, position: { done: [...done], fleet, device } }
    } finally {
      done.push(fleet)
    }
  })
}

const nameOf = (organization: string, fleet: string): string => `${organization} ${fleet}`

interface PageOfApps {
  readonly records: readonly AppRecord[]
  /** The last one. */
  readonly device: string
}

/** @param of how many devices the fleet has in all */
async function* appsOf(
  { organization: { manager } }: FleetPlace,
  devices: readonly SnapshotDevice[],
  of: number,
  { signal, log }: Pick<Context, 'signal' | 'log'>,
): AsyncGenerator<PageOfApps, void, undefined> {
  let failed = 0
  const ask = async (id: string): Promise<AppRecord[]> => {
    try {
      const apps = await manager.apps(id, signal)
      if (apps === undefined) log.warn(`the device ${id} was gone before its apps were listed`)
      return (apps ?? []).map((app) => ({ deviceId: id, app }))
    } catch (error) {
      signal.throwIfAborted()
      failed += 1
      if (failed > mostFailed || failed === of) throw error
      log.error(`the apps of the device ${id} are not known: ${error instanceof Error ? error.message : String(error)}`)
      return []
    }
  }
  for (let from = 0; from < devices.length; from += atOnce) {
    const some = devices.slice(from, from + atOnce)
    const records = (await Promise.all(some.map(({ id }) => ask(id)))).flat()
    const last = some.at(-1)
    if (last !== undefined) yield { records, device: last.id }
  }
}

import type pg from 'pg'
import { addressOf } from '../../catalog/destination-address.ts'
import { readOutages } from '../../catalog/read/outages.ts'
import type { Config } from '../../config.ts'
import { moment } from '../../definitions/moment.ts'
import { storedError } from '../../errors.ts'
import { declaredDestinations } from '../destinations.ts'
import type { DeclaredDestination } from '../destinations.ts'
import { withClient } from '../with-client.ts'
import { examineDestination } from './databases.ts'
import { fault } from './finding.ts'
import type { Finding } from './finding.ts'

/** The destinations that definitions in force name, and what keeps workers from any of them. */
export async function examineDestinations(client: pg.Client, config: Config): Promise<Finding[]> {
  const declared = await declaredDestinations(client)
  const looked = await Promise.all(declared.map((one) => examineOne(one, config)))
  const outages = (await readOutages(client)).map(({ destination, location, host, pid, since, reason }) =>
    fault(
      `destination ${destination}`,
      `process ${String(pid)} on ${host} cannot use it for ${location} since ${moment(since)}: ${reason}`,
      'Bring it back; what waits for it goes on by itself.',
    ),
  )
  return [...looked.flat(), ...outages]
}

async function examineOne({ spec, locations }: DeclaredDestination, config: Config): Promise<Finding[]> {
  const check = `destination ${spec.name}`
  try {
    const { url, driverUrl } = addressOf(spec, config.env)
    return await withClient(driverUrl, 'doctor', async (client) => {
      await client.query(`SET statement_timeout = '10s'`)
      return examineDestination(client, { check, url, atFirstUse: true })
    })
  } catch (error) {
    const { code, message, hint } = storedError(error)
    const fix = code === 'DATABASE_UNAVAILABLE' ? `Start it, or mend ${spec.url.env}. The loads of ${locations.join(', ')} for it wait.` : hint
    return [fault(check, message, fix ?? 'Mend what the message names.')]
  }
}

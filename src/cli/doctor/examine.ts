import type pg from 'pg'
import type { Config } from '../../config.ts'
import { storedError } from '../../errors.ts'
import { findInstallation } from '../installation.ts'
import type { Installation } from '../installation.ts'
import { withClient } from '../with-client.ts'
import { examineCatalog, examineDestination } from './databases.ts'
import { examineDestinations } from './destinations.ts'
import { fault } from './finding.ts'
import type { Finding } from './finding.ts'
import { examineMachine } from './machine.ts'
import { examineRedis } from './redis.ts'
import { examineWork } from './work.ts'

/** Everything that can be looked at; what cannot is a finding too. Never throws. */
export async function examine(config: Config): Promise<Finding[]> {
  const [machine, queues, installation] = await Promise.all([
    attempt('machine', () => examineMachine(config)),
    config.redisUrl === undefined ? [] : attempt('queues', () => examineRedis(config.redisUrl ?? '')),
    attempt('database', async () => await examineInstallation(config)),
  ])
  return [...machine, ...installation, ...queues]
}

async function examineInstallation(config: Config): Promise<Finding[]> {
  const installation = await findInstallation(config)
  if (installation === undefined) {
    return [
      fault('database', `DATABASE_URL is not set, and no embedded database runs in ${config.home}`, 'Start one with `millrace dev`, or set DATABASE_URL.'),
    ]
  }
  const [catalog, destination] = await Promise.all([
    attempt('database', () => within(installation.databaseUrl, (client) => catalogAndWork(client, installation, config))),
    attempt('destination', () =>
      within(installation.destinationUrl, (client) =>
        examineDestination(client, { check: 'destination', url: installation.destinationUrl, atFirstUse: false }),
      ),
    ),
  ])
  return [...catalog, ...destination]
}

async function catalogAndWork(client: pg.Client, installation: Installation, config: Config): Promise<Finding[]> {
  const catalog = await examineCatalog(client, installation, config)
  const migrated = catalog.every((finding) => finding.check !== 'catalogue schema' || finding.level === 'ok')
  if (!migrated) return catalog
  return [
    ...catalog,
    ...(await attempt('destinations', () => examineDestinations(client, config))),
    ...(await attempt('work', () => examineWork(client, config))),
  ]
}

function within(url: string, use: (client: pg.Client) => Promise<Finding[]>): Promise<Finding[]> {
  return withClient(url, 'doctor', async (client) => {
    // Somebody's lock must not keep the doctor waiting.
    await client.query(`SET statement_timeout = '10s'`)
    return use(client)
  })
}

async function attempt(check: string, look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look()
  } catch (error) {
    const { code, message, hint } = storedError(error)
    const fix =
      code === 'DATABASE_UNAVAILABLE'
        ? `Start it, or mend ${check === 'destination' ? 'DESTINATION_URL' : 'DATABASE_URL'}.`
        : (hint ?? 'Mend what the message names.')
    return [fault(check, message, fix)]
  }
}

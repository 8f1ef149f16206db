import { addressOf } from '../catalog/destination-address.ts'
import { migrateDestination } from '../catalog/migrate.ts'
import type { MigrationPatience, MigrationReport } from '../catalog/migrate.ts'
import type { Config } from '../config.ts'
import { reasonOf } from '../postgres.ts'
import { isConnectionLoss } from '../workers/failure.ts'
import { declaredDestinations } from './destinations.ts'
import { withClient } from './with-client.ts'

/** What was done to a destination, or why it was left out. */
export interface DestinationReport extends MigrationReport {
  readonly destination: string
  readonly leftOut?: string
}

/**
 * Brings the schema of every named destination up to date. One that is not set here, or that nobody reaches, is left out: load workers
 * do it when they first use it, and it must keep nobody from deploying.
 */
export async function migrateDestinations(databaseUrl: string, config: Config, patience: MigrationPatience): Promise<DestinationReport[]> {
  const declared = await withClient(databaseUrl, 'migrate', (client) => declaredDestinations(client))
  const reports: DestinationReport[] = []
  for (const { spec } of declared) {
    const found = await migrateOne(() => addressOf(spec, config.env).driverUrl, patience)
    reports.push({ destination: spec.name, ...found })
  }
  return reports
}

async function migrateOne(url: () => string, patience: MigrationPatience): Promise<MigrationReport & { readonly leftOut?: string }> {
  try {
    return await migrateDestination(url(), patience)
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error
    const unreached = isConnectionLoss(error) || /^(28|3D000)/.test(String(error.code)) || String(error.code).startsWith('DESTINATION_')
    if (!unreached) throw error
    return { schema: 'millrace_load', applied: [], leftOut: reasonOf(error) }
  }
}

import { Command } from '@commander-js/extra-typings'
import { migrate } from '../../catalog/migrate.ts'
import type { MigrationReport } from '../../catalog/migrate.ts'
import { readEnvironment } from '../environment.ts'
import { migrateDestinations } from '../migrate-destinations.ts'
import type { DestinationReport } from '../migrate-destinations.ts'
import { requireInstallation, waitForDatabase } from '../installation.ts'

export function migrateCommand() {
  return new Command('migrate')
    .description('Bring the schemas of catalogue, destination and queues up to date. Safe to run concurrently.')
    .option('--json', 'print what was done as JSON')
    .action(async ({ json }) => {
      const { config, logger } = readEnvironment()
      const log = (message: string): void => logger.warn(message)
      const installation = await requireInstallation(config)
      await waitForDatabase(installation.databaseUrl, 60_000)
      const reports = [
        ...(await migrate({ ...installation, queuesInPostgres: config.redisUrl === undefined, log })),
        ...(await migrateDestinations(installation.databaseUrl, config, { log })),
      ]
      if (json === true) process.stdout.write(`${JSON.stringify(reports)}\n`)
      else for (const report of reports) process.stdout.write(describe(report))
    })
}

function describe(report: MigrationReport | DestinationReport): string {
  const { schema, applied } = report
  const where = 'destination' in report ? `${schema} of ${report.destination}` : schema
  const left = 'leftOut' in report ? report.leftOut : undefined
  const what = applied.length === 0 ? 'up to date' : `applied ${applied.join(', ')}`
  return `${where}: ${left === undefined ? what : `left out, a worker does it when it first uses it. ${left}`}\n`
}

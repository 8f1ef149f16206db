import { Command } from '@commander-js/extra-typings'
import { migrate } from '../../catalog/migrate.ts'
import { readEnvironment } from '../environment.ts'
import { requireInstallation, waitForDatabase } from '../installation.ts'

export function migrateCommand() {
  return new Command('migrate')
    .description('Bring the schemas of catalogue, destination and queues up to date. Safe to run concurrently.')
    .option('--json', 'print what was done as JSON')
    .action(async ({ json }) => {
      const { config } = readEnvironment()
      const installation = await requireInstallation(config)
      await waitForDatabase(installation.databaseUrl, 60_000)
      const reports = await migrate({ ...installation, queuesInPostgres: config.redisUrl === undefined })
      if (json === true) process.stdout.write(`${JSON.stringify(reports)}\n`)
      else
        for (const { schema, applied } of reports) process.stdout.write(`${schema}: ${applied.length === 0 ? 'up to date' : `applied ${applied.join(', ')}`}\n`)
    })
}

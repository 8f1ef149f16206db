import { Command } from '@commander-js/extra-typings'
import { findDestination } from '../destinations.ts'
import { readEnvironment } from '../environment.ts'
import { requireInstallation } from '../installation.ts'

export function urlCommand() {
  return new Command('url')
    .description('Print the connection string of the destination, password included, for psql and other programs.')
    .option('--catalog', 'of the catalogue instead')
    .option('-d, --destination <name>', 'of the destination that assets name so')
    .option('-l, --location <name>', 'where several locations call different ones so')
    .addHelpText('after', '\nExample:\n  psql "$(npx millrace url)"')
    .action(async ({ catalog, destination, location }, command) => {
      if (catalog === true && destination !== undefined) command.error('error: --catalog and --destination exclude each other')
      const { config } = readEnvironment()
      const url = catalog === true ? (await requireInstallation(config)).databaseUrl : (await findDestination(config, destination, location)).url
      process.stdout.write(`${url}\n`)
    })
}

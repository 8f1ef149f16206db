import { Command } from '@commander-js/extra-typings'
import { readEnvironment } from '../environment.ts'
import { requireInstallation } from '../installation.ts'

export function urlCommand() {
  return new Command('url')
    .description('Print the connection string of the destination, password included, for psql and other programs.')
    .option('--catalog', 'of the catalogue instead')
    .addHelpText('after', '\nExample:\n  psql "$(npx millrace url)"')
    .action(async ({ catalog }) => {
      const installation = await requireInstallation(readEnvironment().config)
      process.stdout.write(`${catalog === true ? installation.databaseUrl : installation.destinationUrl}\n`)
    })
}

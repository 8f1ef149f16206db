import { text } from 'node:stream/consumers'
import { Command } from '@commander-js/extra-typings'
import { wholeNumber } from '../argument.ts'
import { findDestination } from '../destinations.ts'
import { readEnvironment } from '../environment.ts'
import { requireInstallation } from '../installation.ts'
import { csvFormat, jsonFormat, tableFormat } from '../sql/result-format.ts'
import { runStatement } from '../sql/statement.ts'
import { createStandardOutput } from '../standard-output.ts'
import { withClient } from '../with-client.ts'

const examples = `
One statement, in a read-only transaction. Values are printed as Postgres prints them; rows are streamed.

Examples:
  millrace sql 'select * from tailscale.device limit 10'
  millrace sql --csv 'table retail.operational_data' > operations.csv
  millrace sql --destination finance 'select count(*) from finance.invoices'
  millrace sql --json --catalog 'select * from millrace.run order by created_at desc limit 5'
  millrace sql - < report.sql`

/** Rows fetched at a time: a page of wide rows stays within a few MiB, and more gained nothing. */
const pageRows = 1000

export function sqlCommand() {
  return new Command('sql')
    .description('Run a statement on the destination and print its rows.')
    .argument('<statement>', 'the SQL; - reads it from standard input')
    .option('--catalog', 'run it on the catalogue instead')
    .option('-d, --destination <name>', 'run it on the destination that assets name so')
    .option('-l, --location <name>', 'where several locations call different ones so')
    .option('--write', 'let it change something')
    .option('--json', 'print an array of objects')
    .option('--csv', 'print CSV with a heading')
    .option('--limit <rows>', 'print no more rows than that', wholeNumber)
    .addHelpText('after', examples)
    .action(async (statement, options, command) => {
      if (options.json === true && options.csv === true) command.error('error: --json and --csv exclude each other')
      if (options.catalog === true && options.destination !== undefined) command.error('error: --catalog and --destination exclude each other')
      const { config } = readEnvironment()
      const url =
        options.catalog === true
          ? (await requireInstallation(config)).databaseUrl
          : (await findDestination(config, options.destination, options.location)).driverUrl
      const sql = statement === '-' ? await text(process.stdin) : statement
      const output = createStandardOutput()
      await withClient(url, 'sql', async (client) => {
        const format = options.json === true ? jsonFormat(client) : options.csv === true ? csvFormat() : tableFormat()
        const limit = options.limit ?? Number.POSITIVE_INFINITY
        let printed = 0
        let more = false
        const summary = await runStatement(client, { text: sql, write: options.write ?? false, pageRows: Math.min(pageRows, limit + 1) }, async (page) => {
          const rows = page.rows.slice(0, limit - printed)
          printed += rows.length
          more ||= rows.length < page.rows.length
          return (await output.write(await format.page({ fields: page.fields, rows }))) && !more
        })
        await output.write(format.end(summary.command, more || printed > 0 ? printed : (summary.rowCount ?? 0), more))
      })
    })
}

import { Command, InvalidArgumentError } from '@commander-js/extra-typings'
import { parseConfig } from '../argument.ts'
import { runOnce } from '../run-once.ts'

function parseTag(text: string, all: Record<string, string>): Record<string, string> {
  const [name = '', ...value] = text.split('=')
  if (name === '' || value.length === 0) throw new InvalidArgumentError('A tag is name=value.')
  return { ...all, [name]: value.join('=') }
}

export function materializeCommand() {
  return new Command('materialize')
    .description('Materialize assets now and follow the run. With no installation running, starts what this one run needs and stops it again.')
    .argument('<assets...>', 'asset keys, group:NAME, or *')
    .option('-c, --config <json>', 'run configuration', parseConfig)
    .option('-l, --location <name>', 'the code location, where several have what is asked for')
    .option('-t, --tag <name=value>', 'a tag of the run; may be repeated', parseTag, {})
    .option('--full-refresh', 'fetch everything again, whatever cursors say, and put it in the place of what is there')
    .option('--no-follow', 'launch and do not wait for the end (needs a running installation)')
    .option('--json', 'print the end as JSON, and no progress')
    .addHelpText(
      'after',
      `
Ctrl-C cancels the run. Exit code 0: it succeeded; 1: it failed; 130: it was canceled.

Examples:
  millrace materialize tailscale/devices
  millrace materialize retail/operational_data --config '{"source_csv_path":"http://localhost:8000/2023-08-02/stock.csv"}'
  millrace materialize group:tailscale --json`,
    )
    .action(async (assets, { config, location, tag, fullRefresh, follow, json }) => {
      await runOnce({ assets, location, follow, json: json === true, tags: tag, runConfig: config, fullRefresh: fullRefresh === true })
    })
}

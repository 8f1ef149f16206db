import { Command, InvalidArgumentError } from '@commander-js/extra-typings'
import { ConfigError } from '../../errors.ts'
import { collect, parseConfig, parseTag, wholeNumber } from '../argument.ts'
import { backfillOnce } from '../backfill/backfill-once.ts'

function parsePerRun(text: string): number | 'all' {
  return text === 'all' ? text : atLeastOne(text)
}

function atLeastOne(text: string): number {
  const number = wholeNumber(text)
  if (number === 0) throw new InvalidArgumentError('At least 1.')
  return number
}

const unclear = (message: string): ConfigError => new ConfigError(message, { code: 'NOTHING_NAMED' })

export function backfillCommand() {
  return new Command('backfill')
    .description(
      'Materialize many partitions of assets, or run a job for many, by as many runs as it takes, and follow them. With no installation running, starts what it needs and stops it again.',
    )
    .argument('[assets...]', 'asset keys, group:NAME, *, or a whole selection')
    .option('--job <name>', 'a job of ops with partitions, which is run once for each of them, in place of assets')
    .option('-p, --partitions <range>', 'FROM..TO or a key, of the job or of the assets furthest upstream; may be repeated', collect, [])
    .option('--all', 'all partitions that there are')
    .option('--missing', 'only what is not there, or failed the last time, and what is made from that')
    .option('--per-run <partitions>', 'partitions that one run makes; all: as many as are ready and follow each other', parsePerRun, 1)
    .option('--runs-at-once <runs>', 'runs under way at the same time', atLeastOne, 20)
    .option('-c, --config <json>', 'configuration of the runs', parseConfig)
    .option('-l, --location <name>', 'the code location, where several have what is asked for')
    .option('-t, --tag <name=value>', 'a tag of the runs; may be repeated', parseTag, {})
    .option('--no-follow', 'start it and do not wait for the end (needs a running installation)')
    .option('--json', 'print the end as JSON, and no progress')
    .addHelpText(
      'after',
      `
One of --partitions, --all and --missing is needed. What is made from the partitions that are asked for follows by itself, as far as it is among the assets.
Ctrl-C cancels it. Exit code 0: it succeeded; 1: it failed; 130: it was canceled.

Examples:
  millrace backfill retail/sales --partitions 2026-01-01..2026-01-31
  millrace backfill 'retail/sales+' --missing
  millrace backfill retail/revenue --all --per-run 30 --runs-at-once 2
  millrace backfill --job daily_report --missing`,
    )
    .action(async (assets, { job, partitions, all, missing, perRun, runsAtOnce, config, location, tag, follow, json }) => {
      if ((assets.length === 0) === (job === undefined)) throw unclear('Say what: assets, or --job NAME.')
      if (partitions.length === 0 && all !== true && missing !== true) throw unclear('Say which: --partitions FROM..TO, --all or --missing.')
      if (partitions.length > 0 && all === true) throw unclear('Either --partitions or --all.')
      await backfillOnce({
        assets,
        job,
        location,
        partitions: partitions.length === 0 ? undefined : partitions,
        missing: missing === true,
        perRun,
        runsAtOnce,
        config,
        tags: tag,
        follow,
        json: json === true,
      })
    })
}

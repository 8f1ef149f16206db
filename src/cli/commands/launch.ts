import { Command } from '@commander-js/extra-typings'
import { collect, parseConfig, parsePriority, parseTag } from '../argument.ts'
import { runOnce } from '../run-once.ts'

export function launchCommand() {
  return new Command('launch')
    .description('Launch a job now and follow its run. With no installation running, starts what this one run needs and stops it again.')
    .argument('<job>', 'the name of the job')
    .option('-c, --config <json>', 'run configuration', parseConfig)
    .option('-l, --location <name>', 'the code location, where several have a job of this name')
    .option('-t, --tag <name=value>', 'a tag of the run; may be repeated', parseTag, {})
    .option('-p, --partition <key>', 'the partition that the run is of; of a job of assets it may be repeated', collect, [])
    .option('--partitions <from..to>', 'the partitions from one to another: of a job of ops each by a run of its own; may be repeated', collect, [])
    .option('--priority <number>', 'the greater, the sooner it leaves the queue', parsePriority)
    .option('--no-follow', 'launch and do not wait for the end (needs a running installation)')
    .option('--json', 'print the end as JSON, and no progress')
    .addHelpText(
      'after',
      `
Ctrl-C cancels the run. Exit code 0: it succeeded; 1: it failed; 130: it was canceled.
A field of the configuration is for every step that has it; what stands under \`ops\` is for one step alone.

Examples:
  millrace launch math_job
  millrace launch daily_report --partition 2026-01-31
  millrace launch daily_report --partitions 2026-01-01..2026-01-31
  millrace launch math_job --config '{"size":3,"ops":{"add_numbers_2":{"config":{"size":5}}}}'`,
    )
    .action(async (job, { config, location, tag, partition, partitions, priority, follow, json }) => {
      const asked = [...partition, ...partitions]
      await runOnce({
        assets: [],
        job,
        location,
        partitions: asked.length === 0 ? undefined : asked,
        follow,
        json: json === true,
        tags: tag,
        options: { priority },
        runConfig: config,
      })
    })
}

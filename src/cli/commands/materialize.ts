import { Command, InvalidArgumentError } from '@commander-js/extra-typings'
import { collect, parseConfig, parsePriority, parseTag } from '../argument.ts'
import { readEnvironment } from '../environment.ts'
import { planAssets } from '../plan/plan-assets.ts'
import { countPlans, describePlans, exitCodeOf } from '../plan/show-plan.ts'
import { runOnce } from '../run-once.ts'
import { createStandardOutput } from '../standard-output.ts'

interface ShowPlanOptions {
  readonly assets: readonly string[]
  readonly location: string | undefined
  readonly json: boolean
  readonly countChanges: boolean
}

async function showPlan({ assets, location, json, countChanges }: ShowPlanOptions): Promise<void> {
  const plans = await planAssets({ config: readEnvironment().config, assets, location })
  await createStandardOutput().write(json ? `${JSON.stringify({ assets: plans, ...countPlans(plans) }, null, 2)}\n` : describePlans(plans))
  process.exitCode = exitCodeOf(plans, countChanges)
}

export function materializeCommand() {
  return new Command('materialize')
    .description('Materialize assets now and follow the run. With no installation running, starts what this one run needs and stops it again.')
    .argument('<assets...>', 'asset keys, group:NAME, *, or a whole selection')
    .option('-c, --config <json>', 'run configuration', parseConfig)
    .option('-l, --location <name>', 'the code location, where several have what is asked for')
    .option('-t, --tag <name=value>', 'a tag of the run; may be repeated', parseTag, {})
    .option('-p, --partition <key>', 'the partition to make; may be repeated', collect, [])
    .option(
      '--partitions <from..to>',
      'the partitions from one to another, by this one run; of a graph-backed asset by a backfill; may be repeated',
      collect,
      [],
    )
    .option('--priority <number>', 'the greater, the sooner it leaves the queue', parsePriority)
    .option('--full-refresh', 'fetch everything again, whatever cursors say, and put it in the place of what is there')
    .option('--no-follow', 'launch and do not wait for the end (needs a running installation)')
    .option('--plan', 'show the DDL that would run and how rows would be written; launch nothing, change nothing')
    .option('--exit-code', 'with --plan: exit with 4 where a table would change')
    .option('--json', 'print the end, or the plan, as JSON, and no progress')
    .addHelpText(
      'after',
      `
Ctrl-C cancels the run. Exit code 0: it succeeded; 1: it failed; 130: it was canceled.
A plan reads the definitions in your files, not those of running workers. Exit code 0: it can run; 1: a run would be refused.

Examples:
  millrace materialize +tailscale/devices
  millrace materialize retail/operational_data --partition 2023-08-02 --config '{"source_csv_path":"http://localhost:8000/{date}/stock.csv"}'
  millrace materialize group:tailscale --json
  millrace materialize '+retail/kpi and not tag:slow'
  millrace materialize retail/revenue --partition 2023-08-02
  millrace materialize retail/revenue --partitions 2023-08-02..2023-08-06
  millrace materialize '*' --plan --exit-code`,
    )
    .action(async (assets, { config, location, tag, partition, partitions, priority, fullRefresh, follow, json, plan, exitCode }) => {
      if (plan === true) return showPlan({ assets, location, json: json === true, countChanges: exitCode === true })
      if (exitCode === true) throw new InvalidArgumentError('--exit-code goes with --plan.')
      const asked = [...partition, ...partitions]
      await runOnce({
        assets,
        location,
        partitions: asked.length === 0 ? undefined : asked,
        follow,
        json: json === true,
        tags: tag,
        options: { priority },
        runConfig: config,
        fullRefresh: fullRefresh === true,
      })
      return undefined
    })
}

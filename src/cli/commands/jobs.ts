import { Command } from '@commander-js/extra-typings'
import { currentManifests } from '../../catalog/manifests.ts'
import type { JobSpec } from '../../definitions/ops/job-spec.ts'
import { checkLocation } from '../check-location.ts'
import { readEnvironment } from '../environment.ts'
import { createStandardOutput } from '../standard-output.ts'
import { formatTable } from '../table-output.ts'
import { withCatalog } from '../with-client.ts'

export function jobsCommand() {
  return new Command('jobs').description('Look at jobs; `millrace launch` starts one.').addCommand(listCommand().exitOverride())
}

function listCommand() {
  return new Command('list')
    .description('Every job, with what it runs.')
    .option('--location <name>', 'only those of this code location')
    .option('--json', 'print an array of objects')
    .action(async ({ location, json }) => {
      const manifests = await withCatalog(readEnvironment().config, 'jobs', async (client) => {
        await checkLocation(client, location)
        return currentManifests(client, location)
      })
      const jobs = manifests.flatMap(({ manifest }) => manifest.jobs.map((one) => ({ location: manifest.location, ...one })))
      const rows = jobs.map(({ name, location: place, work, description = '' }) => ({
        job: name,
        location: place,
        runs: work.kind === 'assets' ? work.assets.join(', ') : describeGraph(work),
        description,
      }))
      await createStandardOutput().write(json === true ? `${JSON.stringify(jobs, null, 2)}\n` : jobs.length === 0 ? 'There are no jobs.\n' : jobTable(rows))
    })
}

function describeGraph({ graph, steps, partitions }: Extract<JobSpec['work'], { kind: 'graph' }>): string {
  return `graph ${graph}, ${String(steps.length)} ${steps.length === 1 ? 'step' : 'steps'}${partitions === undefined ? '' : `, ${partitions.kind} partitions`}`
}

const jobTable = (rows: readonly { job: string; location: string; runs: string; description: string }[]): string =>
  formatTable(
    [{ name: 'job' }, { name: 'location' }, { name: 'runs' }, { name: 'description' }],
    rows.map(({ job, location, runs, description }) => [job, location, runs, description]),
  )

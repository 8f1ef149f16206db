import { Command } from '@commander-js/extra-typings'
import { moveQuarantine } from '../../catalog/quarantine.ts'
import { momentAgo, quarantineLine, readQuarantine, sizeOfQuarantine } from '../../catalog/read/quarantine.ts'
import type { QuarantineFilter, QuarantineRead } from '../../catalog/read/quarantine.ts'
import type { Queryable } from '../../catalog/read/row.ts'
import { moment } from '../../definitions/moment.ts'
import { ConfigError } from '../../errors.ts'
import { harmless, parseConfig, span, wholeNumber } from '../argument.ts'
import { checkLocation } from '../check-location.ts'
import { confirm } from '../confirm.ts'
import { readEnvironment } from '../environment.ts'
import { runOnce } from '../run-once.ts'
import { findRun } from '../find-by-id.ts'
import { createStandardOutput } from '../standard-output.ts'
import { formatTable } from '../table-output.ts'
import { withCatalog } from '../with-client.ts'

const examples = `
Examples:
  millrace quarantine list shop/orders
  millrace quarantine export --run 3f2a > bad.jsonl
  millrace quarantine redrive shop/orders
  millrace quarantine discard shop/orders --run 3f2a
  millrace quarantine discard --older-than 30d --reason 'not UTF-8'`

const pageSize = 500

export function quarantineCommand() {
  return new Command('quarantine')
    .description('Look at records that did not fit their table, export them, take them through the mended code, discard them.')
    .addHelpText('after', examples)
    .addCommand(listCommand().exitOverride())
    .addCommand(exportCommand().exitOverride())
    .addCommand(redriveCommand().exitOverride())
    .addCommand(discardCommand().exitOverride())
}

interface Which {
  readonly location?: string | undefined
  readonly run?: string | undefined
  readonly discarded?: true | undefined
  /** In seconds. */
  readonly olderThan?: number | undefined
  readonly reason?: string | undefined
}

async function filterOf(client: Queryable, asset: string | undefined, { location, run, discarded, olderThan, reason }: Which): Promise<QuarantineFilter> {
  await checkLocation(client, location, { past: true })
  return {
    asset,
    location,
    runId: run === undefined ? undefined : await findRun(client, run),
    state: discarded === true ? 'discarded' : 'kept',
    before: olderThan === undefined ? undefined : await momentAgo(client, olderThan),
    reason,
  }
}

const olderThanOption = ['--older-than <span>', 'only those kept for longer: 12h, 30d, 2w', span] as const
const reasonOption = ['--reason <text>', 'only those of which this is a part of what is wrong'] as const

function listCommand() {
  return new Command('list')
    .description('The records in quarantine and what is wrong with each, the oldest first.')
    .argument('[asset]', 'only those of this asset')
    .option('--location <name>', 'only those of this code location')
    .option('--run <id>', 'only those of this run')
    .option(...olderThanOption)
    .option(...reasonOption)
    .option('--discarded', 'those that were discarded instead')
    .option('--limit <records>', 'how many', wholeNumber, 50)
    .option('--json', 'print an array of objects')
    .action(async (asset, { limit, json, ...which }) => {
      await withCatalog(readEnvironment().config, 'quarantine', async (client) => {
        const filter = await filterOf(client, asset, which)
        const found = await readQuarantine(client, filter, '0', limit)
        const output = createStandardOutput()
        if (json === true) return output.write(`[${found.map(quarantineLine).join(',\n')}]\n`)
        if (found.length === 0) return output.write('There are no such records in quarantine.\n')
        const all = await sizeOfQuarantine(client, filter)
        const more = all > found.length ? `${String(all - found.length)} more: --limit, or \`millrace quarantine export\`.\n` : ''
        return output.write(`${tableOf(found)}${more}`)
      })
    })
}

function tableOf(found: readonly QuarantineRead[]): string {
  const columns = [{ name: 'id', align: 'right' as const }, { name: 'since' }, { name: 'asset' }, { name: 'run' }, { name: 'where' }, { name: 'what is wrong' }]
  return formatTable(
    columns,
    found.map((one) => [one.id, moment(one.at), one.asset, one.runId.slice(0, 8), one.place, harmless(issuesOf(one))]),
  )
}

function issuesOf({ issues }: QuarantineRead): string {
  return issues.map((issue) => `${issue.column}: ${issue.message}${issue.value === '' ? '' : ` (it is ${issue.value})`}`).join('; ')
}

function exportCommand() {
  return new Command('export')
    .description('All of them as JSON, one a line, each with its record as it came.')
    .argument('[asset]', 'only those of this asset')
    .option('--location <name>', 'only those of this code location')
    .option('--run <id>', 'only those of this run')
    .option(...olderThanOption)
    .option(...reasonOption)
    .option('--discarded', 'those that were discarded instead')
    .action(async (asset, which) => {
      await withCatalog(readEnvironment().config, 'quarantine', async (client) => {
        const filter = await filterOf(client, asset, which)
        const output = createStandardOutput()
        for (let after = '0'; ;) {
          const page = await readQuarantine(client, filter, after, pageSize)
          await output.write(page.map((one) => `${quarantineLine(one)}\n`).join(''))
          const last = page.at(-1)
          if (last === undefined || page.length < pageSize) return
          after = last.id
        }
      })
    })
}

function redriveCommand() {
  return new Command('redrive')
    .description('Take an asset’s records in quarantine through its present code: those that fit now are loaded, once, and the others kept anew.')
    .argument('<asset>', 'its key')
    .option('-c, --config <json>', 'run configuration', parseConfig)
    .option('-l, --location <name>', 'the code location, where several have the asset')
    .option('--no-follow', 'launch and do not wait for the end (needs a running installation)')
    .option('--json', 'print the end as JSON, and no progress')
    .addHelpText('after', '\nOf a table that is replaced, only records of the run that it shows are taken: the others are older than its rows.')
    .action(async (asset, { config, location, follow, json }) => {
      await runOnce({ assets: [asset], location, runConfig: config, follow, json: json === true, redrive: true })
    })
}

function discardCommand() {
  return new Command('discard')
    .description('Give up records in quarantine: an asset’s, or those of an age or a reason. They stay readable, and --undo keeps them again.')
    .argument('[asset]', 'its key; all assets’ where an age, a reason, a run or a location is given')
    .option('--location <name>', 'only those of this code location')
    .option('--run <id>', 'only those of this run')
    .option(...olderThanOption)
    .option(...reasonOption)
    .option('--undo', 'keep again what was discarded')
    .option('-y, --yes', 'do not ask back')
    .action(async (asset, { undo, yes, ...which }) => {
      if (asset === undefined && Object.keys(which).length === 0) throw nothingNamed()
      await withCatalog(readEnvironment().config, 'quarantine', async (client) => {
        const filter = await filterOf(client, asset, { ...which, ...(undo === true ? { discarded: true as const } : {}) })
        const of = asset === undefined ? '' : ` of ${asset}`
        if (yes !== true && undo !== true) {
          const found = await sizeOfQuarantine(client, filter)
          if (found > 0 && !(await confirm(`Discard ${records(found)}${of}?`))) return process.stdout.write('Nothing was discarded.\n')
        }
        const moved = await moveQuarantine(client, filter, undo === true ? 'kept' : 'discarded')
        return process.stdout.write(`${records(moved)}${of} ${undo === true ? 'kept again' : 'discarded'}.\n`)
      })
    })
}

function records(number: number): string {
  return `${String(number)} ${number === 1 ? 'record' : 'records'}`
}

function nothingNamed(): ConfigError {
  return new ConfigError('It is not said which records are to be discarded.', {
    code: 'NOTHING_NAMED',
    hint: 'Name an asset, or say --older-than, --reason, --run or --location.',
  })
}

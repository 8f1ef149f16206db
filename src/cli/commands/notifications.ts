import { Command, Option } from '@commander-js/extra-typings'
import { outboxKinds, outboxStatuses, retryOutbox } from '../../catalog/outbox.ts'
import { readOutbox } from '../../catalog/read/outbox.ts'
import type { OutboxRead } from '../../catalog/read/outbox.ts'
import type { Queryable } from '../../catalog/read/row.ts'
import { moment } from '../../definitions/moment.ts'
import { ConfigError } from '../../errors.ts'
import { harmless, wholeNumber } from '../argument.ts'
import { checkLocation } from '../check-location.ts'
import { readEnvironment } from '../environment.ts'
import { createStandardOutput } from '../standard-output.ts'
import { formatTable, shortened } from '../table-output.ts'
import { withCatalog } from '../with-client.ts'

const examples = `
Examples:
  millrace notifications list
  millrace notifications list --status failed
  millrace notifications retry 3f2a
  millrace notifications retry --all`

export function notificationsCommand() {
  return new Command('notifications')
    .description('Look at notifications and calls of hooks, and have those tried again that were given up.')
    .addHelpText('after', examples)
    .addCommand(listCommand().exitOverride())
    .addCommand(retryCommand().exitOverride())
}

function listCommand() {
  return new Command('list')
    .description('What is in the outbox, the newest first: what waits, what was sent, and what was given up.')
    .addOption(new Option('--status <status>', 'only what is').choices(outboxStatuses))
    .addOption(new Option('--kind <kind>', 'only').choices(outboxKinds))
    .option('--location <name>', 'only of this code location')
    .option('--limit <entries>', 'how many', wholeNumber, 50)
    .option('--json', 'print an array of objects')
    .action(async ({ status, kind, location, limit, json }) => {
      await withCatalog(readEnvironment().config, 'notifications', async (client) => {
        await checkLocation(client, location, { past: true })
        const found = await readOutbox(client, { location, kind, statuses: status === undefined ? undefined : [status] }, limit)
        const output = createStandardOutput()
        if (json === true)
          return output.write(
            `${JSON.stringify(
              found.map((entry) => ({ ...entry, createdText: undefined })),
              null,
              2,
            )}\n`,
          )
        return output.write(found.length === 0 ? 'There are none.\n' : tableOf(found))
      })
    })
}

function tableOf(found: readonly OutboxRead[]): string {
  return formatTable(
    [
      { name: 'id' },
      { name: 'kind' },
      { name: 'target' },
      { name: 'location' },
      { name: 'status' },
      { name: 'tries', align: 'right' },
      { name: 'created' },
      { name: 'says' },
    ],
    found.map((one) => [
      one.id.slice(0, 8),
      one.kind,
      one.target,
      one.location,
      one.status,
      String(one.attempt),
      moment(one.createdAt),
      shortened(harmless(one.error?.message ?? one.title).replaceAll(/\s+/g, ' '), 100),
    ]),
  )
}

function retryCommand() {
  return new Command('retry')
    .description('Have what was given up tried again.')
    .argument('[id]', 'of one, or its first letters')
    .option('--all', 'all that was given up')
    .option('--location <name>', 'with --all: only of this code location')
    .action(async (id, { all, location }) => {
      if ((id === undefined) === (all === undefined)) {
        throw new ConfigError('It is not said what is to be tried again.', { code: 'NOTIFICATION_NOT_SAID', hint: 'Name an id, or take --all.' })
      }
      const retried = await withCatalog(readEnvironment().config, 'notifications', async (client) => {
        await checkLocation(client, location)
        return retryOutbox(client, id === undefined ? { location } : { id: await findFailed(client, id) })
      })
      process.stdout.write(
        retried.length === 0 ? 'Nothing was given up.\n' : `${retried.length === 1 ? 'It is' : `${String(retried.length)} are`} tried again.\n`,
      )
    })
}

async function findFailed(client: Queryable, id: string): Promise<string> {
  const { rows } = await client.query<{ id: string }>(`SELECT id FROM millrace.outbox WHERE status = 'failed' AND starts_with(id::text, lower($1)) LIMIT 2`, [
    id,
  ])
  const [found, second] = rows
  if (found !== undefined && second === undefined) return found.id
  throw new ConfigError(found === undefined ? `Nothing that was given up has the id ${id}.` : `Several that were given up have ids that begin with ${id}.`, {
    code: 'NOTIFICATION_NOT_FAILED',
    hint: 'millrace notifications list --status failed',
  })
}

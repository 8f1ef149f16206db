import { readFileSync } from 'node:fs'
import { Command } from '@commander-js/extra-typings'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { reportError } from './report-error.ts'

const exitCodes = `
Exit codes: 0 done · 1 failed · 2 wrong command line or configuration · 3 the database does not answer ·
4 a plan with --exit-code has changes · 130 interrupted
Settings come from the environment and .env: DATABASE_URL (else an embedded Postgres under .millrace/), REDIS_URL (else queues
live in Postgres), DESTINATION_URL, PORT, HOST, MILLRACE_PIPELINES, MILLRACE_SPOOL, LOG_LEVEL and more: see docs/settings.md.`

function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : ''
}

/** Each command's module is loaded only when it is asked for: a worker has no use for the board, and a person waits for the help. */
const commands: Readonly<Record<string, () => Promise<CommandUnknownOpts>>> = {
  dev: async () => (await import('./commands/dev.ts')).devCommand(),
  materialize: async () => (await import('./commands/materialize.ts')).materializeCommand(),
  runs: async () => (await import('./commands/runs.ts')).runsCommand(),
  assets: async () => (await import('./commands/assets.ts')).assetsCommand(),
  quarantine: async () => (await import('./commands/quarantine.ts')).quarantineCommand(),
  infer: async () => (await import('./commands/infer.ts')).inferCommand(),
  sql: async () => (await import('./commands/sql.ts')).sqlCommand(),
  url: async () => (await import('./commands/url.ts')).urlCommand(),
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  init: async () => (await import('./commands/init.ts')).initCommand(),
  migrate: async () => (await import('./commands/migrate.ts')).migrateCommand(),
  board: async () => (await import('./commands/board.ts')).boardCommand(),
  producers: async () => (await import('./commands/producers.ts')).producersCommand(),
  worker: async () => (await import('./commands/worker.ts')).workerCommand(),
}

/** The command line. Sets the exit code; ends the process only when something keeps it from ending by itself. */
export async function main(argv: readonly string[] = process.argv): Promise<void> {
  const program = new Command('millrace')
    .description('Data pipelines for TypeScript teams whose data lives in Postgres.')
    .version(packageVersion())
    .showHelpAfterError('(run with --help for what there is)')
    .addHelpText('after', exitCodes)
    .exitOverride()
  const asked = commands[argv[2] ?? '']
  for (const make of asked === undefined ? Object.values(commands) : [asked]) program.addCommand((await make()).exitOverride())
  try {
    await program.parseAsync([...argv])
  } catch (error) {
    process.exitCode = reportError(error)
  }
  // Everything was closed in order; whatever a library still holds must not keep a finished command alive.
  const late = setTimeout(() => process.exit(), 1500)
  late.unref()
}

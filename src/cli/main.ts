import { readFileSync } from 'node:fs'
import { Command } from '@commander-js/extra-typings'
import { commands } from './command-table.ts'
import { exitCodeOfError } from './exit-code.ts'
import { reportError } from './report-error.ts'

const exitCodes = `
Exit codes: 0 done · 1 failed · 2 wrong command line or setting · 3 the database does not answer, or nothing is running ·
4 a plan with --exit-code has changes · 130 interrupted
Settings come from the environment and .env: DATABASE_URL (else an embedded Postgres under .millrace/), REDIS_URL (else queues
live in Postgres), DESTINATION_URL, PORT, HOST, MILLRACE_PIPELINES, MILLRACE_SPOOL, LOG_LEVEL and more: see docs/settings.md.`

function packageVersion(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : ''
}

/** The command line. Sets the exit code; ends the process only when something keeps it from ending by itself. */
export async function main(argv: readonly string[] = process.argv): Promise<void> {
  await runCommand(argv)
  // Everything was closed in order; whatever a library still holds must not keep a finished command alive.
  const late = setTimeout(() => process.exit(), 1500)
  late.unref()
}

/** Runs one command, and sets the exit code. */
export async function runCommand(argv: readonly string[]): Promise<void> {
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
    // Not loaded where nothing went wrong: it has the driver of Postgres with it.
    const { tellAway } = await import('./tell-away.ts')
    const told = tellAway(error)
    reportError(told)
    process.exitCode = exitCodeOfError(told)
  }
}

import { readFileSync } from 'node:fs'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { describe, expect, test } from 'vitest'
import { assetsCommand } from '../../src/cli/commands/assets.ts'
import { automationCommand } from '../../src/cli/commands/automation.ts'
import { backfillCommand } from '../../src/cli/commands/backfill.ts'
import { backfillsCommand } from '../../src/cli/commands/backfills.ts'
import { boardCommand } from '../../src/cli/commands/board.ts'
import { completionCommand } from '../../src/cli/commands/completion.ts'
import { devCommand } from '../../src/cli/commands/dev.ts'
import { doctorCommand } from '../../src/cli/commands/doctor.ts'
import { explainCommand } from '../../src/cli/commands/explain.ts'
import { inferCommand } from '../../src/cli/commands/infer.ts'
import { initCommand } from '../../src/cli/commands/init.ts'
import { limitsCommand } from '../../src/cli/commands/limits.ts'
import { jobsCommand } from '../../src/cli/commands/jobs.ts'
import { launchCommand } from '../../src/cli/commands/launch.ts'
import { locationsCommand } from '../../src/cli/commands/locations.ts'
import { materializeCommand } from '../../src/cli/commands/materialize.ts'
import { migrateCommand } from '../../src/cli/commands/migrate.ts'
import { notificationsCommand } from '../../src/cli/commands/notifications.ts'
import { pauseCommand } from '../../src/cli/commands/pause.ts'
import { poolsCommand } from '../../src/cli/commands/pools.ts'
import { partitionsCommand } from '../../src/cli/commands/partitions.ts'
import { producersCommand } from '../../src/cli/commands/producers.ts'
import { quarantineCommand } from '../../src/cli/commands/quarantine.ts'
import { resumeCommand } from '../../src/cli/commands/resume.ts'
import { runsCommand } from '../../src/cli/commands/runs.ts'
import { schedulesCommand } from '../../src/cli/commands/schedules.ts'
import { sensorsCommand } from '../../src/cli/commands/sensors.ts'
import { sqlCommand } from '../../src/cli/commands/sql.ts'
import { urlCommand } from '../../src/cli/commands/url.ts'
import { workerCommand } from '../../src/cli/commands/worker.ts'

const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')

const commands: readonly CommandUnknownOpts[] = [
  assetsCommand(),
  automationCommand(),
  backfillCommand(),
  backfillsCommand(),
  boardCommand(),
  completionCommand(),
  devCommand(),
  doctorCommand(),
  explainCommand(),
  inferCommand(),
  initCommand(),
  limitsCommand(),
  jobsCommand(),
  launchCommand(),
  locationsCommand(),
  materializeCommand(),
  migrateCommand(),
  notificationsCommand(),
  pauseCommand(),
  poolsCommand(),
  partitionsCommand(),
  producersCommand(),
  resumeCommand(),
  quarantineCommand(),
  runsCommand(),
  schedulesCommand(),
  sensorsCommand(),
  sqlCommand(),
  urlCommand(),
  workerCommand(),
]

/** Every command that does something, with the words that call it. */
const leaves = commands.flatMap((command) =>
  command.commands.length === 0
    ? [{ name: command.name(), command }]
    : command.commands.map((one) => ({ name: `${command.name()} ${one.name()}`, command: one })),
)

describe('docs/cli.md', () => {
  test.each(leaves)('has millrace $name and each of its options', ({ name, command }) => {
    const start = page.indexOf(`millrace ${name}`)
    expect(start).toBeGreaterThan(-1)
    // From its first mention to the next command's: its paragraph and the table below it.
    const rest = page.slice(start + 1)
    const end = rest.search(/\n- \*\*`millrace |\n## /)
    const text = rest.slice(0, end === -1 ? undefined : end)
    const missing = command.options
      .filter(({ hidden }) => !hidden)
      .map((option) => option.long ?? '')
      .filter((flag) => !text.includes(flag))
    expect(missing).toEqual([])
  })

  test('every command says what it is for', () => {
    expect(leaves.filter(({ command }) => command.description() === '').map(({ name }) => name)).toEqual([])
  })
})

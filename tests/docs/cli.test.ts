import { readFileSync } from 'node:fs'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { describe, expect, test } from 'vitest'
import { assetsCommand } from '../../src/cli/commands/assets.ts'
import { boardCommand } from '../../src/cli/commands/board.ts'
import { devCommand } from '../../src/cli/commands/dev.ts'
import { doctorCommand } from '../../src/cli/commands/doctor.ts'
import { inferCommand } from '../../src/cli/commands/infer.ts'
import { initCommand } from '../../src/cli/commands/init.ts'
import { materializeCommand } from '../../src/cli/commands/materialize.ts'
import { migrateCommand } from '../../src/cli/commands/migrate.ts'
import { producersCommand } from '../../src/cli/commands/producers.ts'
import { quarantineCommand } from '../../src/cli/commands/quarantine.ts'
import { runsCommand } from '../../src/cli/commands/runs.ts'
import { sqlCommand } from '../../src/cli/commands/sql.ts'
import { urlCommand } from '../../src/cli/commands/url.ts'
import { workerCommand } from '../../src/cli/commands/worker.ts'

const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')

const commands: readonly CommandUnknownOpts[] = [
  assetsCommand(),
  boardCommand(),
  devCommand(),
  doctorCommand(),
  inferCommand(),
  initCommand(),
  materializeCommand(),
  migrateCommand(),
  producersCommand(),
  quarantineCommand(),
  runsCommand(),
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
    const missing = command.options.map((option) => option.long ?? '').filter((flag) => !text.includes(flag))
    expect(missing).toEqual([])
  })

  test('every command says what it is for', () => {
    expect(leaves.filter(({ command }) => command.description() === '').map(({ name }) => name)).toEqual([])
  })
})

import { fileURLToPath } from 'node:url'
import { Argument, Command } from '@commander-js/extra-typings'
import { wholeNumber } from '../argument.ts'
import { commands } from '../command-table.ts'
import { bashScript } from '../completion/bash-script.ts'
import { describeCommands } from '../completion/command-line.ts'
import type { CommandLine } from '../completion/command-line.ts'
import { fishScript } from '../completion/fish-script.ts'
import { valueKinds } from '../completion/value-kind.ts'
import { zshScript } from '../completion/zsh-script.ts'

const examples = `
Put the script where the shell looks for it, and begin a new shell:
  bash   millrace completion bash > ~/.local/share/bash-completion/completions/millrace
  zsh    millrace completion zsh > ~/.zfunc/_millrace       (with fpath+=~/.zfunc before compinit in ~/.zshrc)
  fish   millrace completion fish > ~/.config/fish/completions/millrace.fish`

/** What a shell is told: the commands, and the program that it asks for asset keys when there is no `millrace` on its PATH. */
type ScriptOf = (commandLines: readonly CommandLine[], program: string) => string

export function completionCommand() {
  return new Command('completion')
    .description('Print a script that lets a shell complete commands, options, asset keys, locations and runs.')
    .addHelpText('after', examples)
    .addCommand(shellCommand('bash', bashScript).exitOverride())
    .addCommand(shellCommand('zsh', zshScript).exitOverride())
    .addCommand(shellCommand('fish', fishScript).exitOverride())
    .addCommand(valuesCommand().exitOverride(), { hidden: true })
}

function shellCommand(name: string, scriptOf: ScriptOf) {
  return new Command(name).description(`The script for ${name}.`).action(async () => {
    const all = await Promise.all(Object.values(commands).map((make) => make()))
    process.stdout.write(scriptOf(describeCommands(all), fileURLToPath(new URL('../../../bin/millrace.js', import.meta.url))))
  })
}

function valuesCommand() {
  return (
    new Command('values')
      .description('What the scripts ask: names of a kind that begin so, with a word on each. Nothing where no database answers at once.')
      .addArgument(new Argument('<kind>').choices(valueKinds))
      .argument('[beginning]', 'what is typed already', '')
      // A person waits for the next letter: what is not known by then is not known.
      .option('--within <ms>', 'how long to wait for the database', wholeNumber, 250)
      .action(async (kind, beginning, { within }) => {
        const { readValues } = await import('../completion/read-values.ts')
        const values = await readValues(kind, beginning, within)
        process.stdout.write(values.map(({ value, about }) => `${value}\t${about}\n`).join(''))
      })
  )
}

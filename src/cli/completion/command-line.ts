import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { valueSource } from './value-kind.ts'
import type { ValueSource } from './value-kind.ts'

export interface Described {
  readonly name: string
  readonly description: string
}

export interface OptionDescription {
  /** `-l` and `--location`; one or both. */
  readonly flags: readonly string[]
  readonly description: string
  /** Undefined for an option without a value. */
  readonly value: ValueSource | undefined
}

/** A place of the command line: the words before, and what may follow. */
export interface CommandLine {
  /** Empty for the program itself, else as `runs list`. */
  readonly place: string
  readonly commands: readonly Described[]
  readonly options: readonly OptionDescription[]
  /** What its arguments are; undefined where it takes none. */
  readonly argument: ValueSource | undefined
}

const help: OptionDescription = { flags: ['-h', '--help'], description: 'display help for command', value: undefined }
const version: OptionDescription = { flags: ['-V', '--version'], description: 'output the version number', value: undefined }

/** Every place of the command line, as its commands declare it. */
export function describeCommands(commands: readonly CommandUnknownOpts[]): CommandLine[] {
  return [
    { place: '', commands: commands.map(described), options: [version, help], argument: undefined },
    ...commands.flatMap((one) => placesOf(one, one.name())),
  ]
}

function placesOf(command: CommandUnknownOpts, place: string): CommandLine[] {
  // Those that are not in the help are not for people.
  const shown = command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help')
  const argument = command.registeredArguments[0]
  const options = command.options
    .filter((option) => !option.hidden)
    .map((option) => ({
      flags: [option.short, option.long].filter((flag) => flag !== undefined),
      description: option.description,
      value: option.required || option.optional ? valueSource(option.attributeName(), option.argChoices) : undefined,
    }))
  const own: CommandLine = {
    place,
    commands: shown.map(described),
    options: [...options, help],
    argument: argument === undefined ? undefined : valueSource(argument.name(), argument.argChoices),
  }
  return [own, ...shown.flatMap((one) => placesOf(one, `${place} ${one.name()}`))]
}

function described(command: CommandUnknownOpts): Described {
  return { name: command.name(), description: command.description() }
}

import type { CommandLine } from './command-line.ts'
import { quoted } from './quote.ts'
import type { ValueSource } from './value-kind.ts'

/** As the scripts write a source: `assets`, `files`, or `words` with the words. */
const sourceText = (source: ValueSource): string => (source.kind === 'words' ? `words ${source.words.join(' ')}` : source.kind)

/**
 * The functions in which bash and zsh look up what may follow at a place, and what an option's value is.
 * @param listed how a shell writes the commands and the long options of a place, as what stands right of the `=`
 */
export function lookups(commandLines: readonly CommandLine[], listed: (line: CommandLine) => { readonly commands: string; readonly options: string }): string {
  const places = commandLines.map((line) => {
    const { commands, options } = listed(line)
    return `    ${quoted(line.place)})
      commands=${commands}
      options=${options}
      source=${quoted(line.argument === undefined ? '' : sourceText(line.argument))} ;;`
  })
  const values = commandLines.flatMap(({ place, options }) =>
    options.flatMap(({ flags, value }) =>
      value === undefined ? [] : [`    ${flags.map((flag) => quoted(`${place} ${flag}`)).join('|')}) source=${quoted(sourceText(value))} ;;`],
    ),
  )
  return `_millrace_place() {
  case $1 in
${places.join('\n')}
  esac
}
_millrace_option() {
  case $1 in
${values.join('\n')}
    *) source= ;;
  esac
}`
}

/** An option's flags that begin with two hyphens: the others are known by heart, or not at all. */
export const longFlags = (flags: readonly string[]): string[] => flags.filter((flag) => flag.startsWith('--'))

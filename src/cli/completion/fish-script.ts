import type { CommandLine, OptionDescription } from './command-line.ts'
import { fishQuoted } from './quote.ts'
import type { ValueSource } from './value-kind.ts'

/** The flags of `complete` that say what a value is. */
function valueFlags(source: ValueSource): string {
  if (source.kind === 'words') return ` -a ${fishQuoted(source.words.join(' '))}`
  if (source.kind === 'files') return ' -F'
  return source.kind === 'unknown' ? '' : ` -a '(__millrace_values ${source.kind})'`
}

function optionLine(at: string, { flags, description, value }: OptionDescription): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? ` -l ${flag.slice(2)}` : ` -s ${flag.slice(1)}`)).join('')
  const takes = value === undefined ? '' : value.kind === 'files' ? ' -r' : ' -x'
  return `${at}${names} -d ${fishQuoted(description)}${takes}${value === undefined ? '' : valueFlags(value)}`
}

/** A script for fish, with a description beside each word. */
export function fishScript(commandLines: readonly CommandLine[], program: string): string {
  const words = commandLines.flatMap(({ place, commands }) => commands.map(({ name }) => fishQuoted(`${place} ${name}`)))
  const lines = commandLines.flatMap(({ place, commands, options, argument }) => {
    const at = `complete -c millrace -n ${fishQuoted(`__millrace_at ${place}`.trim())}`
    return [
      ...commands.map(({ name, description }) => `${at} -a ${name} -d ${fishQuoted(description)}`),
      ...options.map((option) => optionLine(at, option)),
      ...(argument === undefined || valueFlags(argument) === '' ? [] : [`${at}${valueFlags(argument)}`]),
    ]
  })
  return `# fish completion for millrace; made by: millrace completion fish
function __millrace_place
    set -l place
    for word in (commandline -opc)[2..-1]
        switch "$place $word"
            case ${words.join(' ')}
                set place (string trim "$place $word")
        end
    end
    echo $place
end
function __millrace_at
    set -l place (__millrace_place)
    test "$place" = "$argv"
end
function __millrace_values
    set -l program (command -v (commandline -opc)[1]; or echo ${fishQuoted(program)})
    $program completion values $argv[1] (commandline -ct | string replace -r '^--[^=]*=' '') 2>/dev/null
end
complete -c millrace -f
${lines.join('\n')}
`
}

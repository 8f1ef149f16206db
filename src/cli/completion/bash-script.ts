import type { CommandLine } from './command-line.ts'
import { quoted } from './quote.ts'
import type { ValueSource } from './value-kind.ts'

/** As the scripts write a source: `assets`, `files`, or `words` with the words. */
export const sourceText = (source: ValueSource): string => (source.kind === 'words' ? `words ${source.words.join(' ')}` : source.kind)

/** The cases of a `case` that answer what an option's value is. */
export function optionCases(commandLines: readonly CommandLine[]): string[] {
  return commandLines.flatMap(({ place, options }) =>
    options.flatMap(({ flags, value }) =>
      value === undefined ? [] : [`    ${flags.map((flag) => quoted(`${place} ${flag}`)).join('|')}) source=${quoted(sourceText(value))} ;;`],
    ),
  )
}

/** A script for bash. It holds all commands and options, so that only names are asked for, of a process that answers in a moment. */
export function bashScript(commandLines: readonly CommandLine[], program: string): string {
  const places = commandLines.map(
    ({ place, commands, options, argument }) =>
      `    ${quoted(place)}) commands=${quoted(commands.map(({ name }) => name).join(' '))}; options=${quoted(
        options.flatMap(({ flags }) => flags.filter((flag) => flag.startsWith('--'))).join(' '),
      )}; source=${quoted(argument === undefined ? '' : sourceText(argument))} ;;`,
  )
  return `# bash completion for millrace; made by: millrace completion bash
_millrace_place() {
  case $1 in
${places.join('\n')}
  esac
}
_millrace_option() {
  case $1 in
${optionCases(commandLines).join('\n')}
    *) source= ;;
  esac
}
_millrace() {
  local IFS=$' \\t\\n' current=\${COMP_WORDS[COMP_CWORD]} place= commands options source word i program
  COMPREPLY=()
  _millrace_place ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == -* ]]; then
      _millrace_option "$place $word"
      [[ -n $source ]] || continue
      # --location=name comes as three words
      [[ \${COMP_WORDS[i + 1]} == '=' ]] && ((i++))
      ((++i < COMP_CWORD)) || break
    elif [[ " $commands " == *" $word "* ]]; then
      place="\${place:+$place }$word"
      _millrace_place "$place"
    fi
    source=
  done
  [[ $current == '=' ]] && current=
  if [[ -z $source ]]; then
    _millrace_place "$place"
    if [[ $current == -* || ( -z $source && -z $commands ) ]]; then
      COMPREPLY=($(compgen -W "$options" -- "$current"))
      return
    elif [[ -n $commands ]]; then
      COMPREPLY=($(compgen -W "$commands" -- "$current"))
      return
    fi
  fi
  case $source in
    unknown) ;;
    files) compopt -o filenames 2>/dev/null; COMPREPLY=($(IFS=$'\\n'; compgen -f -- "$current")) ;;
    words\\ *) COMPREPLY=($(compgen -W "\${source#words }" -- "$current")) ;;
    *)
      program=$(type -P "\${COMP_WORDS[0]}") || program=${quoted(program)}
      COMPREPLY=($("$program" completion values "$source" "$current" 2>/dev/null | while IFS=$'\\t' read -r word _; do printf '%s\\n' "$word"; done))
      ;;
  esac
}
complete -F _millrace millrace
`
}

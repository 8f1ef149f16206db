import type { CommandLine } from './command-line.ts'
import { longFlags, lookups } from './lookups.ts'
import { quoted } from './quote.ts'

/** A script for bash. It holds all commands and options, so that only names are asked for, of a process that answers in a moment. */
export function bashScript(commandLines: readonly CommandLine[], program: string): string {
  return `# bash completion for millrace; made by: millrace completion bash
${lookups(commandLines, ({ commands, options }) => ({
  commands: quoted(commands.map(({ name }) => name).join(' ')),
  options: quoted(options.flatMap(({ flags }) => longFlags(flags)).join(' ')),
}))}
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

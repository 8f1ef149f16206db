import type { CommandLine } from './command-line.ts'
import { longFlags, lookups } from './lookups.ts'
import { quoted } from './quote.ts'

/** A name with its description, as `_describe` takes them. */
const entry = (name: string, description: string): string => quoted(`${name.replaceAll(':', '\\:')}:${description}`)

/** A script for zsh, with a description beside each word. */
export function zshScript(commandLines: readonly CommandLine[], program: string): string {
  return `#compdef millrace
# zsh completion for millrace; made by: millrace completion zsh
${lookups(commandLines, ({ commands, options }) => ({
  commands: `(${commands.map(({ name, description }) => entry(name, description)).join(' ')})`,
  options: `(${options.flatMap(({ flags, description }) => longFlags(flags).map((flag) => entry(flag, description))).join(' ')})`,
}))}
_millrace() {
  local place= source= word line program current="\${words[CURRENT]}"
  local -a commands options found
  integer i
  _millrace_place ''
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ $word == -* ]]; then
      _millrace_option "$place $word"
      [[ -n $source ]] || continue
      ((++i < CURRENT)) || break
    elif (( \${commands[(I)$word:*]} )); then
      place="\${place:+$place }$word"
      _millrace_place "$place"
    fi
    source=
  done
  if [[ -z $source && $current == --*=* ]]; then
    _millrace_option "$place \${current%%=*}"
    compset -P '*='
    current=\${current#*=}
  fi
  if [[ -z $source ]]; then
    _millrace_place "$place"
    if [[ $current == -* || ( -z $source && \${#commands} -eq 0 ) ]]; then
      _describe -o option options
      return
    elif (( \${#commands} )); then
      _describe command commands
      return
    fi
  fi
  case $source in
    unknown) ;;
    files) _files ;;
    words\\ *) found=(\${=source#words }); _describe value found ;;
    *)
      program=$(whence -p "\${words[1]}") || program=${quoted(program)}
      for line in "\${(@f)$("$program" completion values "$source" "$current" 2>/dev/null)}"; do
        [[ -n $line ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
      done
      _describe "$source" found
      ;;
  esac
}
if [[ "\${funcstack[1]}" == _millrace ]]; then _millrace "$@"; else compdef _millrace millrace; fi
`
}

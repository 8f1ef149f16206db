import { Command } from '@commander-js/extra-typings'

export function sqlCommand() {
  return new Command('sql')
}

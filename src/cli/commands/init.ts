import { Command } from '@commander-js/extra-typings'

export function initCommand() {
  return new Command('init')
}

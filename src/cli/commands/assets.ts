import { Command } from '@commander-js/extra-typings'

export function assetsCommand() {
  return new Command('assets')
}

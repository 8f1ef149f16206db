import { Command } from '@commander-js/extra-typings'

export function runsCommand() {
  return new Command('runs')
}

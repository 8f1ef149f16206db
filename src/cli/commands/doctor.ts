import { Command } from '@commander-js/extra-typings'

export function doctorCommand() {
  return new Command('doctor')
}

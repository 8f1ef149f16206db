import { Command } from '@commander-js/extra-typings'

export function urlCommand() {
  return new Command('url')
}

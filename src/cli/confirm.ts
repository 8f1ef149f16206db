import { createInterface } from 'node:readline/promises'
import { ConfigError } from '../errors.ts'

export interface ConfirmStreams {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean }
  readonly output: NodeJS.WritableStream
}

/**
 * Asks back on a terminal; only `y` and `yes` are a yes.
 * @throws ConfigError `CONFIRMATION_NEEDED` where there is nobody to ask
 */
export async function confirm(question: string, streams: ConfirmStreams = { input: process.stdin, output: process.stderr }): Promise<boolean> {
  if (streams.input.isTTY !== true) {
    throw new ConfigError(`${question} There is no terminal to ask on.`, { code: 'CONFIRMATION_NEEDED', hint: 'Say so beforehand: --yes.' })
  }
  const terminal = createInterface(streams)
  try {
    const closed = Promise.withResolvers<string>()
    terminal.once('close', () => closed.resolve(''))
    const answer = await Promise.race([terminal.question(`${question} [y/N] `), closed.promise])
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    terminal.close()
  }
}

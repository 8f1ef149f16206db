import { CommanderError, InvalidArgumentError } from '@commander-js/extra-typings'
import { storedError } from '../errors.ts'
import type { StoredError } from '../errors.ts'
import { redactText } from '../redact.ts'

/** Says on standard error what went wrong and what to do. Stacks only with LOG_LEVEL=debug. */
export function reportError(error: unknown): void {
  // Of an option by itself the parser has told; of what only the command found out, nobody has.
  if (error instanceof InvalidArgumentError) process.stderr.write(`✗ ${error.message} (run with --help for what there is)\n`)
  if (error instanceof CommanderError) return
  process.stderr.write(`${redactText(describeError(storedError(error)))}\n`)
  if (process.env['LOG_LEVEL'] === 'debug' && error instanceof Error) process.stderr.write(`${redactText(error.stack ?? '')}\n`)
}

/** An error as lines for a person: message, hint, causes. */
export function describeError(error: StoredError): string {
  const lines = [`✗ ${error.message}${error.code === 'UNKNOWN' ? '' : ` (${error.code})`}`]
  if (error.hint !== undefined) lines.push(`  → ${error.hint}`)
  for (let cause = error.cause; cause !== undefined; cause = cause.cause) if (!error.message.includes(cause.message)) lines.push(`  because: ${cause.message}`)
  return lines.join('\n')
}

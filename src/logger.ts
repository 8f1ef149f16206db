import { createRequire } from 'node:module'
import pino from 'pino'
import { storedError } from './errors.ts'
import { isSecretKey, redact, redacted, redactText } from './redact.ts'

export type Logger = pino.Logger

export interface LoggerOptions {
  readonly level: string
  /** Readable lines for a person instead of JSON for a program. */
  readonly pretty: boolean
  /** A file descriptor or a stream; standard error by default, so that a command's output stays its result. */
  readonly destination?: number | pino.DestinationStream
}

/** A logger that writes no secret: values are redacted by key, and by form inside text. */
export function createLogger(options: LoggerOptions): Logger {
  const settings: pino.LoggerOptions = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: (error: unknown) => redact(storedError(error)), error: (error: unknown) => redact(storedError(error)) },
    hooks: {
      logMethod(args, method) {
        const clean = args.map((one: unknown) => (one instanceof Error ? { err: one } : typeof one === 'string' ? redactText(one) : one))
        method.apply(this, clean as Parameters<typeof method>)
      },
    },
    formatters: { log: redactFields },
  }
  if (options.pretty) {
    // Loaded only where it is wanted, and in this thread: a transport is one more thread in each process, whose last lines are lost where the process ends at once.
    const pretty = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty')
    const destination = options.destination ?? 2
    return pino(settings, pretty({ destination, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', singleLine: true }))
  }
  return typeof options.destination === 'object'
    ? pino(settings, options.destination)
    : pino(settings, pino.destination({ fd: options.destination ?? 2, sync: true }))
}

function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? value : isSecretKey(key) ? redacted : redact(value)]))
}

import type { EventLevel } from '../catalog/events.ts'
import type { JsonObject } from '../definitions/json.ts'
import type { Log } from '../definitions/log.ts'
import { lineOf } from '../workers/user-line.ts'

/** A line that user code logged, as a run keeps it: without secrets, and cut where it is too long. */
export interface TestLine {
  /** The step, asset or sensor that logged it. */
  readonly step: string
  readonly level: EventLevel
  readonly message: string
  readonly fields: JsonObject
}

/** A log that keeps its lines in a list. */
export function logInto(lines: TestLine[], step: string): Log {
  const add = (level: EventLevel, message: unknown, fields: unknown): void => {
    const line = lineOf(level, message, fields)
    lines.push({ step, level, message: line.message, fields: JSON.parse(line.data) as JsonObject })
  }
  return Object.assign((message: string, fields?: unknown) => add('info', message, fields), {
    debug: (message: string, fields?: unknown) => add('debug', message, fields),
    info: (message: string, fields?: unknown) => add('info', message, fields),
    warn: (message: string, fields?: unknown) => add('warn', message, fields),
    error: (message: string, fields?: unknown) => add('error', message, fields),
  })
}

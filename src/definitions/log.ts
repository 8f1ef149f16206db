import type { JsonObject } from './json.ts'

/** Writes one line; what is in the fields under the name of a secret is not stored. */
export type LogLine = (message: string, fields?: JsonObject) => void

/** Writes lines to the run's log: `log('fetched', { rows })` at level info, and one function a level. */
export interface Log extends LogLine {
  readonly debug: LogLine
  readonly info: LogLine
  readonly warn: LogLine
  readonly error: LogLine
}

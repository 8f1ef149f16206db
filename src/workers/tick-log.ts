import type { JsonObject } from '../definitions/json.ts'
import { redact, redactText } from '../redact.ts'

/** Lines and characters of an evaluation's log that are kept. */
const mostLines = 100
const longestLine = 2000

/** Keeps a line that the function of a sensor or of a schedule logged with its tick, without secrets, where there is room. */
export function keepLine(log: JsonObject[], message: string, fields: JsonObject): void {
  if (log.length >= mostLines) return
  const said = redactText(message).slice(0, longestLine)
  log.push({ at: new Date().toISOString(), message: said, ...(Object.keys(fields).length === 0 ? {} : { fields: redact(fields) as JsonObject }) })
}

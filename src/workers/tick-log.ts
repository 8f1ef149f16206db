import type { JsonObject } from '../definitions/json.ts'

/** Lines and characters of an evaluation's log that are kept. */
const mostLines = 100
const longestLine = 2000

/** Keeps a line that the function of a sensor or of a schedule logged with its tick, where there is room. */
export function keepLine(log: JsonObject[], message: string, fields: JsonObject): void {
  if (log.length >= mostLines) return
  log.push({ at: new Date().toISOString(), message: message.slice(0, longestLine), ...(Object.keys(fields).length === 0 ? {} : { fields }) })
}

import { storableJson } from '../catalog/events.ts'
import type { EventLevel, LoggedLine } from '../catalog/events.ts'
import { storableText } from '../errors.ts'
import { redact } from '../redact.ts'

/** The longest message, in characters; what is longer is cut. */
const longestMessage = 8 * 1024
/** The most that the fields of a line may take as JSON, in characters; what is longer is left out but for its beginning. */
const longestFields = 16 * 1024
const shownOfFields = 1000

/** What user code logged, as it is stored: at once, since the code may go on to change the fields. Never throws. */
export function lineOf(level: EventLevel, message: unknown, fields: unknown): LoggedLine {
  return { level, message: messageText(message), data: fieldsText(fields), loggedAt: performance.now() }
}

function messageText(message: unknown): string {
  const text = typeof message === 'string' ? message : String(message)
  // Twice as much is looked at for secrets, so that one at the cut is seen whole.
  const clean = storableText(String(redact(text.slice(0, 2 * longestMessage))))
  if (text.length <= longestMessage) return clean
  return `${clean.slice(0, longestMessage).toWellFormed()}… (cut: the line has ${text.length.toLocaleString('en')} characters)`
}

/** An object's JSON that jsonb takes. */
function fieldsText(fields: unknown): string {
  let text: string | undefined
  try {
    text = storableJson(redact(fields ?? {})) as string | undefined
  } catch (error) {
    text = JSON.stringify({ unreadable: String(error).toWellFormed() })
  }
  if (text === undefined) return '{}'
  // Names of fields may hold what text in Postgres cannot.
  const clean = text.replaceAll(/\\u(?:0000|d[89a-f][0-9a-f]{2})/gi, String.raw`\ufffd`)
  const json = clean.startsWith('{') ? clean : `{"value":${clean}}`
  if (json.length <= longestFields) return json
  return storableJson({ cut: `The fields of this line have ${json.length.toLocaleString('en')} characters.`, beginning: json.slice(0, shownOfFields) })
}

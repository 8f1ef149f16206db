import { count } from '../format.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'

export { moment } from '../format.ts'

/** Text as it is; over several lines where it has them. */
export function longText({ value, cutFrom }: CutText): Html {
  return withCut(value.includes('\n') ? html`<pre>${value}</pre>` : shortText(value), { value, cutFrom })
}

export interface CutText {
  readonly value: string
  /** How many characters it had. */
  readonly cutFrom?: number | undefined
}

/** What is shown of a text, and of how much that is the beginning. */
export function withCut(shown: Html, { value, cutFrom }: CutText): Html {
  return cutFrom === undefined ? shown : html`${shown} <span class="quiet">the first ${count(value.length)} of ${count(cutFrom)} characters</span>`
}

export function shortText(value: string): Html {
  return value === '' ? html`<span class="quiet">empty text</span>` : html`${value}`
}

/** What one copies: a path, a key. */
export function quoted(value: string): Html {
  return html`<code>${value}</code>`
}

/** A number with its thousands apart; all of its digits. */
export function amount(value: number | string): Html {
  if (typeof value === 'string') return html`${value}`
  return Number.isSafeInteger(value) ? html`${count(value)}` : html`${String(value)}`
}

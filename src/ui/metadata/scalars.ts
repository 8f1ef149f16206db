import { count } from '../format.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'

export { moment } from '../format.ts'

/** Text as it is; over several lines where it has them. */
export function longText({ value, cutFrom }: { readonly value: string; readonly cutFrom?: number | undefined }): Html {
  const shown = value.includes('\n') ? html`<pre>${value}</pre>` : shortText(value)
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

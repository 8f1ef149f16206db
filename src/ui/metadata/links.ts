import { html } from '../html.ts'
import type { Html } from '../html.ts'
import { quoted } from './scalars.ts'

/** A link to a page of the web; any other address is text, for a browser might run it. */
export function webLink(value: string): Html {
  const target = URL.parse(value)
  if (target === null || !isOfTheWeb(value)) return quoted(value)
  return html`<a href="${target.href}" rel="noopener noreferrer" target="_blank">${value}<span class="unseen"> (opens a new page)</span></a>`
}

/** Whether an address is one that a browser only fetches. */
export const isOfTheWeb = (value: string): boolean => ['http:', 'https:'].includes(URL.parse(value)?.protocol ?? '')

export function runLink(id: string): Html {
  return html`<a href="/runs/${id}"><code>${id.slice(0, 8)}</code></a>`
}

export function assetName(key: string): Html {
  return html`<span class="quiet">asset</span> ${quoted(key)}`
}

export function jobName(name: string): Html {
  return html`<span class="quiet">job</span> ${quoted(name)}`
}

import { html } from './html.ts'
import type { Html } from './html.ts'

/** The address of a list of what is asked for. */
function listPath(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const parts = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parts.set(name, value)
  return parts.size === 0 ? path : `${path}?${parts.toString()}`
}

/** The ways to all of a list and to those of each status; the chosen one is no link. */
export function statusLinks(path: string, query: Readonly<Record<string, string | undefined>>, statuses: readonly string[]): Html {
  const link = (status: string | undefined): Html => {
    const name = status ?? 'all'
    return status === query['status'] ? html`<b>${name}</b> ` : html`<a href="${listPath(path, { ...query, status })}" data-key="only ${name}">${name}</a> `
  }
  return html`<p>${[undefined, ...statuses].map(link)}</p>`
}

/** The way to the next page of a list. */
export function nextLink(path: string, query: Readonly<Record<string, string | undefined>>, cursor: string | null): Html | null {
  return cursor === null ? null : html`<p><a href="${listPath(path, { ...query, cursor })}" rel="next" data-key="next">The next ones</a></p>`
}
